"""Reads change streams as an application does, with boto3, and says what each item went through."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ROUND_PAUSE_S = 0.1

Item = dict[str, Any]
History = list[tuple[Item | None, Item | None]]
"""What an item was before and after each of its changes."""


@contextmanager
def dynamodbstreams(endpoint: str, *, attempts: int = 1) -> Iterator[Any]:
    """boto3's client for the Streams API, without checks of its own."""
    client = boto3.client(
        "dynamodbstreams",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": attempts}, parameter_validation=False, read_timeout=30),
    )
    try:
        yield client
    finally:
        client.close()


def stream_arn(client: Any, table: str) -> str:
    """The newest stream of a table."""
    arn: str = client.list_streams(TableName=table)["Streams"][-1]["StreamArn"]
    return arn


class StreamReader:
    """All shards of one stream from the beginning. Only what the server says is wrong with a request is an error."""

    def __init__(self, client: Any, arn: str) -> None:
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.refused = 0
        """How often a call had no answer and was made again."""
        self.client = client
        """Another one takes over after a restart."""
        self._open: dict[str, str] = {}
        for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            made = client.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
            self._open[shard["ShardId"]] = made["ShardIterator"]
            self.records[shard["ShardId"]] = []

    def read(self) -> None:
        """One page of each open shard."""
        for shard, iterator in list(self._open.items()):
            page = self._page(iterator)
            if page is None:
                self.refused += 1
                continue
            self.records[shard] += page["Records"]
            if "NextShardIterator" in page:
                self._open[shard] = page["NextShardIterator"]
            else:
                del self._open[shard]

    def read_until(self, count: int, patience_s: float) -> None:
        """Until so many records have come."""
        deadline = time.monotonic() + patience_s
        while (come := sum(map(len, self.records.values()))) < count:
            assert time.monotonic() < deadline, f"{come} of {count} records came"
            self.read()

    def read_to_the_end(self, patience_s: float) -> None:
        """Until every shard is closed."""
        deadline = time.monotonic() + patience_s
        while self._open:
            assert time.monotonic() < deadline, f"{len(self._open)} shards have no end"
            self.read()
            time.sleep(ROUND_PAUSE_S)

    def _page(self, iterator: str) -> dict[str, Any] | None:
        try:
            page: dict[str, Any] = self.client.get_records(ShardIterator=iterator)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
            return None
        except BotoCoreError:
            return None
        return page

    def histories(self) -> dict[str, History]:
        """By the item's `pk`. Asserts what holds for every stream: rising numbers, no record twice, one shard per item."""
        found: dict[str, History] = {}
        shard_of: dict[str, str] = {}
        seen: set[str] = set()
        for shard, records in self.records.items():
            numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
            assert numbers == sorted(set(numbers))
            for record in records:
                assert record["eventID"] not in seen
                seen.add(record["eventID"])
                pk = record["dynamodb"]["Keys"]["pk"]["S"]
                assert shard_of.setdefault(pk, shard) == shard
                change = record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage")
                found.setdefault(pk, []).append(change)
        return found


def assert_whole(history: History, now: Item | None) -> None:
    """Each change begins with what the one before left, from no item to the present one: none is missing, none is double."""
    state: Item | None = None
    for before, after in history:
        assert before == state
        state = after
    assert state == now
