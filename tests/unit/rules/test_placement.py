"""Every process computes the same places, and a node that comes or goes moves only its own share."""

import pytest

from stator.model.positions import LogId
from stator.rules.placement import COPIES, holders, preference

NODES = [f"leader-{number}" for number in range(1, 6)]
LOGS = [LogId(number) for number in range(400)]


def test_places_do_not_depend_on_the_order_of_the_list() -> None:
    assert all(preference(log_id, NODES) == preference(log_id, reversed(NODES)) for log_id in LOGS)


def test_every_log_is_held_by_different_nodes() -> None:
    assert all(len(set(holders(log_id, NODES))) == COPIES for log_id in LOGS)
    assert holders(LOGS[0], NODES[:1]) == NODES[:1]
    assert holders(LOGS[0], []) == []


@pytest.mark.parametrize("gone", NODES)
def test_only_a_lost_nodes_logs_get_another_first_choice(gone: str) -> None:
    left = [node for node in NODES if node != gone]
    for log_id in LOGS:
        before = preference(log_id, NODES)
        assert preference(log_id, left) == [node for node in before if node != gone]


def test_logs_are_spread_evenly() -> None:
    firsts = [preference(log_id, NODES)[0] for log_id in LOGS]
    shares = [firsts.count(node) for node in NODES]
    assert min(shares) > len(LOGS) / len(NODES) * 0.7
