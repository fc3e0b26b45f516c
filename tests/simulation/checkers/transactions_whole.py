"""TxnAtomic: a transaction is committed at one time in all its partitions, as the ledger has it, or in none; none stays open."""

from collections.abc import Iterator, Sequence

import msgspec

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.ledger_entries import decision_key
from stator.codec.log_records import decode_abort, decode_commit, decode_preparation
from stator.model.positions import LEDGER_LOG, LogId
from stator.model.records import Kind
from stator.model.tables import Table
from tests.simulation.accepted import accepted, effects


def check(store: MemoryLogStore, tables: Sequence[Table]) -> Iterator[str]:
    """What is wrong with the transactions in the logs of tables that share them with no others, once all have ended."""
    decided = _decided(store)
    committed: dict[bytes, dict[LogId, int]] = {}
    log_ids = [partition.log_id for table in tables for partition in table.partitions]
    for log_id in log_ids:
        opened: dict[tuple[bytes, int], frozenset[bytes]] = {}
        closed_us = 0
        for one in accepted(store, log_id):
            record = one.record
            match record.kind:
                case Kind.PREPARE:
                    begun = decode_preparation(record)
                    held = {key for keys in opened.values() for key in keys}
                    if held.intersection(begun.keys):
                        yield f"log {log_id}: {begun.txid.hex()} prepared an item that another transaction holds"
                    opened[begun.txid, begun.prepared_us] = frozenset(begun.keys)
                case Kind.COMMIT:
                    commit = decode_commit(record)
                    opened.pop((commit.txid, commit.prepared_us))
                    if log_id in committed.setdefault(commit.txid, {}):
                        yield f"log {log_id}: {commit.txid.hex()} was committed twice"
                    committed[commit.txid][log_id] = commit.commit_us
                    if commit.commit_us <= closed_us:
                        yield f"log {log_id}: {commit.txid.hex()} was committed at {commit.commit_us}, after that was closed"
                case Kind.ABORT:
                    abort = decode_abort(record)
                    opened.pop((abort.txid, abort.prepared_us))
                case _:
                    pass
            closed_us = max(closed_us, min([record.timestamp_us, *(prepared_us - 1 for _, prepared_us in opened)]))
        for txid, _ in opened:
            yield f"log {log_id}: {txid.hex()} is still open"
    for txid, times in committed.items():
        commit_us, participants = decided.get(txid, (None, frozenset()))
        if set(times.values()) != {commit_us} or times.keys() != participants:
            yield f"{txid.hex()} was committed at {times}, the ledger says {commit_us} in {sorted(participants)}"
    for txid, (commit_us, participants) in decided.items():
        if commit_us is not None and txid not in committed and participants.intersection(log_ids):
            yield f"{txid.hex()} was committed nowhere, the ledger says {commit_us} in {sorted(participants)}"


def _decided(store: MemoryLogStore) -> dict[bytes, tuple[int | None, frozenset[int]]]:
    """What stood about each transaction: when it was committed (None: not), and in which logs. An abort that was forgotten leaves
    room for a commit of other Prepares.
    """
    decided: dict[bytes, tuple[int | None, frozenset[int]]] = {}
    prefix = decision_key(b"")
    for effect in effects(store, LEDGER_LOG):
        if effect.key.startswith(prefix) and effect.new is not None:
            entry = msgspec.json.decode(effect.new)
            logs = frozenset(int(log_id) for log_id in entry["prepared"])
            txid = effect.key.removeprefix(prefix)
            if decided.get(txid, (None,))[0] is None:
                decided[txid] = (entry["commit_us"], logs)
    return decided
