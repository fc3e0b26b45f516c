"""Clients that keep on writing while something breaks, remember every answer, and know what the answers oblige the table to.

SDK retries are off, so each answer is one of three: acknowledged, refused (certainly not applied), unknown (a 500, or none).
The one thing not to break: an unknown write may show or not, and nothing else may be guessed about it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PAUSE_S = 0.01
"""Between two writes of one client: the machine has more to do than this."""
COUNTERS = 4
_ANSWER_S = 20.0
"""Far above the router's own deadline of 5 s, so that what we see is its answer, also on a busy machine."""

Key = dict[str, dict[str, str]]


class Answer(Enum):
    """What a client learnt about one of its writes."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One write: where, when (monotonic seconds), and what came of it."""

    pk: str
    began: float
    ended: float
    answer: Answer
    code: str


@dataclass
class ClientLoad:
    """Writers of two kinds: one new item per put, and ADDs to a few shared counters."""

    endpoint: str
    table: str
    writers: int = 6
    puts: list[Attempt] = field(default_factory=list)
    additions: list[Attempt] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write for the time of a `with`."""
        threads = [threading.Thread(target=self._write, args=(number,)) for number in range(self.writers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()

    def answered_since(self, moment: float) -> list[Attempt]:
        """The writes begun after a moment that have ended."""
        return [one for one in (*self.puts, *self.additions) if one.began > moment]

    def acknowledged_since(self, moment: float) -> int:
        """How many writes begun after a moment have been acknowledged."""
        return sum(one.answer is Answer.ACKNOWLEDGED for one in self.answered_since(moment))

    def longest_gap_s(self) -> float:
        """The longest time in which one key range of the table acknowledged nothing: the worst counter's."""
        return max(map(self._gap_s, {one.pk for one in self.additions}))

    def _gap_s(self, pk: str) -> float:
        ends = sorted(one.ended for one in self.additions if one.pk == pk and one.answer is Answer.ACKNOWLEDGED)
        return max((later - earlier for earlier, later in pairwise(ends)), default=0.0)

    def outcomes(self) -> str:
        """For a person: how often each answer came."""
        codes = Counter(one.code for one in (*self.puts, *self.additions))
        return ", ".join(f"{code} {count}" for code, count in codes.most_common())

    def assert_kept(self) -> None:
        """Every acknowledged write is there, no refused one is, and counters say so exactly."""
        with dynamodb(self.endpoint, read_timeout_s=30.0, attempts=10) as client:
            there = {one.pk: self._read(client, one.pk) is not None for one in self.puts}
            lost = [one.pk for one in self.puts if one.answer is Answer.ACKNOWLEDGED and not there[one.pk]]
            applied = [one.pk for one in self.puts if one.answer is Answer.REFUSED and there[one.pk]]
            assert (lost, applied) == ([], [])
            for pk in {one.pk for one in self.additions}:
                mine = Counter(one.answer for one in self.additions if one.pk == pk)
                item = self._read(client, pk)
                shown = int(item["n"]["N"]) if item else 0
                assert mine[Answer.ACKNOWLEDGED] <= shown <= mine[Answer.ACKNOWLEDGED] + mine[Answer.UNKNOWN], pk

    def _read(self, client: Any, pk: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = client.get_item(TableName=self.table, Key=key(pk), ConsistentRead=True).get(
            "Item"
        )
        return found

    def _write(self, writer: int) -> None:
        with dynamodb(self.endpoint) as client:
            number = 0
            while not self._stopping.is_set():
                number += 1
                new, shared = f"new-{writer}-{number}", f"counter-{number % COUNTERS}"
                self.puts.append(attempt(new, lambda pk=new: client.put_item(TableName=self.table, Item=key(pk))))  # type: ignore[misc]
                self.additions.append(attempt(shared, lambda pk=shared: self._add(client, pk)))  # type: ignore[misc]
                self._stopping.wait(PAUSE_S)

    def _add(self, client: Any, pk: str) -> None:
        one = {":one": {"N": "1"}}
        client.update_item(
            TableName=self.table, Key=key(pk), UpdateExpression="ADD n :one", ExpressionAttributeValues=one
        )


def attempt(pk: str, write: Callable[[], object]) -> Attempt:
    """Carry out one write and name its answer."""
    began = time.monotonic()
    answer, code = Answer.ACKNOWLEDGED, "200"
    try:
        write()
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = f"{status} {error.response['Error']['Code']}"
        answer = Answer.UNKNOWN if status == 500 else Answer.REFUSED
    except BotoCoreError as error:
        answer, code = Answer.UNKNOWN, type(error).__name__
    return Attempt(pk, began, time.monotonic(), answer, code)


def key(pk: str) -> Key:
    """The key of a table with a string key `pk`, which is also the smallest item."""
    return {"pk": {"S": pk}}


@contextmanager
def dynamodb(endpoint: str, *, attempts: int = 1, read_timeout_s: float = _ANSWER_S) -> Iterator[Any]:
    """boto3's client, without retries unless `attempts` says otherwise."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": attempts}, read_timeout=read_timeout_s, connect_timeout=5),
    )
    try:
        yield client
    finally:
        client.close()


def create_table(endpoint: str, name: str, **also: Any) -> None:
    """An on-demand table with a string key `pk`, and what else CreateTable takes, that takes writes when this returns."""
    with dynamodb(endpoint, attempts=10, read_timeout_s=30.0) as client:
        client.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            **also,
        )
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def until(holds: Callable[[], bool], *, patience_s: float, complaint: str) -> None:
    """Look until it holds."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)
