"""Reads a table's change stream through the Streams API, as any client could: shards, iterators, pages.

The thing not to break: within a shard, records come in the order of their sequence numbers and each comes once, also when the
server goes away and comes back in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stator.codec.shard_iterators import decode_iterator
from stator.model.errors import ValidationError

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
    searched: bool = False
    """Whether there was nothing more when it was last read."""
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

    @property
    def searched(self) -> bool:
        """Whether the last `read` came to the end of every shard. A page may be empty long before that."""
        return all(shard.searched or shard.ended for shard in self._shards.values())

    @property
    def ended(self) -> bool:
        """Whether the stream was switched off and everything of it has been read."""
        return bool(self._shards) and all(shard.ended for shard in self._shards.values())

    def look(self) -> None:
        """Find out which shards there are. One that appears later is read from its start: its records are new to us."""
        later = bool(self._shards)
        for shard_id in self._described():
            if shard_id not in self._shards:
                self._shards[shard_id] = shard = _Shard(shard_id)
                shard.iterator = self._iterator(shard, "TRIM_HORIZON" if later else self._first)

    def read(self) -> list[Record]:
        """One page of every shard, oldest first; empty when nothing has come. Raises ApiError when that is all there is to tell."""
        records: list[Record] = []
        try:
            for shard in self._shards.values():
                if not shard.ended:
                    records += self._page(shard)
        except ApiError:
            if not records:
                raise
            # The shards read so far have moved on and will not give these again; the next call meets the trouble.
        return sorted(records, key=lambda record: record["dynamodb"]["ApproximateCreationDateTime"])

    def _page(self, shard: _Shard) -> list[Record]:
        shard.searched = False
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
        following: str | None = answer.get("NextShardIterator")
        shard.ended = following is None
        shard.searched = following is not None and not records and _place(following) == _place(shard.iterator)
        shard.iterator = following
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


def _place(iterator: str) -> object:
    """Where an iterator stands, whenever it was handed out; of another database's nothing is known."""
    try:
        return decode_iterator(iterator).cursor
    except ValidationError:
        return None
