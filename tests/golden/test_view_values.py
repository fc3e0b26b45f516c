"""A view written by any released version must still load, or be recognised as another format."""

import pytest
from msgspec.structs import fields

from stator.codec.view_values import (
    decode_carried,
    decode_item,
    decode_layouts,
    decode_position,
    encode_carried,
    encode_item,
    encode_layouts,
    encode_position,
)
from stator.model.errors import DamagedDataError
from stator.model.positions import (
    Epoch,
    LaneId,
    LaneState,
    LogPosition,
    Mark,
    Offset,
    OpenPrepare,
    Seq,
    TimestampUs,
    WriterId,
)
from stator.model.tables import KeyAttribute
from stator.rules.local_rows import NO_ROWS, LaidOut, LocalLayout
from stator.rules.request_tokens import Carried, token_of

KEY = b"\x00key"
ITEM = (TimestampUs(1_700_000_000_000_001), b'{"pk":{"S":"a"}}')
ITEM_V5 = bytes.fromhex("00060a24181e40012008ffcc7b22706b223a7b2253223a2261227d7d")

POSITION = LogPosition(
    next_offset=Offset(1_000_000),
    lanes={
        LaneId(0): LaneState(Epoch(3), WriterId(2**64 - 1), Seq(12), 0x0123456789ABCDEF),
        LaneId(17): LaneState(Epoch(1), WriterId(5), Seq(0), 9, 41, LaneState(Epoch(2), WriterId(7), Seq(3), 11)),
    },
    timestamp_us=TimestampUs(1_700_000_000_000_001),
    closed_us=TimestampUs(1_700_000_000_000_000),
    digest=2**127 + 1,
    items=2,
    item_bytes=300,
    definition=b"{}",
    base="snapshots/00000001/0000000000000009.snap",
    base_offset=Offset(2),
    prepares=(OpenPrepare(b"txid", TimestampUs(1_700_000_000_000_001), b"record"),),
    marks=(Mark(Offset(999_000), 2**127 + 2, 3, 301), Mark(Offset(1_000_000), 1, 2, 300)),
)
POSITION_V5 = bytes.fromhex(
    "9d05ce000f424092970003cfffffffffffffffff0ccf0123456789abcdefffc097110105000929940207030bcf00060a2418"
    "1e4001cf00060a24181e4000c4108000000000000000000000000000000102cd012cc4027b7dd928736e617073686f74732f"
    "30303030303030312f303030303030303030303030303030392e736e6170029193c40474786964cf00060a24181e4001c406"
    "7265636f72649294ce000f3e58c4108000000000000000000000000000000203cd012d94ce000f4240c41000000000000000"
    "00000000000000000102cd012c",
)


def test_version_5_items_still_load_and_are_written_the_same() -> None:
    assert decode_item(KEY, ITEM_V5) == ITEM
    assert encode_item(KEY, *ITEM) == ITEM_V5


def test_version_5_positions_still_load_and_are_written_the_same() -> None:
    assert decode_position(POSITION_V5) == POSITION
    assert encode_position(POSITION) == POSITION_V5


def test_no_field_of_a_position_is_forgotten() -> None:
    """Every field of the example differs from its default, so that the tests above would miss it."""
    assert [
        name.name for name in fields(LogPosition) if getattr(POSITION, name.name) == getattr(LogPosition(), name.name)
    ] == []


def test_another_format_is_recognised() -> None:
    with pytest.raises(DamagedDataError, match="format 4"):
        decode_position(POSITION_V5.replace(b"\x9d\x05", b"\x9d\x04", 1))


@pytest.mark.parametrize("length", range(len(POSITION_V5)))
def test_a_cut_position_is_damaged(length: int) -> None:
    with pytest.raises(DamagedDataError):
        decode_position(POSITION_V5[:length])


@pytest.mark.parametrize("length", range(len(ITEM_V5)))
def test_a_cut_item_is_damaged(length: int) -> None:
    with pytest.raises(DamagedDataError):
        decode_item(KEY, ITEM_V5[:length])


@pytest.mark.parametrize("bit", range(8 * len(ITEM_V5)))
def test_an_item_with_one_bit_wrong_is_damaged(bit: int) -> None:
    wrong = int.from_bytes(ITEM_V5, "big") ^ 1 << bit
    with pytest.raises(DamagedDataError, match="checksum"):
        decode_item(KEY, wrong.to_bytes(len(ITEM_V5), "big"))


def test_an_item_under_another_key_is_damaged() -> None:
    with pytest.raises(DamagedDataError, match="checksum"):
        decode_item(b"\x00kez", ITEM_V5)


LAID = LaidOut(LocalLayout((KeyAttribute("likes", "N"), KeyAttribute("när", "S")), "gone_at"), (NO_ROWS,))
LAID_V2 = bytes.fromhex("92929292a56c696b6573a14e92a46ec3a472a153a7676f6e655f61749290a0")


def test_version_2_layouts_still_load_and_are_written_the_same() -> None:
    assert decode_layouts(LAID_V2) == LAID
    assert encode_layouts(LAID) == LAID_V2
    assert decode_layouts(encode_layouts(LaidOut())) == LaidOut()


@pytest.mark.parametrize("length", range(len(LAID_V2)))
def test_cut_layouts_are_damaged(length: int) -> None:
    with pytest.raises(DamagedDataError):
        decode_layouts(LAID_V2[:length])


def test_no_layout_at_all_is_damaged() -> None:
    with pytest.raises(DamagedDataError):
        decode_layouts(b"\x90")


CARRIED = Carried(TimestampUs(1_700_000_000_000_001), Offset(2**40), 77)
CARRIED_V4 = bytes.fromhex("00060a24181e400100000100000000000000004d")


def test_version_4_places_of_requests_still_load_and_are_written_the_same() -> None:
    assert decode_carried(CARRIED_V4) == CARRIED
    assert encode_carried(CARRIED) == CARRIED_V4


def test_a_request_has_the_token_that_it_always_had() -> None:
    assert token_of("7c9e6679-7425-40de-944b-e07fc1f90ae7", b"\x00\xffkey").hex() == "59e4cad93ffa8ef41fc45675d13a381b"


@pytest.mark.parametrize("value", [CARRIED_V4[:-1], CARRIED_V4 + b"\0", b""])
def test_a_cut_or_stretched_place_is_damaged(value: bytes) -> None:
    with pytest.raises(DamagedDataError):
        decode_carried(value)
