import pytest

from stator.model.item import Item, encode_image
from stator.model.positions import Epoch, LogId, Offset
from stator.model.tables import Stream, Table, ViewType
from stator.rules.change_records import TTL_ORIGIN, ChangePlace, change_record
from tests.unit.streams.writing import effect, table

PLACE = ChangePlace(LogId(7), Epoch(2), Offset(41), 3)
OLD: Item = {"Id": {"S": "a"}, "Text": {"S": "before"}}
NEW: Item = {"Id": {"S": "a"}, "Text": {"S": "after"}}


def streamed(view_type: ViewType) -> Table:
    return table(7, stream=Stream(view_type, "2026-11-21T08:00:00.000"))


@pytest.mark.parametrize(("old", "new", "name"), [(None, NEW, "INSERT"), (OLD, NEW, "MODIFY"), (OLD, None, "REMOVE")])
def test_an_effect_is_named_for_what_it_did(old: Item | None, new: Item | None, name: str) -> None:
    record = change_record(effect(old, new), streamed("NEW_AND_OLD_IMAGES"), PLACE)
    assert record is not None
    assert record.event_name == name
    assert record.keys == {"Id": {"S": "a"}}
    assert record.before == (None if old is None else encode_image(old))
    assert record.after == (None if new is None else encode_image(new))


@pytest.mark.parametrize(
    ("view_type", "before", "after"),
    [
        ("NEW_AND_OLD_IMAGES", True, True),
        ("NEW_IMAGE", False, True),
        ("OLD_IMAGE", True, False),
        ("KEYS_ONLY", False, False),
    ],
)
def test_a_view_type_shows_its_images_only(view_type: ViewType, before: bool, after: bool) -> None:
    record = change_record(effect(OLD, NEW), streamed(view_type), PLACE)
    assert record is not None
    assert (record.before is not None, record.after is not None) == (before, after)


def test_a_table_without_a_stream_has_no_records() -> None:
    assert change_record(effect(OLD, NEW), table(7), PLACE) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, OLD),
        (
            {"Id": {"S": "a"}, "Tags": {"SS": ["x", "y"]}},
            {"Id": {"S": "a"}, "Tags": {"SS": ["y", "x"]}},
        ),
    ],
)
def test_a_write_that_changes_nothing_has_no_record(old: Item, new: Item) -> None:
    assert change_record(effect(old, new), streamed("NEW_AND_OLD_IMAGES"), PLACE) is None


def test_a_new_attribute_is_a_change() -> None:
    record = change_record(effect(OLD, {**OLD, "More": {"NULL": True}}), streamed("KEYS_ONLY"), PLACE)
    assert record is not None
    assert record.event_name == "MODIFY"


def test_only_an_expired_item_is_marked_so() -> None:
    by_ttl = change_record(effect(OLD, None, origin=TTL_ORIGIN), streamed("KEYS_ONLY"), PLACE)
    by_client = change_record(effect(OLD, None), streamed("KEYS_ONLY"), PLACE)
    assert by_ttl is not None
    assert by_client is not None
    assert (by_ttl.expired, by_client.expired) == (True, False)


@pytest.mark.parametrize(
    ("old", "new", "size_bytes"),
    [
        (None, "New item!", 26),
        ("New item!", "This item has changed", 59),
        ("This item has changed", None, 38),
    ],
)
def test_sizes_are_those_of_the_developer_guides_example(old: str | None, new: str | None, size_bytes: int) -> None:
    def item(text: str | None) -> Item | None:
        return None if text is None else {"Id": {"N": "101"}, "Message": {"S": text}}

    numbered = effect({"Id": {"S": "x"}}, None)
    images = [None if item(text) is None else encode_image(item(text) or {}) for text in (old, new)]
    example = type(numbered)(numbered.key, images[0], images[1], numbered.timestamp_us)
    record = change_record(example, streamed("NEW_AND_OLD_IMAGES"), PLACE)
    assert record is not None
    assert record.size_bytes == size_bytes


def test_sequence_numbers_rise_along_the_log_as_text_and_as_numbers() -> None:
    places = [(0, 0), (0, 1), (0, 999_999), (1, 0), (9, 9), (10, 0), (2**63 - 1, 9_999_999)]
    numbers = [ChangePlace(LogId(1), Epoch(1), Offset(offset), index).sequence_number for offset, index in places]
    assert numbers == sorted(numbers)
    assert [int(number) for number in numbers] == sorted({int(number) for number in numbers})
    assert all(number.isdecimal() and 21 <= len(number) <= 40 for number in numbers)


def test_an_event_keeps_its_id_and_shares_it_with_no_other() -> None:
    places = [ChangePlace(LogId(log), Epoch(1), Offset(o), i) for log in (1, 11) for o in (1, 11) for i in (1, 11)]
    ids = [place.event_id for place in places]
    assert len(set(ids)) == len(places)
    assert ids[0] == ChangePlace(LogId(1), Epoch(99), Offset(1), 1).event_id
