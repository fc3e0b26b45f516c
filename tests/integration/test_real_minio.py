"""What the archive takes for granted of its object store, tried on a real MinIO."""

import io

import pytest
from minio import Minio

from tests.servers import MinioServer

pytestmark = pytest.mark.minio


def test_an_object_reads_back_as_written(minio_server: MinioServer) -> None:
    client = Minio(
        minio_server.endpoint, access_key=minio_server.access_key, secret_key=minio_server.secret_key, secure=False
    )
    segment = bytes(range(256)) * 8192
    client.put_object(minio_server.bucket, "real-minio/segment", io.BytesIO(segment), len(segment))
    answer = client.get_object(minio_server.bucket, "real-minio/segment")
    try:
        assert answer.read() == segment
    finally:
        answer.close()
        answer.release_conn()
    assert [found.object_name for found in client.list_objects(minio_server.bucket, "real-minio/")] == [
        "real-minio/segment"
    ]
