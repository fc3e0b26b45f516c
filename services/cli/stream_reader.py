"""Reads a table's change stream through the Streams API, as any client could: shards, iterators, pages.

The thing not to break: within a shard, records come in the order of their sequence numbers and each comes once, also when the
server goes away and comes back in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .api_client import ApiClient, ApiError, RefusedError

Record = dict[str, Any]

LOST_PLACE = frozenset({"ExpiredIteratorException", "TrimmedDataAccessException"})


class StreamOffError(ApiError):
    """The table has no stream that is on."""


@dataclass(slots=True)
class _Shard:
    shard_id: str
    iterator: str | None = None
    last: str | None = None
    """Sequence number of the newest record read."""
    ended: bool = False


def stream_of(client: ApiClient, table: str) -> str:
    """The ARN of a table's stream. Raises StreamOffError when it has none."""
    described = client.call("DescribeTable", {"TableName": table})["Table"]
    arn: str | None = described.get("LatestStreamArn")
    if arn is None or not described.get("StreamSpecification", {}).get("StreamEnabled"):
        raise StreamOffError(f"the stream of {table} is off")
    return arn


class StreamReader:
    """One stream. With `from_start` it begins with the oldest record there is, else with what comes from now on."""

    def __init__(self, client: ApiClient, stream_arn: str, *, from_start: bool) -> None:
        self._client = client
        self._arn = stream_arn
        self._first = "TRIM_HORIZON" if from_start else "LATEST"
        self._shards: dict[str, _Shard] = {}

    def look(self) -> None:
        """Find out which shards there are. One that appears later is read from its start: its records are new to us."""
        later = bool(self._shards)
        for shard_id in self._described():
            if shard_id not in self._shards:
                self._shards[shard_id] = shard = _Shard(shard_id)
                shard.iterator = self._iterator(shard, "TRIM_HORIZON" if later else self._first)

    def read(self) -> list[Record]:
        """One page of every shard, oldest first; empty when nothing has come."""
        records = [record for shard in self._shards.values() if not shard.ended for record in self._page(shard)]
        return sorted(records, key=lambda record: record["dynamodb"]["ApproximateCreationDateTime"])

    def _page(self, shard: _Shard) -> list[Record]:
        try:
            if shard.iterator is None:
                shard.iterator = self._iterator(shard, self._first)
            answer = self._client.call("GetRecords", {"ShardIterator": shard.iterator})
        except RefusedError as refusal:
            if refusal.kind not in LOST_PLACE:
                raise
            shard.iterator = None
            if refusal.kind == "TrimmedDataAccessException":
                shard.last, self._first = None, "TRIM_HORIZON"
            return []
        records: list[Record] = answer["Records"]
        if records:
            shard.last = records[-1]["dynamodb"]["SequenceNumber"]
        shard.iterator = answer.get("NextShardIterator")
        shard.ended = shard.iterator is None
        return records

    def _iterator(self, shard: _Shard, first: str) -> str:
        place: dict[str, str] = {"ShardIteratorType": first}
        if shard.last is not None:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": shard.last}
        asked = {"StreamArn": self._arn, "ShardId": shard.shard_id, **place}
        iterator: str = self._client.call("GetShardIterator", asked)["ShardIterator"]
        return iterator

    def _described(self) -> Iterator[str]:
        asked: dict[str, Any] = {"StreamArn": self._arn}
        while True:
            described = self._client.call("DescribeStream", asked)["StreamDescription"]
            yield from (shard["ShardId"] for shard in described["Shards"])
            last = described.get("LastEvaluatedShardId")
            if last is None:
                return
            asked["ExclusiveStartShardId"] = last
