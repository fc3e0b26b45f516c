"""What every view must do: the promises of `stator/ports/view.py`. Subclass it and say how to open the views."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stator.model.positions import Epoch, LaneId, LaneState, LogPosition, Mark, Offset, Seq, TimestampUs, WriterId
from stator.model.tables import KeyAttribute
from stator.ports.view import Change, StoredItem, ViewReader, Views, ViewWriter
from stator.rules.local_rows import NO_ROWS, LocalLayout, row_keys
from stator.rules.request_tokens import WINDOW_US, Carried, Token, generation, token_of

POSITION = LogPosition(
    next_offset=Offset(7),
    lanes={
        LaneId(0): LaneState(Epoch(2), WriterId(2**64 - 1), Seq(3), 2**64 - 1),
        LaneId(9): LaneState(source_offset=5, source_lane=LaneState(Epoch(1), WriterId(2**64 - 1), Seq(4), 2**64 - 2)),
    },
    timestamp_us=TimestampUs(1_700_000_000_000_000),
    closed_us=TimestampUs(1_699_999_999_999_999),
    digest=2**128 - 1,
    items=2,
    item_bytes=40,
    definition=b'{"TableName":"T"}',
    base="snapshots/00000001/0000000000000009.snap",
    base_offset=Offset(3),
    marks=(Mark(Offset(16), 2**128 - 1, 1, 20), Mark(Offset(32), 0, 2, 40)),
)

KEYS = st.binary(min_size=1, max_size=1_040) | st.builds(
    lambda byte, length: bytes([byte]) * length,
    st.sampled_from([0x00, 0xFF]),
    st.integers(1, 1_040),
)
CHANGES = st.builds(
    lambda key, image: Change(key, None if image is None else StoredItem(TimestampUs(len(image)), image)),
    KEYS,
    st.none() | st.binary(max_size=20),
)


def put(key: bytes, image: bytes = b"{}", timestamp_us: int = 1) -> Change:
    """A change that stores an item."""
    return Change(key, StoredItem(TimestampUs(timestamp_us), image))


def at(offset: int) -> LogPosition:
    """A position that differs from others in its offset only."""
    return LogPosition(next_offset=Offset(offset))


def contents(view: ViewReader) -> list[tuple[bytes, StoredItem]]:
    """Everything in the view, in order."""
    return list(view.scan(b"", None))


BY_LIKES = LocalLayout((KeyAttribute("likes", "N"),))
BY_LIKES_AND_EXPIRY = LocalLayout((KeyAttribute("likes", "N"),), "gone")
POSTS = st.builds(
    lambda key, likes, gone: Change(
        key,
        None
        if likes is None
        else StoredItem(TimestampUs(1), b'{"gone":{"N":"%d"},"likes":{"N":"%d"}}' % (gone, likes)),
    ),
    KEYS,
    st.none() | st.integers(-9, 9),
    st.integers(0, 9),
)


def post(key: bytes, likes: int) -> Change:
    """A change that stores an item which `BY_LIKES` gives a row."""
    return put(key, b'{"likes":{"N":"%d"}}' % likes)


NOW_US = 1_700_000_000_000_000 // WINDOW_US * WINDOW_US
"""The beginning of a generation."""


def request(name: str, timestamp_us: int, offset: int = 1) -> Token:
    """What is remembered of a request."""
    return Token(token_of(name, b"key"), Carried(TimestampUs(timestamp_us), Offset(offset), 0))


def then(timestamp_us: int) -> LogPosition:
    """A position that differs from others in its timestamp only."""
    return LogPosition(next_offset=Offset(1), timestamp_us=TimestampUs(timestamp_us))


def lay_out(view: ViewWriter, layout: LocalLayout) -> None:
    """Put a layout in force, for what is there as well."""
    view.lay_out(layout)
    for _ in view.derive():
        pass


def derived(view: ViewReader) -> list[tuple[bytes, bytes, StoredItem]]:
    """All rows of a view, in order."""
    return [tuple(row) for row in view.rows(b"", None)]


def rows_due(view: ViewReader) -> list[tuple[bytes, bytes, StoredItem]]:
    """All rows that a view should have: what its layout says of its items."""
    return sorted((row, key, item) for key, item in contents(view) for row in row_keys(view.layout, key, item.image))


class ViewContract(ABC):
    """Each test gets an empty place for views."""

    @abstractmethod
    def open_views(self) -> Views:
        """Open the place; after the last handle on it was closed, opened again, it holds what it held."""

    @pytest.fixture
    def views(self) -> Iterator[Views]:
        views = self.open_views()
        yield views
        views.close()

    def test_a_new_view_is_empty_at_offset_zero(self, views: Views) -> None:
        view = views.open(1)
        assert view.position == LogPosition()
        assert contents(view) == []
        assert view.get(b"k") is None

    def test_a_snapshot_stands_still_while_the_view_moves_on(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"a", b"1"), put(b"b", b"2"), put(b"c", b"3")], at(3))
        with view.snapshot() as (position, items):
            assert next(items) == (b"a", StoredItem(TimestampUs(1), b"1"))
            view.apply([put(b"a", b"9"), Change(b"b", None), put(b"d", b"4")], at(4))
            assert list(items) == [(b"b", StoredItem(TimestampUs(1), b"2")), (b"c", StoredItem(TimestampUs(1), b"3"))]
            assert position == at(3)
        assert view.position == at(4)
        assert [key for key, _ in contents(view)] == [b"a", b"c", b"d"]

    def test_a_snapshot_is_of_the_moment_it_was_taken_not_of_the_first_read(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"a")], at(1))
        with view.snapshot() as (position, items):
            view.apply([put(b"b")], at(2))
            assert (position, [key for key, _ in items]) == (at(1), [b"a"])

    def test_a_snapshot_given_up_half_way_leaves_the_view_usable(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"a"), put(b"b")], at(1))
        with view.snapshot() as (_, items):
            next(items)
        view.apply([Change(b"a", None)], at(2))
        assert [key for key, _ in contents(view)] == [b"b"]

    def test_an_applied_item_is_found_under_exactly_its_key(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"key", b'{"a":{"S":"x"}}', 5)], at(1))
        assert view.get(b"key") == StoredItem(TimestampUs(5), b'{"a":{"S":"x"}}')
        assert view.get(b"ke") is None
        assert view.get(b"key\0") is None

    def test_the_position_comes_back_as_given(self, views: Views) -> None:
        view = views.open(1)
        view.apply([], POSITION)
        assert view.position == POSITION

    def test_a_deleted_item_is_gone_and_deleting_an_absent_one_is_allowed(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"a"), put(b"b")], at(1))
        view.apply([Change(b"a", None), Change(b"absent", None)], at(2))
        assert [key for key, _ in contents(view)] == [b"b"]

    def test_the_last_change_of_a_key_wins(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"a", b"1"), Change(b"a", None), put(b"a", b"2"), put(b"b"), Change(b"b", None)], at(1))
        assert contents(view) == [(b"a", StoredItem(TimestampUs(1), b"2"))]

    def test_views_of_different_logs_do_not_mix(self, views: Views) -> None:
        views.open(1).apply([put(b"k", b"one")], at(1))
        views.open(2).apply([put(b"k", b"two")], at(2))
        item = views.open(1).get(b"k")
        assert item is not None
        assert item.image == b"one"
        assert views.open(2).position == at(2)

    def test_a_scan_has_an_inclusive_low_and_an_exclusive_high_end(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(bytes([byte])) for byte in range(1, 6)], at(1))
        assert [key for key, _ in view.scan(b"\2", b"\4")] == [b"\2", b"\3"]
        assert [key for key, _ in view.scan(b"\2", b"\4", reverse=True)] == [b"\3", b"\2"]
        assert [key for key, _ in view.scan(b"\4", None)] == [b"\4", b"\5"]
        assert [key for key, _ in view.scan(b"\4", None, reverse=True)] == [b"\5", b"\4"]
        assert [key for key, _ in view.scan(b"\3\1", b"\x09")] == [b"\4", b"\5"]
        assert [key for key, _ in view.scan(b"\0", b"\3\1", reverse=True)] == [b"\3", b"\2", b"\1"]

    def test_an_empty_or_inverted_range_holds_nothing(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"b")], at(1))
        for reverse in (False, True):
            assert list(view.scan(b"b", b"b", reverse=reverse)) == []
            assert list(view.scan(b"c", b"a", reverse=reverse)) == []
            assert list(view.scan(b"c", None, reverse=reverse)) == []
            assert list(view.scan(b"", b"", reverse=reverse)) == []

    def test_a_view_can_be_changed_after_a_scan_was_closed_half_way(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"a"), put(b"b")], at(1))
        with closing(view.scan(b"", None)) as scan:
            assert next(scan)[0] == b"a"
        view.apply([put(b"c")], at(2))
        assert [key for key, _ in contents(view)] == [b"a", b"b", b"c"]

    def test_a_view_is_a_sorted_map(self) -> None:
        @settings(max_examples=60, deadline=None)
        @given(batches=st.lists(st.lists(CHANGES, max_size=12), max_size=6), low=KEYS, high=st.none() | KEYS)
        def behaves_like_a_dict(batches: list[list[Change]], low: bytes, high: bytes | None) -> None:
            views.drop(1)
            view = views.open(1)
            model: dict[bytes, StoredItem] = {}
            for offset, batch in enumerate(batches):
                view.apply(batch, at(offset))
                for key, item in batch:
                    if item is None:
                        model.pop(key, None)
                    else:
                        model[key] = item
                assert all(view.get(key) == model.get(key) for key, _ in batch)
            expected = [(key, model[key]) for key in sorted(model) if low <= key and (high is None or key < high)]
            assert contents(view) == sorted(model.items())
            assert list(view.scan(low, high)) == expected
            assert list(view.scan(low, high, reverse=True)) == expected[::-1]

        views = self.open_views()
        behaves_like_a_dict()
        views.close()

    def test_a_snapshot_is_not_moved_by_what_is_applied_meanwhile(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"%03d" % number, b"old") for number in range(100)], at(1))
        with view.snapshot() as (position, items):
            first = next(items)
            view.apply([put(b"%03d" % number, b"new") for number in range(0, 200, 2)], at(2))
            view.apply([Change(b"%03d" % number, None) for number in range(1, 100, 2)], at(3))
            rows = [first, *items]
        assert position == at(1)
        assert [(key, item.image) for key, item in rows] == [(b"%03d" % number, b"old") for number in range(100)]
        assert view.position == at(3)

    def test_items_and_position_survive_reopening(self) -> None:
        views = self.open_views()
        views.open(1).apply([put(b"a", b"kept")], POSITION)
        views.close()
        views = self.open_views()
        view = views.open(1)
        assert view.position == POSITION
        assert contents(view) == [(b"a", StoredItem(TimestampUs(1), b"kept"))]
        views.close()

    def test_a_discarded_view_is_empty_at_once_and_can_be_filled_again(self) -> None:
        views = self.open_views()
        view = views.open(1)
        lay_out(view, BY_LIKES)
        view.apply([post(b"%016d" % number, number) for number in range(200)], POSITION)
        view.discard()
        assert (view.position, view.layout, contents(view), derived(view)) == (LogPosition(), NO_ROWS, [], [])
        view.apply([put(b"a", b"again")], at(1))
        assert views.open(1).get(b"a") == StoredItem(TimestampUs(1), b"again")
        views.close()
        views = self.open_views()
        assert contents(views.open(1)) == [(b"a", StoredItem(TimestampUs(1), b"again"))]
        views.close()

    def test_a_view_can_be_discarded_while_it_is_read_and_its_rows_are_derived(self, views: Views) -> None:
        view = views.open(1)
        view.apply([post(b"%016d" % number, number) for number in range(200)], at(3))
        view.lay_out(BY_LIKES)
        deriving = view.derive()
        next(deriving)
        with closing(view.scan(b"", None)) as scan:
            next(scan)
            view.discard()
        assert list(deriving) == []
        assert (contents(view), derived(view), view.layout) == ([], [], NO_ROWS)

    def test_a_view_closed_by_itself_can_be_opened_again(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"a")], at(1))
        view.close()
        assert views.open(1).position == at(1)

    def test_a_dropped_view_comes_back_empty_and_leaves_others_alone(self, views: Views) -> None:
        views.open(1).apply([put(b"a")], at(1))
        views.open(2).apply([put(b"a")], at(2))
        views.drop(1)
        views.drop(77)
        assert views.open(1).position == LogPosition()
        assert contents(views.open(1)) == []
        assert views.open(2).position == at(2)

    def test_installing_replaces_everything(self, views: Views) -> None:
        view = views.open(1)
        view.apply([put(b"old"), put(b"both", b"old")], at(3))
        view.install(iter([put(b"new"), put(b"both", b"new")]), POSITION)
        assert [(key, item.image) for key, item in contents(view)] == [(b"both", b"new"), (b"new", b"{}")]
        assert view.position == POSITION

    def test_a_large_install_is_complete_and_survives_reopening(self) -> None:
        views = self.open_views()
        views.open(1).install((put(b"%06d" % number, b"x" * 500) for number in range(20_000)), at(9))
        views.close()
        views = self.open_views()
        assert sum(1 for _ in views.open(1).scan(b"", None)) == 20_000
        assert views.open(1).position == at(9)
        views.close()

    def test_an_install_that_fails_half_way_leaves_an_empty_view_at_offset_zero(self, views: Views) -> None:
        def cut_short() -> Iterator[Change]:
            yield from (put(b"%06d" % number, b"x" * 500) for number in range(20_000))
            raise ConnectionError

        view = views.open(1)
        view.apply([put(b"old")], at(3))
        with pytest.raises(ConnectionError):
            view.install(cut_short(), at(9))
        assert view.position == LogPosition()
        assert contents(view) == []

    def test_a_position_with_thousands_of_lanes_is_kept(self, views: Views) -> None:
        lanes = {LaneId(number): LaneState(Epoch(number), source_offset=number) for number in range(3_000)}
        position = replace(POSITION, lanes=lanes)
        views.open(1).apply([], position)
        assert views.open(1).position == position

    def test_a_request_is_remembered_with_where_it_was_carried(self, views: Views) -> None:
        view = views.open(1)
        one, other = request("one", NOW_US, 5), request("other", NOW_US + 1, 6)
        view.apply([put(b"a")], then(NOW_US + 1), [one, other])
        assert [view.carried(known.token) for known in (one, other)] == [one.carried, other.carried]
        assert view.carried(request("third", NOW_US).token) is None
        assert views.open(2).carried(one.token) is None

    def test_the_newest_of_two_requests_with_one_token_is_remembered(self, views: Views) -> None:
        view = views.open(1)
        for at_us in (NOW_US - 5, NOW_US - 3, NOW_US, NOW_US + 3):
            view.apply([], then(at_us), [request("one", at_us, at_us)])
            assert view.carried(request("one", 0).token) == request("one", at_us, at_us).carried

    @pytest.mark.parametrize("later_us", [1, WINDOW_US // 3, WINDOW_US])
    @pytest.mark.parametrize("phase_us", [0, 1, WINDOW_US // 2, WINDOW_US - 1])
    def test_a_request_is_remembered_for_the_whole_window(self, views: Views, phase_us: int, later_us: int) -> None:
        view = views.open(1)
        known = request("one", NOW_US + phase_us)
        view.apply([], then(NOW_US + phase_us), [known])
        view.apply([], then(NOW_US + phase_us + later_us), [request("other", NOW_US + phase_us + later_us)])
        assert view.carried(known.token) == known.carried

    @pytest.mark.parametrize("generations", [2, 3, 4, 9])
    def test_requests_are_forgotten_by_generations(self, views: Views, generations: int) -> None:
        view = views.open(1)
        known = request("one", NOW_US)
        view.apply([], then(NOW_US), [known])
        view.apply([], then(NOW_US + generations * WINDOW_US))
        assert view.carried(known.token) is None

    def test_one_burst_may_hold_requests_of_any_age(self, views: Views) -> None:
        view = views.open(1)
        known = [request(str(number), NOW_US + number * WINDOW_US, number) for number in range(4)]
        view.apply([], then(known[-1].carried.timestamp_us), known)
        assert [view.carried(one.token) for one in known] == [None, None, known[2].carried, known[3].carried]

    def test_requests_are_remembered_over_reopening_and_forgotten_by_an_installation(self) -> None:
        views = self.open_views()
        known = request("one", NOW_US)
        views.open(1).apply([], then(NOW_US), [known])
        views.close()
        views = self.open_views()
        assert views.open(1).carried(known.token) == known.carried
        views.open(1).install((), then(NOW_US))
        assert views.open(1).carried(known.token) is None
        views.close()

    def test_what_is_remembered_is_what_the_window_holds_after_any_requests(self) -> None:
        @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, WINDOW_US * 3 // 2)), max_size=20))
        @settings(max_examples=100, deadline=None)
        def check(steps: list[tuple[int, int]]) -> None:
            views = self.open_views()
            views.drop(1)
            view = views.open(1)
            newest: dict[bytes, Carried] = {}
            now_us = NOW_US
            for name, pause_us in steps:
                now_us += pause_us
                known = request(str(name), now_us, now_us)
                view.apply([], then(now_us), [known])
                newest[known.token] = known.carried
                for token, carried in newest.items():
                    kept = generation(carried.timestamp_us) >= generation(now_us) - 1
                    assert view.carried(token) == (carried if kept else None)
            views.close()

        check()

    def test_a_view_without_a_layout_derives_nothing(self, views: Views) -> None:
        view = views.open(1)
        view.apply([post(b"a" * 16, 3)], at(1))
        assert view.layout == NO_ROWS
        assert derived(view) == []

    def test_rows_follow_their_items_within_each_apply(self, views: Views) -> None:
        view = views.open(1)
        lay_out(view, BY_LIKES)
        view.apply([post(b"a" * 16, 3), post(b"b" * 16, 1), put(b"c" * 16)], at(2))
        view.apply([post(b"a" * 16, 5), post(b"a" * 16, 7), Change(b"b" * 16, None), post(b"c" * 16, 2)], at(3))
        assert [item_key for _, item_key, _ in derived(view)] == [b"a" * 16, b"c" * 16]
        assert derived(view) == rows_due(view)
        view.apply([put(b"a" * 16)], at(4))
        assert [item_key for _, item_key, _ in derived(view)] == [b"c" * 16]

    def test_rows_are_read_in_both_directions_between_two_keys(self, views: Views) -> None:
        view = views.open(1)
        lay_out(view, BY_LIKES)
        view.apply([post(b"p" * 16 + b"%d" % number, number) for number in range(9, 0, -1)], at(2))
        rows = derived(view)
        assert [item_key[-1:] for _, item_key, _ in rows] == [b"%d" % number for number in range(1, 10)]
        low, high = rows[2][0], rows[6][0]
        assert [tuple(row) for row in view.rows(low, high)] == rows[2:6]
        assert [tuple(row) for row in view.rows(low, high, reverse=True)] == rows[2:6][::-1]
        assert list(view.rows(high, low)) == []

    def test_a_layout_that_comes_later_finds_every_item_in_many_steps(self, views: Views) -> None:
        view = views.open(1)
        view.apply([post(b"%016d" % number, number) for number in range(1_000)], at(1))
        view.lay_out(BY_LIKES)
        steps = 0
        for _ in view.derive():
            steps += 1
            assert (view.position, view.layout, view.derived) == (at(1), BY_LIKES, False)
        assert steps > 5
        assert (view.position, view.layout, view.derived) == (at(1), BY_LIKES, True)
        assert len(derived(view)) == 1_000
        assert derived(view) == rows_due(view)

    def test_a_view_may_be_changed_while_its_rows_are_derived(self, views: Views) -> None:
        view = views.open(1)
        lay_out(view, LocalLayout(expiry_attribute="likes"))
        view.apply([post(b"%016d" % number, number) for number in range(1_000)], at(1))
        view.lay_out(BY_LIKES_AND_EXPIRY)
        for step, _ in enumerate(view.derive()):
            keys = [b"%016d" % ((step * 7 + number * 113) % 1_100) for number in range(9)]
            view.apply([post(key, step) for key in keys[:6]] + [Change(key, None) for key in keys[6:]], at(step))
        assert view.derived
        assert derived(view) == rows_due(view)

    def test_rows_of_both_layouts_are_there_while_the_layout_changes(self, views: Views) -> None:
        view = views.open(1)
        lay_out(view, BY_LIKES)
        view.apply([post(b"%016d" % number, number) for number in range(1_000)], at(2))
        before = derived(view)
        view.lay_out(BY_LIKES_AND_EXPIRY)
        for _ in view.derive():
            assert derived(view) == before

    def test_a_layout_that_derives_less_takes_its_rows_away(self, views: Views) -> None:
        view = views.open(1)
        lay_out(view, BY_LIKES)
        view.apply([post(b"%016d" % number, number) for number in range(600)], at(2))
        lay_out(view, NO_ROWS)
        assert derived(view) == []

    def test_another_layout_ends_a_derivation_and_takes_what_it_left(self, views: Views) -> None:
        view = views.open(1)
        view.apply([post(b"%016d" % number, number) for number in range(1_000)], at(1))
        view.lay_out(LocalLayout(expiry_attribute="likes"))
        steps = view.derive()
        next(steps)
        view.lay_out(BY_LIKES)
        assert list(steps) == []
        assert not view.derived
        lay_out(view, BY_LIKES)
        assert view.derived
        assert derived(view) == rows_due(view)

    def test_a_derivation_cut_short_is_done_over_by_whoever_opens_the_view_again(self) -> None:
        views = self.open_views()
        view = views.open(1)
        lay_out(view, LocalLayout(expiry_attribute="likes"))
        view.apply([post(b"%016d" % number, number) for number in range(1_000)], at(2))
        view.lay_out(BY_LIKES)
        next(view.derive())
        views.close()
        views = self.open_views()
        view = views.open(1)
        assert (view.position, view.layout, view.derived) == (at(2), BY_LIKES, False)
        view.apply([Change(b"%016d" % number, None) for number in range(0, 1_000, 3)], at(3))
        lay_out(view, BY_LIKES)
        assert view.derived
        assert derived(view) == rows_due(view)
        views.close()

    def test_layout_and_rows_survive_reopening(self) -> None:
        views = self.open_views()
        lay_out(views.open(1), BY_LIKES_AND_EXPIRY)
        views.open(1).apply([post(b"a" * 16, 1)], POSITION)
        views.close()
        views = self.open_views()
        view = views.open(1)
        assert (view.layout, len(derived(view))) == (BY_LIKES_AND_EXPIRY, 1)
        view.apply([post(b"b" * 16, 2)], at(2))
        assert derived(view) == rows_due(view)
        views.close()

    def test_installing_ends_the_layout(self, views: Views) -> None:
        view = views.open(1)
        lay_out(view, BY_LIKES)
        view.apply([post(b"old" * 8, 1)], at(2))
        view.install([post(b"new" * 8, 1)], at(3))
        assert (view.layout, derived(view)) == (NO_ROWS, [])
        lay_out(view, BY_LIKES)
        assert [item_key for _, item_key, _ in derived(view)] == [b"new" * 8]

    def test_rows_are_what_the_layout_derives_from_the_items_after_any_changes(self) -> None:
        layouts = st.sampled_from([NO_ROWS, BY_LIKES, BY_LIKES_AND_EXPIRY])

        @settings(max_examples=60, deadline=None)
        @given(moves=st.lists(layouts | st.lists(POSTS, max_size=8), max_size=8))
        def rows_are_derived(moves: list[LocalLayout | list[Change]]) -> None:
            views.drop(1)
            view = views.open(1)
            for offset, move in enumerate(moves):
                if isinstance(move, LocalLayout):
                    view.lay_out(move)
                    next(view.derive(), None)
                else:
                    view.apply(move, at(offset))
                if not view.derived and offset % 2:
                    continue
                lay_out(view, view.layout)
                assert derived(view) == rows_due(view)
                assert [tuple(row) for row in view.rows(b"", None, reverse=True)] == rows_due(view)[::-1]

        views = self.open_views()
        rows_are_derived()
        views.close()
