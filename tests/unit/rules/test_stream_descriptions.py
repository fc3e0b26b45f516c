import re

import pytest

from stator.model.changes import ChangePoint
from stator.model.errors import ResourceNotFoundError, ValidationError
from stator.model.item import Item, encode_image
from stator.model.positions import Epoch, LogId, Offset, TimestampUs
from stator.model.tables import EndedStream, Stream, ViewType
from stator.rules.change_records import TTL_ORIGIN, ChangePlace, change_record, point_at, sequence_number
from stator.rules.stream_descriptions import (
    KnownStream,
    describe_stream,
    record_body,
    stream_named,
    streams_of,
    table_of_stream,
)
from tests.unit.streams.writing import FIRST_US, effect, table

NOW = Stream("KEYS_ONLY", "2026-11-21T09:00:00.000")
ENDED = EndedStream("NEW_IMAGE", "2026-11-21T08:00:00.500", TimestampUs(FIRST_US))
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/Music/stream/"
DAY_US = 24 * 3600 * 1_000_000
MUSIC = table(1, 2, stream=NOW).evolve(ended_streams=(ENDED,))
OLD: Item = {"Id": {"S": "a"}, "Text": {"S": "before"}}
NEW: Item = {"Id": {"S": "a"}, "Text": {"S": "after"}}


def test_streams_come_in_the_order_of_their_arns_and_ended_ones_go_after_a_day() -> None:
    other = table(3, name="Albums", stream=NOW)
    before = [stream.arn.rpartition("table/")[2] for stream in streams_of([MUSIC, other], FIRST_US + DAY_US - 1)]
    assert before == [f"Albums/stream/{NOW.label}", f"Music/stream/{ENDED.label}", f"Music/stream/{NOW.label}"]
    assert [stream.arn for stream in streams_of([MUSIC], FIRST_US + DAY_US)] == [ARN + NOW.label]


def test_a_stream_is_found_by_its_whole_arn_only() -> None:
    assert stream_named(ARN + ENDED.label, [MUSIC], FIRST_US).ended
    assert not stream_named(ARN + NOW.label, [MUSIC], FIRST_US).ended
    for arn in (ARN + "2026-11-21T09:00:00.001", (ARN + NOW.label).replace("us-east-1", "eu-west-1")):
        with pytest.raises(ResourceNotFoundError, match=re.escape(f"Stream: {arn} not found")):
            stream_named(arn, [MUSIC], FIRST_US)
    with pytest.raises(ResourceNotFoundError):
        stream_named(ARN + NOW.label, [], FIRST_US)


@pytest.mark.parametrize("text", ["", "x" * 40, ARN, ARN.removesuffix("/stream/"), "arn:aws:s3:::bucket/stream/2026"])
def test_what_is_no_arn_of_a_stream_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="Invalid StreamArn"):
        table_of_stream(text)


def test_each_log_is_a_shard_under_an_id_of_its_own_in_each_stream() -> None:
    now, ended = (stream_named(ARN + label, [MUSIC], FIRST_US) for label in (NOW.label, ENDED.label))
    ids = [*now.shards, *ended.shards]
    assert len(set(ids)) == 4
    assert all(re.fullmatch(r"shardId-\d{20}-[0-9a-f]{8}", shard_id) for shard_id in ids)
    assert [shard.log_id for shard in now.shards.values()] == [1, 2]
    assert list(now.shards) == sorted(now.shards)


def test_a_shard_counts_as_ended_once_every_log_knows_of_the_end() -> None:
    settled = KnownStream(MUSIC, NOW, ended=True)
    unsettled = KnownStream(MUSIC.evolve(settled=False), NOW, ended=True)
    assert [shard.ended for shard in settled.shards.values()] == [True, True]
    assert [shard.ended for shard in unsettled.shards.values()] == [False, False]
    assert not any(shard.ended for shard in KnownStream(MUSIC, NOW, ended=False).shards.values())


@pytest.mark.parametrize(
    ("ended", "settled", "table_status", "status"),
    [
        (False, True, "ACTIVE", "ENABLED"),
        (False, True, "CREATING", "ENABLING"),
        (True, False, "ACTIVE", "DISABLING"),
        (True, True, "ACTIVE", "DISABLED"),
    ],
)
def test_a_stream_tells_its_status(ended: bool, settled: bool, table_status: str, status: str) -> None:
    known = KnownStream(MUSIC.evolve(settled=settled, status=table_status), NOW, ended=ended)
    assert describe_stream(known, [], more=False)["StreamStatus"] == status


def test_a_description_shows_where_closed_shards_end_and_where_to_read_on() -> None:
    known = KnownStream(MUSIC, NOW, ended=False)
    shown = describe_stream(known, [("a", None), ("b", ChangePoint(Offset(7), 2))], more=True)
    beginning = sequence_number(ChangePoint(Offset(0)))
    assert shown == {
        "StreamArn": ARN + NOW.label,
        "StreamLabel": NOW.label,
        "StreamStatus": "ENABLED",
        "StreamViewType": "KEYS_ONLY",
        "CreationRequestDateTime": 1_795_251_600.0,
        "TableName": "Music",
        "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
        "Shards": [
            {"ShardId": "a", "SequenceNumberRange": {"StartingSequenceNumber": beginning}},
            {
                "ShardId": "b",
                "SequenceNumberRange": {
                    "StartingSequenceNumber": beginning,
                    "EndingSequenceNumber": sequence_number(ChangePoint(Offset(7), 2)),
                },
            },
        ],
        "LastEvaluatedShardId": "b",
    }


def body(old: Item | None, new: Item | None, view_type: ViewType = "NEW_AND_OLD_IMAGES", origin: str = "") -> Item:
    place = ChangePlace(LogId(1), Epoch(1), Offset(41), 3)
    record = change_record(effect(old, new, origin=origin), table(1, stream=Stream(view_type, NOW.label)), place)
    assert record is not None
    return record_body(record)


def test_a_record_is_in_the_api_s_form() -> None:
    shown = body(OLD, NEW)
    images = {name: bytes(shown["dynamodb"].pop(name)) for name in ("OldImage", "NewImage")}
    assert images == {"OldImage": encode_image(OLD), "NewImage": encode_image(NEW)}
    assert re.fullmatch(r"[0-9a-f]{32}", str(shown.pop("eventID")))
    assert shown == {
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": FIRST_US // 1_000_000,
            "Keys": {"Id": {"S": "a"}},
            "SequenceNumber": sequence_number(ChangePoint(Offset(41), 3)),
            "SizeBytes": 3 + 13 + 12,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


@pytest.mark.parametrize(
    ("view_type", "images"),
    [
        ("KEYS_ONLY", set()),
        ("NEW_IMAGE", {"NewImage"}),
        ("OLD_IMAGE", {"OldImage"}),
        ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"}),
    ],
)
def test_a_record_has_the_images_of_its_view_type(view_type: ViewType, images: set[str]) -> None:
    assert {"NewImage", "OldImage"} & body(OLD, NEW, view_type)["dynamodb"].keys() == images


def test_only_an_expired_item_has_a_user_identity() -> None:
    assert "userIdentity" not in body(OLD, None)
    assert body(OLD, None, origin=TTL_ORIGIN)["userIdentity"] == {
        "PrincipalId": "dynamodb.amazonaws.com",
        "Type": "Service",
    }


def test_a_sequence_number_leads_back_to_its_point() -> None:
    for point in (ChangePoint(Offset(0)), ChangePoint(Offset(2**62), 9_999_999), ChangePoint(Offset(5), 1)):
        assert point_at(sequence_number(point)) == point
    for wrong in ("", "1" * 26, "1" * 28, "2" + "0" * 26, "1" + "x" * 26, "1" + "²" * 26):
        assert point_at(wrong) is None
