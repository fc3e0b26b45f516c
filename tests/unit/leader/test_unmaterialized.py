"""What an answer rests on that the view does not have yet."""

from services.leader.unmaterialized import latest
from stator.model.positions import Seq


def test_an_answer_waits_for_the_last_of_the_records_it_rests_on() -> None:
    assert latest([Seq(3), None, Seq(7), Seq(5)]) == Seq(7)


def test_an_answer_that_rests_on_the_view_alone_waits_for_none() -> None:
    assert latest([None, None]) is None
