"""Reading a stream as any client could, from a server that does what servers do."""

from typing import Any

import pytest

from services.cli.api_client import ApiClient, RefusedError
from services.cli.stream_reader import StreamOffError, StreamReader, stream_of
from stator.codec.shard_iterators import ShardIterator, decode_iterator, encode_iterator
from stator.model.changes import ChangePoint, ShardCursor
from stator.model.positions import Offset


class Server:
    """Shards of records, two to a page; a page of empty ones has none, and the search goes on."""

    def __init__(self, **shards: int) -> None:
        self.shards = {name: [self.record(number) for number in range(count)] for name, count in shards.items()}
        self.closed: set[str] = set()
        self.refusals: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.answered = 0

    @staticmethod
    def record(number: int) -> dict[str, Any]:
        return {"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": number}}

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self, operation)(request)
        return answer

    def DescribeTable(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - an operation's name
        on = request["TableName"] == "streamed"
        return {"Table": {"LatestStreamArn": "arn", "StreamSpecification": {"StreamEnabled": on}}}

    def DescribeStream(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        names = sorted(self.shards)
        start = names.index(request["ExclusiveStartShardId"]) + 1 if "ExclusiveStartShardId" in request else 0
        page: dict[str, Any] = {"Shards": [{"ShardId": name} for name in names[start : start + 1]]}
        if start + 1 < len(names):
            page["LastEvaluatedShardId"] = names[start]
        return {"StreamDescription": page}

    def GetShardIterator(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.asked.append(request)
        records = self.shards[request["ShardId"]]
        kind = request["ShardIteratorType"]
        after = int(request["SequenceNumber"]) + 1 if kind == "AFTER_SEQUENCE_NUMBER" else 0
        position = len(records) if kind == "LATEST" else after
        return {"ShardIterator": self.iterator(request["ShardId"], position)}

    def GetRecords(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self.refusals and (kind := self.refusals.pop(0)):
            raise RefusedError(kind, "")
        iterator = decode_iterator(request["ShardIterator"])
        shard, position = iterator.shard_id, iterator.cursor.point.offset
        page = self.shards[shard][position : position + 2]
        following = position + len(page)
        at_end = following == len(self.shards[shard])
        answer: dict[str, Any] = {"Records": [record for record in page if record]}
        if not (at_end and shard in self.closed):
            answer["NextShardIterator"] = self.iterator(shard, following)
        return answer

    def iterator(self, shard: str, position: int) -> str:
        """No two are alike, not even of one place."""
        self.answered += 1
        return encode_iterator(
            ShardIterator("arn", shard, ShardCursor(ChangePoint(Offset(position)), ""), self.answered)
        )


def reader(server: Server, *, from_start: bool = True) -> StreamReader:
    stream = StreamReader(server, "arn", from_start=from_start)  # type: ignore[arg-type]
    stream.look()
    return stream


def numbers(stream: StreamReader) -> list[int]:
    return [int(record["dynamodb"]["SequenceNumber"]) for record in stream.read()]


def test_a_stream_that_is_off_is_told_as_such() -> None:
    client: ApiClient = Server()  # type: ignore[assignment]
    assert stream_of(client, "streamed") == "arn"
    with pytest.raises(StreamOffError):
        stream_of(client, "plain")


def test_every_record_of_every_shard_comes_once_and_shards_are_merged_by_time() -> None:
    stream = reader(Server(one=3, two=5))
    assert [numbers(stream) for _ in range(4)] == [[0, 0, 1, 1], [2, 2, 3], [4], []]


def test_from_now_on_means_only_what_comes() -> None:
    server = Server(one=3)
    stream = reader(server, from_start=False)
    assert numbers(stream) == []
    server.shards["one"].append(server.record(3))
    assert numbers(stream) == [3]


def test_a_shard_that_appears_later_is_read_from_its_start() -> None:
    server = Server(one=1)
    stream = reader(server, from_start=False)
    server.shards["two"] = [server.record(7)]
    stream.look()
    assert numbers(stream) == [7]


def test_an_expired_iterator_is_replaced_behind_the_last_record_seen() -> None:
    server = Server(one=4)
    stream = reader(server)
    assert numbers(stream) == [0, 1]
    server.refusals = ["ExpiredIteratorException"]
    assert numbers(stream) == []
    assert numbers(stream) == [2, 3]
    assert server.asked[-1]["SequenceNumber"] == "1"


def test_a_place_that_was_trimmed_away_is_left_for_the_oldest_record_there_is() -> None:
    server = Server(one=2)
    stream = reader(server, from_start=False)
    server.refusals = ["TrimmedDataAccessException"]
    assert numbers(stream) == []
    assert numbers(stream) == [0, 1]


def test_the_end_of_a_closed_shard_is_the_end() -> None:
    server = Server(one=1)
    stream = reader(server)
    assert numbers(stream) == [0]
    assert not stream.ended
    server.closed = {"one"}
    assert numbers(stream) == []
    assert stream.ended


def test_an_empty_page_is_not_the_end_while_its_iterator_moves_on() -> None:
    server = Server(one=0, two=1)
    server.shards["one"] = [{}, {}, {}, server.record(3)]
    stream = reader(server)
    told = [(numbers(stream), stream.searched) for _ in range(4)]
    assert told == [([0], False), ([3], False), ([], True), ([], True)]


def test_what_one_shard_gave_is_told_also_if_the_next_one_refuses() -> None:
    server = Server(one=1, two=1)
    stream = reader(server)
    server.refusals = ["", "InternalServerError"]
    assert numbers(stream) == [0]
    assert numbers(stream) == [0]


def test_other_refusals_are_the_callers_to_judge() -> None:
    server = Server(one=1)
    stream = reader(server)
    server.refusals = ["ResourceNotFoundException"]
    with pytest.raises(RefusedError, match="ResourceNotFound"):
        stream.read()
