import pytest
from hypothesis import given
from hypothesis import strategies as st

from stator.codec.framed_files import FRAME_BYTES
from stator.codec.segment_files import SegmentBuilder, SegmentFooter, open_segment
from stator.model.errors import DamagedDataError
from stator.model.positions import OWN_LANE, Epoch, LaneState, LogId, Offset, Seq, TimestampUs, WriterId
from stator.model.records import LogMessage

BEFORE = {OWN_LANE: LaneState(epoch=Epoch(3), writer=WriterId(2**64 - 1), seq=Seq(8), chain=2**64 - 1)}
AFTER = {OWN_LANE: LaneState(epoch=Epoch(4), writer=WriterId(17), seq=Seq(1), chain=5)}
FIRST = Offset(100)


def segment_of(messages: list[bytes]) -> tuple[SegmentFooter, bytes]:
    builder = SegmentBuilder(LogId(7), FIRST, BEFORE)
    for index, data in enumerate(messages):
        builder.add(LogMessage(Offset(FIRST + index), data))
        builder.cover(TimestampUs(1_000 + index), TimestampUs(2_000 + index))
    return builder.finish(AFTER)


def read_whole(data: bytes) -> tuple[SegmentFooter, list[LogMessage]]:
    footer, messages = open_segment("wal/a.seg", data)
    return footer, list(messages)


SMALL = [b"first record", b"", b"third"]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20))
def test_a_segment_gives_back_every_message_at_its_offset(messages: list[bytes]) -> None:
    written, data = segment_of(messages)
    read, found = read_whole(data)
    assert read == written
    assert found == [LogMessage(Offset(FIRST + index), message) for index, message in enumerate(messages)]


def test_messages_larger_than_a_frame_and_many_frames_survive() -> None:
    messages = [bytes([byte]) * (FRAME_BYTES // 3) for byte in range(10)] + [b"x" * (3 * FRAME_BYTES)]
    _, data = segment_of(messages)
    assert [message.data for message in read_whole(data)[1]] == messages


def test_the_footer_says_what_the_segment_covers() -> None:
    footer, _ = segment_of(SMALL)
    assert (footer.first_offset, footer.last_offset) == (100, 102)
    assert (footer.timestamp_us_min, footer.timestamp_us_max) == (1_000, 2_002)
    assert (footer.lanes_before, footer.lanes_after) == (BEFORE, AFTER)


def test_the_same_messages_make_the_same_bytes() -> None:
    assert segment_of(SMALL) == segment_of(SMALL)


def test_any_flipped_bit_is_found_and_the_object_named() -> None:
    _, data = segment_of(SMALL)
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(DamagedDataError, match=r"wal/a\.seg"):
                read_whole(bytes(damaged))


def test_any_truncation_is_found_and_the_object_named() -> None:
    _, data = segment_of(SMALL)
    for length in range(len(data)):
        with pytest.raises(DamagedDataError, match=r"wal/a\.seg"):
            read_whole(data[:length])


def test_bytes_behind_the_end_are_found() -> None:
    _, data = segment_of(SMALL)
    with pytest.raises(DamagedDataError, match="checksum"):
        read_whole(data + b"\0")


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_never_a_segment(data: bytes) -> None:
    with pytest.raises(DamagedDataError):
        read_whole(data)
