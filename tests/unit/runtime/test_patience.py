"""A process that needs a server which is not there yet waits, says so every few seconds, and goes on by itself."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from stator.model.errors import LogError, StartupError
from stator.runtime.patience import LOOK_S, SAY_S, wait_for
from tests.virtual_time import LoopClock, run

AT = "kafka-1:9092"
Line = MutableMapping[str, Any]


def lines_while_away(away: Exception, tries: int) -> list[Line]:
    """What is said about a server that is `away` for so many tries and then answers."""
    lines: list[Line] = []

    async def scenario() -> None:
        outcomes = iter([away] * tries)

        async def attempt() -> str:
            for error in outcomes:
                raise error
            return "answer"

        with capture_logs() as said:
            assert await wait_for(LoopClock(), "kafka", AT, attempt) == "answer"
        lines.extend(said)

    run(scenario())
    return lines


def test_a_server_that_is_there_is_worth_no_line() -> None:
    assert lines_while_away(LogError("unused"), tries=0) == []


@pytest.mark.parametrize(
    "away", [LogError("no broker"), ConnectionRefusedError("no broker"), TimeoutError("no broker")]
)
def test_waiting_is_said_at_once_then_every_few_seconds_and_so_is_its_end(away: Exception) -> None:
    away_s = 2 * SAY_S + 1
    first, second, third, last = lines_while_away(away, tries=round(away_s / LOOK_S))
    for line, waited_s in ((first, 0), (second, SAY_S), (third, 2 * SAY_S)):
        assert line == {
            "event": "waiting_for_server",
            "log_level": "warning",
            "server": "kafka",
            "at": AT,
            "waited_s": waited_s,
            "reason": "no broker",
        }
    assert last == {
        "event": "server_answers",
        "log_level": "info",
        "server": "kafka",
        "at": AT,
        "waited_s": away_s,
    }


def test_what_an_operator_must_change_is_not_waited_for() -> None:
    with pytest.raises(StartupError, match="refuses the keys"):
        lines_while_away(StartupError("refuses the keys given"), tries=1)
