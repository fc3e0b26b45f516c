"""A whole log as release 0.1.0 wrote it, forgotten leaders and repetitions included, folded today: to the same items."""

import struct
from collections.abc import Iterator
from pathlib import Path

from stator.adapters.log_memory import MemoryLog, MemoryLogStore
from stator.adapters.view_memory import MemoryViews
from stator.model.positions import LogId, LogPosition, Offset
from stator.model.records import Base, LogMessage
from stator.ports.view import ViewWriter
from stator.runtime.replica import Replica
from tests.virtual_time import run

WHOLE = Path(__file__).parent / "log_v1" / "whole.log"
"""Each record behind its length: 4 bytes, big-endian."""
LOG = LogId(7)
DIGEST = 0x0D20874C16CD1BBB25585B8D091550E4


def messages() -> Iterator[LogMessage]:
    data, at, offset = WHOLE.read_bytes(), 0, 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield LogMessage(Offset(offset), data[at + 4 : at + 4 + size])
        at, offset = at + 4 + size, offset + 1


async def no_base(_base: Base, _view: ViewWriter, _position: LogPosition) -> None:
    raise AssertionError("this log begins with none")


def test_a_log_of_the_first_release_folds_to_what_it_did_then() -> None:
    async def scenario() -> None:
        store = MemoryLogStore()
        store.create(LOG)
        replica = Replica(MemoryLog(store), LOG, MemoryViews().open(LOG), no_base, remembers=True)
        await replica.fold(list(messages()))
        position = replica.position
        assert (position.next_offset, position.digest, position.items, position.item_bytes) == (61, DIGEST, 5, 115)
        lane = position.lane()
        assert (lane.epoch, lane.writer, lane.seq, lane.chain) == (4, 10537383391686446853, 8, 11029309575484218581)

    run(scenario())
