"""Pages: what is counted, in which order, and where the next one starts."""

import pytest

from stator.adapters.view_memory import MemoryView
from stator.model.item import Item, decode_image, encode_image
from stator.model.positions import LogPosition, TimestampUs
from stator.ports.view import Change, StoredItem
from stator.rules.commands import Expression, Page, Query
from stator.runtime.reads import PAGE_BYTES_MAX, query_page

EVEN = Expression("parity = :even", {}, {":even": {"S": "even"}})


def item(number: int, text: str = "") -> Item:
    return {"pk": {"S": f"{number:04d}"}, "parity": {"S": "odd" if number % 2 else "even"}, "text": {"S": text}}


def view_of(*items: Item) -> MemoryView:
    view = MemoryView(0)
    view.apply(
        [Change(one["pk"]["S"].encode(), StoredItem(TimestampUs(1), encode_image(one))) for one in items], LogPosition()
    )
    return view


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


def test_counting_alone_shows_no_items_but_reads_as_much() -> None:
    page = ask(VIEW, filter=EVEN, count_only=True)
    assert (page.images, page.count, page.scanned, page.bytes_read) == ([], 5, 10, ask(VIEW).bytes_read)


def test_a_filter_sees_what_the_projection_leaves_out() -> None:
    page = ask(VIEW, filter=EVEN, projection=Expression("#t", {"#t": "text"}, {}))
    assert [decode_image(image) for image in page.images] == [{"text": {"S": ""}}] * 5


@pytest.mark.parametrize("reverse", [False, True])
def test_the_range_is_read_from_low_to_before_high(*, reverse: bool) -> None:
    page = query_page(VIEW, Query(1, b"0003", b"0006", reverse, 0))
    assert sorted(numbers(page)) == [3, 4, 5]
