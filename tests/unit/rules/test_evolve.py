"""A set of items has one digest, however it came about."""

from hypothesis import given
from hypothesis import strategies as st

from stator.rules.evolve import digest_after, item_digest

KEYS = st.sampled_from([b"a", b"b", b"c", b""])
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=3)), max_size=20)


@given(CHANGES)
def test_a_digest_depends_on_the_items_alone(changes: list[tuple[bytes, bytes | None]]) -> None:
    items: dict[bytes, bytes] = {}
    digest = 0
    for key, image in changes:
        digest = digest_after(digest, key, items.pop(key, None), image)
        if image is not None:
            items[key] = image
    assert digest == sum(item_digest(key, image) for key, image in items.items()) % 2**128


def test_bytes_do_not_move_between_key_and_image_unnoticed() -> None:
    assert item_digest(b"ab", b"c") != item_digest(b"a", b"bc")


def test_a_digest_is_what_it_was_in_version_1() -> None:
    """It is in Base records and snapshots: it never changes."""
    assert item_digest(b"key", b'{"pk":{"S":"a"}}') == 254831307025324232678272086081057882780
