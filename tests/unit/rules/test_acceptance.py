"""R1 and R2: which records of a log count, and when a log has been rewritten."""

from random import Random

import pytest
from msgspec.structs import replace

from stator.codec.log_records import decode_envelope, encode_envelope
from stator.model.errors import DamagedDataError
from stator.model.positions import OWN_LANE, Epoch, LaneState, LogId, Seq, TimestampUs, WriterId
from stator.model.records import Envelope, Kind
from stator.rules.acceptance import accept, accepts, chain_after
from tests.histories import RandomLog

LOG = LogId(3)
LANE = LaneState(Epoch(4), WriterId(9), Seq(6), chain=77)


def record(kind: Kind, epoch: int, writer: int, seq: int, chain: int = LANE.chain) -> Envelope:
    raw = encode_envelope(
        kind, LOG, OWN_LANE, Epoch(epoch), WriterId(writer), Seq(seq), chain, TimestampUs(1), schema=0, payload=b""
    )
    return decode_envelope(raw)


@pytest.mark.parametrize(
    ("case", "kind", "epoch", "writer", "seq", "counts"),
    [
        ("a claim of a higher epoch", Kind.CLAIM, 5, 1, 0, True),
        ("a claim that skips epochs", Kind.CLAIM, 50, 1, 0, True),
        ("a second claim of the same epoch", Kind.CLAIM, 4, 1, 0, False),
        ("our own claim again", Kind.CLAIM, 4, 9, 0, False),
        ("an old claim", Kind.CLAIM, 3, 1, 0, False),
        ("the next record of the writer in force", Kind.EFFECT, 4, 9, 7, True),
        ("a duplicate", Kind.EFFECT, 4, 9, 6, False),
        ("a record whose predecessor was lost", Kind.EFFECT, 4, 9, 8, False),
        ("a fenced writer's", Kind.EFFECT, 3, 9, 7, False),
        ("a writer's who lost the same epoch", Kind.EFFECT, 4, 1, 7, False),
        ("one of an epoch nobody claimed", Kind.BARRIER, 5, 9, 7, False),
    ],
)
def test_only_claims_that_rise_and_the_next_record_in_force_count(
    case: str, kind: Kind, epoch: int, writer: int, seq: int, *, counts: bool
) -> None:
    given = record(kind, epoch, writer, seq)
    assert accepts(LANE, given) is counts, case
    assert (accept(LANE, given) is not None) is counts, case


def test_a_claim_starts_its_writer_at_zero_and_continues_the_chain() -> None:
    claim = record(Kind.CLAIM, 5, 1, 0, chain=123)  # what a claimant believes of the chain binds nobody
    assert accept(LANE, claim) == LaneState(Epoch(5), WriterId(1), Seq(0), chain_after(77, claim.raw))


def test_an_accepted_record_moves_seq_and_chain_and_nothing_else() -> None:
    lane = replace(LANE, source_offset=12)
    effect = record(Kind.EFFECT, 4, 9, 7)
    assert accept(lane, effect) == replace(lane, seq=Seq(7), chain=chain_after(77, effect.raw))


def test_an_accepted_record_on_another_chain_means_that_the_log_was_rewritten() -> None:
    with pytest.raises(DamagedDataError, match="rewritten"):
        accept(LANE, record(Kind.EFFECT, 4, 9, 7, chain=78))


def test_an_ignored_record_on_another_chain_is_no_damage() -> None:
    assert accept(LANE, record(Kind.EFFECT, 4, 9, 6, chain=78)) is None


@pytest.mark.parametrize("seed", range(30))
def test_any_log_is_accepted_as_its_writers_meant(seed: int) -> None:
    log = RandomLog(LOG, Random(seed))
    log.grow(60)
    lane = LaneState()
    for message, after in zip(log.messages, log.positions[1:], strict=True):
        lane = accept(lane, decode_envelope(message.data)) or lane
        assert lane == after.lane()
