"""Gapless: what the services' own acceptance rule takes is, per lane, claim after claim of rising epochs, each followed by its
writer's records 1, 2, 3 without a hole.
"""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.log_records import decode_envelope
from stator.model.positions import LaneId, LaneState, LogId, Offset
from stator.model.records import Kind
from stator.rules import acceptance


def check(store: MemoryLogStore, log_id: LogId) -> Iterator[str]:
    """What is wrong with one log, as the services see it."""
    lanes: dict[LaneId, LaneState] = {}
    expected: dict[LaneId, tuple[int, int, int]] = {}
    for message in store.messages(log_id, Offset(0)):
        record = decode_envelope(message.data)
        before = lanes.get(record.lane, LaneState())
        after = acceptance.accept(before, record)
        if after is None:
            continue
        lanes[record.lane] = after
        found = (record.epoch, record.writer, record.seq)
        if record.kind is Kind.CLAIM:
            if record.epoch <= before.epoch:
                yield f"log {log_id} offset {message.offset}: epoch {record.epoch} was claimed after {before.epoch}"
        elif found != expected.get(record.lane):
            yield f"log {log_id} offset {message.offset}: {found} was accepted where {expected.get(record.lane)} was due"
        expected[record.lane] = (record.epoch, record.writer, record.seq + 1)
