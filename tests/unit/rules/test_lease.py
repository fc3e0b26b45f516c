"""No two leaders may answer at once: leases and waits of made-up histories, by clocks that are off as much as is allowed."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stator.model.records import Kind
from stator.rules.lease import LEASE_S, RATE_ERROR, Before, lease_until, passed, ready_at

NODES = 3
rates = st.floats(1 - RATE_ERROR, 1 + RATE_ERROR)
delays = st.floats(0.0, 3.0)


@dataclass
class Leader:
    """A process with a clock of its own. Times without a name of their own are the truth's."""

    rate: float
    skew_s: float
    before: Before = Before.NOBODY
    ready_at: float = 0.0
    until: float = 0.0
    leads: bool = False

    def clock(self, now: float) -> float:
        return self.skew_s + now * self.rate

    def truth(self, shown: float) -> float:
        return (shown - self.skew_s) / self.rate


@dataclass
class Truth:
    """A log on which everything that lands counts, and everybody reads it at once: they may stop leading only late."""

    leaders: list[Leader]
    now: float = 0.0
    spans: list[tuple[int, float, float]] = field(default_factory=list)
    """Who may read by a lease, from when to when."""
    answers: list[tuple[int, float]] = field(default_factory=list)
    """From when on who may answer."""

    def append(self, node: int, kind: Kind, on_the_way_s: float) -> None:
        leader = self.leaders[node]
        shown = leader.clock(self.now)
        if kind is Kind.RELEASE and not (leader.leads and shown >= leader.ready_at):
            return
        if kind is Kind.EFFECT and not leader.leads:
            return
        self.now += on_the_way_s
        if kind is Kind.CLAIM:
            leader.ready_at = ready_at(leader.before, leader.clock(self.now), leader.ready_at)
            self.answers.append((node, leader.truth(leader.ready_at)))
        if kind is not Kind.RELEASE:
            leader.until = lease_until(shown)
            self.spans.append((node, leader.truth(leader.ready_at), leader.truth(leader.until)))
        for other, follower in enumerate(self.leaders):
            follower.before = passed(follower.before, kind, ours=other == node)
            if kind is Kind.CLAIM:
                follower.leads = other == node
        if kind is Kind.RELEASE:
            leader.leads = False
            # It reads no more, whatever is left of its lease.
            self.spans = [
                (owner, begin, min(end, self.now) if owner == node else end) for owner, begin, end in self.spans
            ]


@given(
    st.lists(st.tuples(rates, st.floats(-100, 100)), min_size=NODES, max_size=NODES),
    st.lists(
        st.tuples(
            st.floats(0.0, 4.0),
            st.integers(0, NODES - 1),
            st.sampled_from([Kind.CLAIM, Kind.CLAIM, Kind.EFFECT, Kind.RELEASE]),
            delays,
        ),
        max_size=12,
    ),
)
def test_nobody_answers_while_another_reads_by_its_lease(
    clocks: list[tuple[float, float]], steps: list[tuple[float, int, Kind, float]]
) -> None:
    truth = Truth([Leader(rate, skew_s) for rate, skew_s in clocks])
    for pause_s, node, kind, on_the_way_s in steps:
        truth.now += pause_s
        truth.append(node, kind, on_the_way_s)
    for number, (node, answers_from) in enumerate(truth.answers):
        earlier = {owner for owner, _ in truth.answers[:number]}
        for owner, begin, end in truth.spans:
            if owner != node and owner in earlier and begin <= answers_from:
                assert end <= answers_from + 1e-6 or begin >= end


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], Before.NOBODY),
        ([(Kind.CLAIM, True), (Kind.EFFECT, True), (Kind.BARRIER, True)], Before.OURSELVES),
        ([(Kind.CLAIM, True), (Kind.CLAIM, False)], Before.OTHERS),
        ([(Kind.CLAIM, False), (Kind.EFFECT, False), (Kind.RELEASE, False)], Before.NOBODY),
        ([(Kind.CLAIM, False), (Kind.RELEASE, False), (Kind.CLAIM, False)], Before.OTHERS),
        ([(Kind.CLAIM, True), (Kind.CLAIM, False), (Kind.RELEASE, False), (Kind.CLAIM, True)], Before.OURSELVES),
    ],
)
def test_what_was_accepted_last_tells_who_may_have_a_lease(records: list[tuple[Kind, bool]], expected: Before) -> None:
    before = Before.NOBODY
    for kind, ours in records:
        before = passed(before, kind, ours=ours)
    assert before is expected


def test_a_successor_waits_longer_than_any_lease_lasts() -> None:
    assert ready_at(Before.OTHERS, 0.0, 0.0) / (1 + RATE_ERROR) >= lease_until(0.0) / (1 - RATE_ERROR) >= LEASE_S
