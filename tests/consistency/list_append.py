"""Strict serializability of transactions that append to lists and read them (what Elle calls list-append).

A list that was read tells the order of its writes, and the longest one tells it for all. From these orders and from what
each transaction read follows who must come before whom; a cycle is an anomaly. It never accuses wrongly: whatever it
reports, no serial order that respects real time explains. Orders that nobody saw stay open, so it may miss some.
Source: Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations" (VLDB 2020).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.consistency.dependencies import RT, RW, WR, WW, Dependencies
from tests.consistency.transactions import Append, Outcome, Read, Transaction


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something that cannot have happened one after the other. `name` is for machines, `why` for people."""

    name: str
    why: str


def check(history: Sequence[Transaction]) -> list[Anomaly]:
    """What is wrong with a history; nothing, if all may have happened one after the other.

    ValueError: the history is no evidence, since two appends to a list carry one value, or two transactions one name.
    """
    evidence = _Evidence(history)
    return [
        *_impossible_reads(evidence),
        *_orders_that_differ(evidence),
        *_missing_appends(evidence),
        *(Anomaly(cycle.name, str(cycle)) for cycle in _dependencies(evidence).cycles()),
    ]


@dataclass
class _Evidence:
    """A history by what one asks of it."""

    history: Sequence[Transaction]
    writers: dict[tuple[str, int], Transaction] = field(default_factory=dict)
    order: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The longest list of each key that somebody read."""

    def __post_init__(self) -> None:
        if len({transaction.name for transaction in self.history}) != len(self.history):
            raise ValueError("two transactions have one name")
        for transaction in self.history:
            for append in transaction.appends:
                if self.writers.setdefault((append.key, append.value), transaction) is not transaction or (
                    transaction.appends.count(append) > 1
                ):
                    raise ValueError(f"two appends to {append.key} carry {append.value}")
        for _, read in self.reads():
            if len(read.values) >= len(self.order.setdefault(read.key, ())):
                self.order[read.key] = max(self.order[read.key], read.values, key=len)

    def reads(self) -> Iterator[tuple[Transaction, Read]]:
        return ((transaction, read) for transaction in self.history for read in transaction.reads)

    def landed(self) -> list[Transaction]:
        """What certainly happened: what was answered so, and what somebody has seen."""
        seen = {
            writer.name
            for key, values in self.order.items()
            for value in values
            if (writer := self.writers.get((key, value))) is not None and writer.outcome is not Outcome.FAILED
        }
        return [one for one in self.history if one.outcome is Outcome.OK or one.name in seen]


def _impossible_reads(evidence: _Evidence) -> Iterator[Anomaly]:
    """What one read alone, or one transaction alone, shows."""
    for transaction, read in evidence.reads():
        where = f"{transaction.name} read {read.key} = {list(read.values)}"
        if len(set(read.values)) < len(read.values):
            yield Anomaly("duplicate", f"{where}: an append landed twice")
        for value in read.values:
            writer = evidence.writers.get((read.key, value))
            if writer is None:
                yield Anomaly("garbage", f"{where}: nobody appended {value}")
            elif writer.outcome is Outcome.FAILED:
                yield Anomaly("G1a", f"{where}: {value} is of {writer.name}, which failed")
            elif writer is not transaction and writer.asked_at > transaction.told_at:
                yield Anomaly("future-read", f"{where}: {writer.name}, asked later, appended {value}")
        last = evidence.writers.get((read.key, read.values[-1])) if read.values else None
        if last is not None and last is not transaction:
            final = [append.value for append in last.appends if append.key == read.key][-1]
            if final != read.values[-1]:
                yield Anomaly("G1b", f"{where}: {last.name} went on to append {final}")
    for transaction in evidence.history:
        if transaction.outcome is Outcome.OK:
            yield from _own_writes(transaction)


def _own_writes(transaction: Transaction) -> Iterator[Anomaly]:
    """Inside a transaction a list is what it was, and what the transaction itself appended since."""
    known: dict[str, tuple[int, ...]] = {}
    mine: dict[str, tuple[int, ...]] = {}
    for operation in transaction.operations:
        key = operation.key
        if isinstance(operation, Append):
            mine[key] = (*mine.get(key, ()), operation.value)
            if key in known:
                known[key] = (*known[key], operation.value)
            continue
        own = mine.get(key, ())
        later = {append.value for append in transaction.appends if append.key == key} - set(own)
        if (
            operation.values != known.get(key, operation.values)
            or operation.values[len(operation.values) - len(own) :] != own
            or later.intersection(operation.values)
        ):
            yield Anomaly(
                "internal", f"{transaction.name} read {key} = {list(operation.values)} against what it did itself"
            )
        known[key] = operation.values


def _orders_that_differ(evidence: _Evidence) -> Iterator[Anomaly]:
    for transaction, read in evidence.reads():
        longest = evidence.order[read.key]
        if longest[: len(read.values)] != read.values:
            yield Anomaly(
                "incompatible-order",
                f"{transaction.name} read {read.key} = {list(read.values)}, another {list(longest)}",
            )

    for key, values in evidence.order.items():
        places = {value: place for place, value in enumerate(values)}
        for transaction in evidence.history:
            own = [append.value for append in transaction.appends if append.key == key and append.value in places]
            if [places[value] for value in own] != sorted(places[value] for value in own):
                yield Anomaly("incompatible-order", f"{transaction.name} appended {own} to {key}: {list(values)}")


def _missing_appends(evidence: _Evidence) -> Iterator[Anomaly]:
    """An append that was acknowledged before a read was asked is in what was read."""
    ended = sorted(
        (one for one in evidence.history if one.outcome is Outcome.OK and one.appends), key=lambda one: one.told_at
    )
    appended: dict[str, list[tuple[float, Append, Transaction]]] = {}
    for writer in ended:
        for append in writer.appends:
            appended.setdefault(append.key, []).append((writer.told_at, append, writer))
    for transaction, read in evidence.reads():
        values = set(read.values)
        for told_at, append, writer in appended.get(read.key, ()):
            if told_at >= transaction.asked_at:
                break
            if append.value not in values:
                ever = append.value in evidence.order[read.key]
                yield Anomaly(
                    "stale-read" if ever else "lost-append",
                    f"{transaction.name} read {read.key} = {list(read.values)} after {writer.name} was told that"
                    f" {append.value} is there",
                )


def _dependencies(evidence: _Evidence) -> Dependencies:
    landed = evidence.landed()
    names = {one.name for one in landed}
    graph = Dependencies()

    def writer(key: str, value: int) -> str | None:
        found = evidence.writers.get((key, value))
        return found.name if found is not None and found.name in names else None

    def writers(key: str, values: Sequence[int]) -> list[str]:
        return [name for value in values if (name := writer(key, value)) is not None]

    unseen: dict[str, list[str]] = {}
    for one in landed:
        for append in one.appends:
            if append.value not in evidence.order.get(append.key, ()):
                unseen.setdefault(append.key, []).append(one.name)

    for key, values in evidence.order.items():
        in_order = writers(key, values)
        for first, second in pairwise(in_order):
            graph.add(first, WW, second)
        for late in unseen.get(key, ()):  # whatever nobody saw lies behind all that was seen
            if in_order:
                graph.add(in_order[-1], WW, late)

    for reader, read in evidence.reads():
        longest = evidence.order[read.key]
        if longest[: len(read.values)] != read.values:
            continue  # reported; it has no place in the order
        before = [name for name in writers(read.key, read.values) if name != reader.name]
        if before:
            graph.add(before[-1], WR, reader.name)
        following = writers(read.key, longest[len(read.values) :])[:1] or unseen.get(read.key, [])
        for overwriter in following:
            graph.add(reader.name, RW, overwriter)

    _real_time(graph, landed)
    return graph


def _real_time(graph: Dependencies, landed: Sequence[Transaction]) -> None:
    """Edges from answers to later questions; those that others imply are left out."""
    # At one instant questions come before answers: what touches overlaps.
    events = sorted(
        [(one.asked_at, 0, number) for number, one in enumerate(landed)]
        + [(one.told_at, 1, number) for number, one in enumerate(landed) if one.outcome is Outcome.OK]
    )
    newest: list[Transaction] = []
    for _, is_answer, number in events:
        one = landed[number]
        if is_answer:
            newest = [other for other in newest if other.told_at >= one.asked_at] + [one]
        else:
            for other in newest:
                graph.add(other.name, RT, one.name)
