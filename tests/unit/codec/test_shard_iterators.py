import pytest

from stator.codec.change_topics import encode_state
from stator.codec.shard_iterators import ShardIterator, decode_iterator, encode_iterator
from stator.model.changes import ChangePoint, ShardCursor
from stator.model.errors import ValidationError
from stator.model.positions import Epoch, LaneState, Offset, Seq, WriterId
from stator.model.tables import Stream

LABEL = "2026-11-21T08:00:00.000"
LENGTH_MAX = 2048
"""Source: AWS API reference, GetRecords."""


def iterator(table: str = "Music", hint: str = "7 {}") -> ShardIterator:
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/{LABEL}"
    cursor = ShardCursor(ChangePoint(Offset(2**62), 99), hint)
    return ShardIterator(arn, "shardId-00000000000000000007-0123abcd", cursor, 1_700_000_000_000_000)


def test_an_iterator_survives_being_text() -> None:
    assert decode_iterator(encode_iterator(iterator())) == iterator()


def test_the_longest_iterator_is_one_that_may_be_sent_back() -> None:
    lane = LaneState(Epoch(2**64 - 1), WriterId(2**64 - 1), Seq(2**64 - 1), 2**64 - 1)
    hint = f"{2**62} {encode_state(lane, Stream('NEW_AND_OLD_IMAGES', LABEL), LABEL)}"
    assert len(encode_iterator(iterator("x" * 255, hint))) <= LENGTH_MAX


def test_a_text_that_was_changed_anywhere_is_refused() -> None:
    text = encode_iterator(iterator())
    changed = [text[:place] + "~" + text[place + 1 :] for place in range(len(text))]
    cut = [text[:place] for place in range(len(text))]
    longer = [text + "AAAA", text + "=", "x" + text, text.replace("|1|", "|2|")]
    for wrong in changed + cut + longer:
        with pytest.raises(ValidationError, match="Invalid ShardIterator"):
            decode_iterator(wrong)


def test_another_streams_iterator_does_not_fit_this_one() -> None:
    arn, _, rest = encode_iterator(iterator()).partition("|")
    with pytest.raises(ValidationError):
        decode_iterator(f"{arn[:-1]}1|{rest}")


@pytest.mark.parametrize("text", ["", "|", "||", "a|1|", "a|1|é", "a|1|AAAA", "\ud800|1|AAAA"])
def test_what_was_never_an_iterator_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        decode_iterator(text)
