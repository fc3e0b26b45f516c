"""Pages: what is counted, in which order, and where the next one starts."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from stator.adapters.view_memory import MemoryView
from stator.model.item import Item, decode_image, encode_image
from stator.model.positions import LogPosition, Offset, TimestampUs
from stator.ports.view import Change, StoredItem
from stator.rules.commands import PAGE_BYTES_MAX, Expression, Page, Query
from stator.runtime.reads import ANSWER_BYTES_MAX, PIECE_ITEMS, PageReading, images_of, read_page

EVEN = Expression("parity = :even", {}, {":even": {"S": "even"}})


def item(number: int, text: str = "") -> Item:
    return {"pk": {"S": f"{number:04d}"}, "parity": {"S": "odd" if number % 2 else "even"}, "text": {"S": text}}


def view_of(*items: Item) -> MemoryView:
    view = MemoryView(0)
    fill(view, *items)
    return view


def fill(view: MemoryView, *items: Item) -> None:
    changes = [Change(one["pk"]["S"].encode(), StoredItem(TimestampUs(1), encode_image(one))) for one in items]
    view.apply(changes, LogPosition())


def query_page(view: MemoryView, query: Query) -> Page:
    """The page, and no more pieces than it takes."""
    reading = PageReading(view, query)
    for _ in range(100):
        page = reading.step()
        if page is not None:
            return page
    raise AssertionError("no end")


def ask(
    view: MemoryView, *, limit: int = 0, reverse: bool = False, count_only: bool = False, **more: Expression
) -> Page:
    return query_page(view, Query(1, b"", None, reverse, limit, count_only=count_only, **more))


def numbers(page: Page) -> list[int]:
    return [int(decode_image(image)["pk"]["S"]) for image in page.images]


VIEW = view_of(*map(item, range(10)))


def test_a_page_without_limits_has_everything_in_order_and_no_end() -> None:
    page = ask(VIEW)
    assert (numbers(page), page.count, page.scanned, page.last) == (list(range(10)), 10, 10, None)
    assert numbers(ask(VIEW, reverse=True)) == list(range(9, -1, -1))


def test_the_limit_counts_before_the_filter() -> None:
    page = ask(VIEW, limit=5, filter=EVEN)
    assert (numbers(page), page.count, page.scanned) == ([0, 2, 4], 3, 5)
    assert page.last == encode_image(item(4))


def test_a_page_may_be_empty_and_still_not_the_last() -> None:
    page = ask(view_of(item(1), item(3), item(5)), limit=2, filter=EVEN)
    assert (page.images, page.count, page.scanned, page.last) == ([], 0, 2, encode_image(item(3)))


def test_a_limit_that_is_just_reached_says_that_more_may_follow() -> None:
    assert ask(VIEW, limit=10).last == encode_image(item(9))
    assert ask(VIEW, limit=11).last is None


def test_a_page_ends_with_the_item_that_reaches_a_mebibyte_filtered_or_not() -> None:
    quarter = PAGE_BYTES_MAX // 4
    view = view_of(*(item(number, "x" * quarter) for number in range(10)))
    page = ask(view)
    assert (numbers(page), page.scanned) == ([0, 1, 2, 3], 4)
    assert page.last is not None
    assert page.bytes_read >= PAGE_BYTES_MAX
    filtered = ask(view, filter=EVEN)
    assert (numbers(filtered), filtered.scanned, filtered.bytes_read) == ([0, 2], 4, page.bytes_read)


@pytest.mark.parametrize("letter", ["x", "\x01"])
def test_a_page_that_is_not_measured_ends_where_a_measured_one_does(letter: str) -> None:
    """Of control characters an image is six times as long as its item, so that most estimates are wrong."""
    view = view_of(*(item(number, letter * (20 + number % 7)) for number in range(400)))
    for bytes_max in (1, 1_000, 5_000, 20_000):
        asked = Query(1, b"", None, reverse=False, limit=0, bytes_max=bytes_max)
        estimated, measured = query_page(view, asked), query_page(view, replace(asked, measured=True))
        assert estimated.images == measured.images
        assert estimated.last == measured.last
        assert estimated.bytes_read >= measured.bytes_read
        assert measured.bytes_read >= bytes_max or measured.last is None


def test_counting_alone_shows_no_items_but_reads_as_much() -> None:
    page = ask(VIEW, filter=EVEN, count_only=True)
    assert (page.images, page.count, page.scanned) == ([], 5, 10)
    assert page.bytes_read == ask(VIEW, filter=EVEN).bytes_read


def test_a_filter_sees_what_the_projection_leaves_out() -> None:
    page = ask(VIEW, filter=EVEN, projection=Expression("#t", {"#t": "text"}, {}))
    assert [decode_image(image) for image in page.images] == [{"text": {"S": ""}}] * 5


@pytest.mark.parametrize("reverse", [False, True])
def test_the_range_is_read_from_low_to_before_high(*, reverse: bool) -> None:
    page = query_page(VIEW, Query(1, b"0003", b"0006", reverse, 0))
    assert sorted(numbers(page)) == [3, 4, 5]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_long_page_is_read_in_pieces_and_none_is_left_out(*, reverse: bool) -> None:
    view = view_of(*map(item, range(2 * PIECE_ITEMS + 1)))
    reading = PageReading(view, Query(1, b"", None, reverse, 0))
    assert reading.step() is None
    assert reading.step() is None
    page = reading.step()
    assert page is not None
    in_order = list(range(2 * PIECE_ITEMS + 1))
    assert (numbers(page), page.last) == (in_order[::-1] if reverse else in_order, None)


def test_what_is_written_between_two_pieces_is_seen_where_the_reading_has_not_been() -> None:
    view = view_of(*map(item, range(PIECE_ITEMS + 1)))
    reading = PageReading(view, Query(1, b"", None, reverse=False, limit=0))
    assert reading.step() is None
    view.apply(
        [Change(b"0001", None), Change(b"9999", StoredItem(TimestampUs(2), encode_image(item(9999))))], LogPosition()
    )
    page = reading.step()
    assert page is not None
    assert numbers(page) == [*range(PIECE_ITEMS + 1), 9999]


def test_others_have_their_turn_while_a_long_page_is_read() -> None:
    async def turns_taken() -> tuple[Page, int]:
        loop = asyncio.get_running_loop()
        page: asyncio.Future[Page] = loop.create_future()
        turns = 0

        def turn() -> None:
            nonlocal turns
            if not page.done():
                turns += 1
                loop.call_soon(turn)

        read_page(view_of(*map(item, range(3 * PIECE_ITEMS))), Query(1, b"", None, reverse=False, limit=0), page)
        loop.call_soon(turn)
        return await page, turns

    page, turns = asyncio.run(turns_taken())
    assert (page.count, turns) == (3 * PIECE_ITEMS, 2)


class ViewThatCloses(MemoryView):
    """Closed after the first piece."""

    def scan(self, low: bytes, high: bytes | None, *, reverse: bool = False) -> Any:
        if low:
            raise OSError("closed")
        return super().scan(low, high, reverse=reverse)


def test_a_view_that_fails_in_the_middle_of_a_page_is_told_to_whoever_waits() -> None:
    view = ViewThatCloses(0)
    fill(view, *map(item, range(PIECE_ITEMS + 1)))

    async def read() -> Page:
        page: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
        read_page(view, Query(1, b"", None, reverse=False, limit=0), page)
        return await page

    with pytest.raises(OSError, match="closed"):
        asyncio.run(read())


def test_the_bytes_of_a_page_are_counted_over_all_its_pieces() -> None:
    view = view_of(*(item(number, "x" * 1000) for number in range(2 * PIECE_ITEMS)))
    page = query_page(view, Query(1, b"", None, reverse=False, limit=0, bytes_max=400_000))
    assert page.last is not None
    assert 400_000 <= page.bytes_read < 402_000


def test_several_keys_are_answered_in_order_also_where_nothing_is() -> None:
    got = images_of([b"0003", b"none", b"0001"], VIEW.get, Offset(4))
    assert got.images == [encode_image(item(3)), None, encode_image(item(1))]


def test_several_keys_are_answered_as_far_as_they_fit() -> None:
    third = ANSWER_BYTES_MAX // 3
    view = view_of(*(item(number, "x" * third) for number in range(4)))
    keys = [f"{number:04d}".encode() for number in range(4)]
    assert len(images_of(keys, view.get, Offset(4)).images) == 2
    huge = view_of(item(0, "x" * (ANSWER_BYTES_MAX + 1)))
    assert len(images_of([b"0000"], huge.get, Offset(1)).images) == 1
