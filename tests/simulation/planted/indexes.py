"""Bugs of the lanes of an index's log: R15."""

from typing import Any

from msgspec.structs import replace

from services.gsi import index_log, propagate
from stator.codec.log_records import decode_index_batch
from stator.model.positions import OWN_LANE, LaneState
from stator.model.records import Envelope, Kind
from stator.rules import acceptance
from stator.runtime import replica
from tests.simulation.planting import Patch, plant


@plant("R15", seen_at=28)
def lanes_by_source_offset(patch: Patch) -> None:
    """Index readers take any row from a source offset that is new to them, whoever wrote it (R15)."""
    real = acceptance.accept

    def accept(lane: LaneState, record: Envelope) -> LaneState | None:
        if record.lane == OWN_LANE or record.kind is not Kind.INDEX:
            return real(lane, record)
        if decode_index_batch(record).source.offset <= lane.source_offset:
            return None
        chain = acceptance.chain_after(lane.chain, record.raw)
        return replace(lane, epoch=record.epoch, writer=record.writer, seq=record.seq, chain=chain)

    patch.setattr(index_log, "accept", accept)
    patch.setattr(replica, "accept", accept)


@plant("R15", seen_at=94)
def lanes_go_on_from_the_furthest(patch: Patch) -> None:
    """A worker that takes over believes that no lane is behind the one that got furthest."""
    claim = propagate.Propagator.claim

    async def optimistic(self: Any) -> None:
        await claim(self)
        self.position = max((lane.confirmed for lane in self._lanes), key=lambda position: position.offset)

    patch.setattr(propagate.Propagator, "claim", optimistic)
