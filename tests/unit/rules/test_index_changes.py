"""One change of an item as rows of an index, and any history of changes as the projection of what is left."""

from hypothesis import given
from hypothesis import strategies as st

from stator.model.item import Item, encode_image
from stator.model.positions import TimestampUs
from stator.model.records import Effect, IndexRow
from stator.model.tables import Index, KeyAttribute, KeySchema, Projection
from stator.rules.index_changes import index_changes, index_row

BASE = KeySchema(KeyAttribute("pk", "S"))
BY_STATUS = Index("by-status", KeySchema(KeyAttribute("status", "S"), KeyAttribute("at", "N")), Projection("ALL"))
KEYS_ONLY = Index("keys", BY_STATUS.key, Projection("KEYS_ONLY"))
INCLUDE = Index("include", BY_STATUS.key, Projection("INCLUDE", ("total",)))
NOW = TimestampUs(9)


def item(**attributes: str) -> Item:
    given_: Item = {"pk": {"S": "a"}}
    for name, value in attributes.items():
        given_[name] = {"N": value} if name in {"at", "total"} else {"S": value}
    return given_


def change(old: Item | None, new: Item | None) -> Effect:
    return Effect(
        b"base-key", None if old is None else encode_image(old), None if new is None else encode_image(new), NOW
    )


def row(index: Index, of: Item, shown: Item | None) -> IndexRow:
    return IndexRow(index.row_key(of, b"base-key"), None if shown is None else encode_image(shown), NOW)


PAID = item(status="paid", at="1", total="5")
SENT = item(status="sent", at="1", total="5")


def test_a_new_item_adds_a_row() -> None:
    assert index_changes(change(None, PAID), BY_STATUS, BASE) == (row(BY_STATUS, PAID, PAID),)


def test_a_deleted_item_removes_its_row() -> None:
    assert index_changes(change(PAID, None), BY_STATUS, BASE) == (row(BY_STATUS, PAID, None),)


def test_a_moved_item_leaves_its_old_place_first() -> None:
    assert index_changes(change(PAID, SENT), BY_STATUS, BASE) == (
        row(BY_STATUS, PAID, None),
        row(BY_STATUS, SENT, SENT),
    )


def test_a_changed_attribute_replaces_the_row_in_place() -> None:
    dearer = item(status="paid", at="1", total="6")
    assert index_changes(change(PAID, dearer), BY_STATUS, BASE) == (row(BY_STATUS, dearer, dearer),)


def test_a_change_of_what_the_index_does_not_show_is_none() -> None:
    dearer = item(status="paid", at="1", total="6")
    assert index_changes(change(PAID, dearer), KEYS_ONLY, BASE) == ()
    other = PAID | {"note": {"S": "new"}}
    assert index_changes(change(PAID, other), INCLUDE, BASE) == ()


def test_projections_show_keys_and_what_they_include() -> None:
    note = PAID | {"note": {"S": "x"}}
    assert index_row(b"k", encode_image(note), KEYS_ONLY, BASE) == (
        KEYS_ONLY.row_key(note, b"k"),
        encode_image(item(status="paid", at="1")),
    )
    assert index_row(b"k", encode_image(note), INCLUDE, BASE) == (INCLUDE.row_key(note, b"k"), encode_image(PAID))


def test_items_without_all_index_keys_or_with_other_types_are_not_in_it() -> None:
    for absent in (item(status="paid"), item(at="1"), PAID | {"at": {"S": "1"}}, PAID | {"status": {"NULL": True}}):
        assert index_changes(change(None, absent), BY_STATUS, BASE) == ()
        assert index_changes(change(PAID, absent), BY_STATUS, BASE) == (row(BY_STATUS, PAID, None),)


STATES = st.none() | st.builds(
    lambda status, at, total: item(**{k: v for k, v in (("status", status), ("at", at), ("total", total)) if v}),
    st.sampled_from(["", "paid", "sent"]),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["", "5"]),
)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), STATES), max_size=15), st.sampled_from([BY_STATUS, INCLUDE]))
def test_any_history_leaves_the_projection_of_the_items(history: list[tuple[bytes, Item | None]], index: Index) -> None:
    items: dict[bytes, bytes | None] = {}
    rows: dict[bytes, bytes] = {}
    for key, state in history:
        new = None if state is None else encode_image(state)
        for changed in index_changes(Effect(key, items.get(key), new, NOW), index, BASE):
            if changed.image is None:
                del rows[changed.key]
            else:
                rows[changed.key] = changed.image
        items[key] = new
    expected = [index_row(key, image, index, BASE) for key, image in items.items()]
    assert rows == dict(found for found in expected if found is not None)
