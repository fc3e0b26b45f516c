"""Tasks end together, and none dies unseen."""

import asyncio

import pytest

from stator.runtime.lifecycle import Tasks
from tests.virtual_time import run, settle


async def fail() -> None:
    raise ZeroDivisionError


async def wait(ended: list[str], name: str) -> None:
    try:
        await asyncio.sleep(1_000)
    finally:
        ended.append(name)


def test_a_task_that_fails_is_reported_by_name() -> None:
    async def scenario() -> None:
        failures: list[tuple[str, type[BaseException]]] = []
        tasks = Tasks(lambda name, error: failures.append((name, type(error))))
        tasks.spawn("doomed", fail())
        await settle()
        assert failures == [("doomed", ZeroDivisionError)]

    run(scenario())


def test_how_a_request_ends_is_for_who_waits_for_it() -> None:
    async def scenario() -> None:
        failures: list[str] = []
        tasks = Tasks(lambda name, _error: failures.append(name))
        with pytest.raises(ZeroDivisionError):
            await tasks.request("asked", fail())
        assert failures == []

    run(scenario())


def test_closing_ends_everything_and_returns_once_it_has_ended() -> None:
    async def scenario() -> None:
        failures: list[str] = []
        ended: list[str] = []
        tasks = Tasks(lambda name, _error: failures.append(name))
        tasks.spawn("one", wait(ended, "one"))
        tasks.request("two", wait(ended, "two"))
        await settle()
        await tasks.close()
        assert (ended, failures) == (["one", "two"], [])

    run(scenario())


def test_nothing_starts_after_the_end() -> None:
    async def scenario() -> None:
        tasks = Tasks(lambda _name, _error: None)
        await tasks.close()
        with pytest.raises(RuntimeError, match="late"):
            tasks.spawn("late", fail())

    run(scenario())
