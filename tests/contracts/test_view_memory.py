import pytest

from stator.adapters.view_memory import MemoryViews, MemoryViewStore
from stator.model.positions import LogPosition
from stator.ports.view import Change, Views
from stator.rules.request_tokens import WINDOW_US
from tests.contracts.view_contract import (
    BY_LIKES,
    BY_LIKES_AND_EXPIRY,
    NOW_US,
    ViewContract,
    at,
    contents,
    derived,
    lay_out,
    post,
    put,
    request,
    rows_due,
    then,
)


class TestMemoryViews(ViewContract):
    @pytest.fixture(autouse=True)
    def _store(self) -> None:
        self.store = MemoryViewStore()

    def open_views(self) -> Views:
        return MemoryViews(self.store)


def test_a_machine_crash_can_take_back_the_last_applies() -> None:
    store = MemoryViewStore(undo_applies_max=2)
    view = MemoryViews(store).open(1)
    view.apply([put(b"a", b"1"), put(b"b")], at(1))
    view.apply([put(b"a", b"2"), put(b"a", b"3"), Change(b"b", None)], at(2))
    view.apply([put(b"c")], at(3))
    assert store.lose_applies(1, 2) == 2
    restarted = MemoryViews(store).open(1)
    assert restarted.position == at(1)
    assert [(key, item.image) for key, item in contents(restarted)] == [(b"a", b"1"), (b"b", b"{}")]
    assert store.lose_applies(1, 1) == 0


def test_a_machine_crash_takes_rows_and_layout_back_with_the_items() -> None:
    store = MemoryViewStore(undo_applies_max=9)
    view = MemoryViews(store).open(1)
    lay_out(view, BY_LIKES)
    view.apply([post(b"a" * 16, 1)], at(2))
    before = derived(view)
    view.apply([], at(3))
    lay_out(view, BY_LIKES_AND_EXPIRY)
    view.apply([post(b"a" * 16, 2), post(b"b" * 16, 3)], at(4))
    store.lose_applies(1, 2)
    assert (view.position, view.layout) == (at(2), BY_LIKES)
    assert derived(view) == before == rows_due(view)


def test_a_view_that_cannot_be_trusted_comes_back_empty() -> None:
    store = MemoryViewStore()
    MemoryViews(store).open(1).apply([put(b"a")], at(1))
    store.lose_view(1)
    assert MemoryViews(store).open(1).position == LogPosition()


def test_a_machine_crash_takes_requests_back_with_the_items() -> None:
    store = MemoryViewStore(undo_applies_max=9)
    view = MemoryViews(store).open(1)
    first, second = request("one", NOW_US), request("one", NOW_US + 1)
    view.apply([], then(NOW_US), [first])
    view.apply([], then(NOW_US + 1), [second, request("other", NOW_US)])
    view.apply([], then(NOW_US + 3 * WINDOW_US))
    store.lose_applies(1, 1)
    assert view.carried(first.token) == second.carried
    store.lose_applies(1, 1)
    assert view.carried(first.token) == first.carried
    assert view.carried(request("other", 0).token) is None
