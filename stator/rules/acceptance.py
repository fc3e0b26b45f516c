"""Which records of a log count: rules R1 and R2 of docs/protocol.md, as one pure function.

Every reader (leader, materializer, index, stream, archiver, restore) asks this file and nothing else, so that all of them
agree on the same accepted records from the same bytes. The theory, in short:

    state of a lane = (epoch, writer, seq, chain)
    Claim(e, w)       accepted iff e > epoch            -> (e, w, 0, hash(chain, claim))
    other (e, w, s)   accepted iff (e, w) is in force and s = seq + 1
    everything else   ignored: a fenced writer's late record, a duplicate, or one whose predecessor was lost

An accepted record that does not carry the chain the reader computed means that the log was rewritten (R2): halt. That check
is never part of the decision to accept or ignore.
"""

from hashlib import blake2b

from stator.model.errors import DamagedDataError
from stator.model.positions import LaneState, Seq
from stator.model.records import Envelope, Kind


def chain_after(chain: int, raw: bytes) -> int:
    """The chain hash once `raw` has been accepted: 64 bits of BLAKE2b over the previous chain and the record's bytes."""
    return int.from_bytes(blake2b(chain.to_bytes(8, "big") + raw, digest_size=8).digest(), "big")


def accepts(lane: LaneState, record: Envelope) -> bool:
    """R1 for one record, given its lane's state."""
    if record.kind is Kind.CLAIM:
        return record.epoch > lane.epoch
    return record.epoch == lane.epoch and record.writer == lane.writer and record.seq == lane.seq + 1


def accept(lane: LaneState, record: Envelope) -> LaneState | None:
    """The lane's state after an accepted record, or None for one that is to be ignored.

    Raises DamagedDataError when an accepted record does not continue the chain (R2).
    """
    if not accepts(lane, record):
        return None
    seq = record.seq
    if record.kind is Kind.CLAIM:
        seq = Seq(0)
    elif record.prev_chain != lane.chain:
        raise DamagedDataError(
            f"log {record.log_id} lane {record.lane}: record {record.epoch}/{record.seq} continues chain"
            f" {record.prev_chain:016x}, this reader has {lane.chain:016x}: the log was rewritten",
        )
    # Every reader of every log comes here for each record, and `replace` would take five times as long.
    chain = chain_after(lane.chain, record.raw)
    return LaneState(record.epoch, record.writer, seq, chain, lane.source_offset, lane.source_lane)
