"""A query through a local index shows the items as they are now, in the index's order, cut to what the index carries."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from stator.adapters.view_memory import MemoryView
from stator.model.attributes import item_size
from stator.model.item import Item, decode_image, encode_image
from stator.model.positions import LogPosition, TimestampUs
from stator.model.tables import KeyAttribute, KeySchema, LocalIndex, Projection
from stator.ports.view import Change, StoredItem
from stator.rules.commands import PAGE_BYTES_MAX, Expression, LocalRead, Page, Query
from stator.rules.key_spans import Span, after_key
from stator.rules.local_rows import LocalLayout
from stator.runtime.reads import PIECE_ITEMS, PageReading

BASE = KeySchema(KeyAttribute("forum", "S"), KeyAttribute("at", "N"))
LIKES = KeyAttribute("likes", "N")
INDEX = LocalIndex("by-likes", KeySchema(BASE.partition, LIKES), Projection("INCLUDE", ("title",)))
CARRIED = INDEX.projection.carried(BASE, INDEX.key)
LAYOUT = LocalLayout((KeyAttribute("author", "S"), LIKES))
NUMBER = 1


def post(at: int, likes: int | None, text: str = "") -> Item:
    item: Item = {"forum": {"S": "python"}, "at": {"N": str(at)}, "title": {"S": f"post {at}"}, "text": {"S": text}}
    if likes is not None:
        item["likes"] = {"N": str(likes)}
    return item


def view_of(*posts: Item) -> MemoryView:
    view = MemoryView(0)
    view.lay_out(LAYOUT)
    assert list(view.derive()) == []
    store(view, *posts)
    return view


def store(view: MemoryView, *posts: Item) -> None:
    changes = [Change(BASE.item_key(one), StoredItem(TimestampUs(1), encode_image(one))) for one in posts]
    view.apply(changes, LogPosition())


def ask(view: MemoryView, *, whole: bool = False, carried: Any = CARRIED, **more: Any) -> Page:
    query = Query(1, b"", None, reverse=False, limit=0, local=LocalRead(NUMBER, carried, whole))
    reading = PageReading(view, replace(query, **more))
    while (page := reading.step()) is None:
        pass
    return page


def likes(page: Page) -> list[int]:
    return [int(decode_image(image)["likes"]["N"]) for image in page.images]


def test_items_come_in_the_order_of_the_index_in_both_directions_and_those_without_its_key_do_not() -> None:
    view = view_of(post(1, 30), post(2, -5), post(3, None), post(4, 7))
    assert likes(ask(view)) == [-5, 7, 30]
    assert likes(ask(view, reverse=True)) == [30, 7, -5]


def test_an_item_is_cut_to_what_the_index_carries_and_counted_so() -> None:
    view = view_of(post(1, 30, text="x" * 5_000))
    page = ask(view)
    cut = {"forum": {"S": "python"}, "at": {"N": "1"}, "likes": {"N": "30"}, "title": {"S": "post 1"}}
    assert [decode_image(image) for image in page.images] == [cut]
    assert (page.bytes_read, page.fetched_units) == (item_size(cut), 0)


def test_what_is_fetched_from_the_table_is_counted_for_each_item() -> None:
    posts = [post(at, at, text="x" * 5_000) for at in range(3)]
    page = ask(view_of(*posts), whole=True)
    assert [decode_image(image) for image in page.images] == posts
    assert page.fetched_units == 3 * 2
    assert page.bytes_read < 3 * 100


def test_an_index_that_carries_all_gives_the_image_as_it_is_stored() -> None:
    whole = post(1, 30, text="all")
    page = ask(view_of(whole), carried=None, measured=True)
    assert page.images == [encode_image(whole)]
    assert (page.bytes_read, page.fetched_units) == (item_size(whole), 0)


def test_a_projection_is_of_the_cut_item_and_of_the_whole_one_when_it_is_fetched() -> None:
    view, text = view_of(post(1, 30, text="long")), Expression("#at, #text", {"#at": "at", "#text": "text"}, {})
    assert ask(view, projection=text).images == [b'{"at":{"N":"1"}}']
    assert ask(view, projection=text, whole=True).images == [b'{"at":{"N":"1"},"text":{"S":"long"}}']


@pytest.mark.parametrize("limit", [1, 2, 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_pages_together_are_the_index_though_many_items_share_a_sort_key(limit: int, reverse: bool) -> None:
    view = view_of(*(post(at, at % 3) for at in range(20)))
    whole, seen = ask(view, reverse=reverse), []
    query = Query(1, b"", None, reverse, limit, local=LocalRead(NUMBER, CARRIED))
    while True:
        reading = PageReading(view, query)
        page = reading.step()
        assert page is not None
        seen += page.images
        if page.last is None:
            break
        last = decode_image(page.last)
        left = after_key(Span(query.low, query.high), INDEX.row_key(last, BASE.item_key(last)), reverse=reverse)
        query = replace(query, low=left.low, high=left.high)
    assert seen == whole.images
    assert len(seen) == 20


def test_a_page_of_fetched_items_ends_at_a_megabyte_of_them() -> None:
    view = view_of(*(post(at, at, text="x" * 100_000) for at in range(15)))
    assert ask(view, whole=True).scanned == PAGE_BYTES_MAX // 100_000 + 1
    assert ask(view).scanned == 15


def test_a_long_page_is_read_in_pieces() -> None:
    view = view_of(*(post(at, at) for at in range(PIECE_ITEMS + 1)))
    reading = PageReading(view, Query(1, b"", None, False, 0, local=LocalRead(NUMBER, CARRIED)))
    assert reading.step() is None
    page = reading.step()
    assert page is not None
    assert likes(page) == list(range(PIECE_ITEMS + 1))


@pytest.mark.parametrize("seed", range(5))
def test_every_query_sees_the_newest_value_of_every_item(seed: int) -> None:
    dice, view, newest = random.Random(seed), view_of(), dict[int, int | None]()
    for _ in range(200):
        at, value = dice.randrange(20), dice.choice([None, *range(5)])
        newest[at] = value
        store(view, post(at, value))
        assert likes(ask(view)) == sorted(value for value in newest.values() if value is not None)
