import asyncio

import pytest

from stator.model.errors import LogError
from stator.runtime import health as module
from stator.runtime.health import Health, Verdict, answers


async def _well() -> tuple[str, ...]:
    return ()


async def _ill() -> tuple[str, ...]:
    return ("partition 3 of Notes has no leader",)


async def _away() -> tuple[str, ...]:
    raise LogError("no broker")


async def _silent() -> tuple[str, ...]:
    await asyncio.get_running_loop().create_future()
    return ()


def verdict(health: Health) -> Verdict:
    return asyncio.run(health.verdict())


def test_a_process_that_starts_is_not_ready_and_says_what_it_waits_for() -> None:
    health = Health()
    health.starting = "it reads the catalog"
    health.needs("Kafka", _away)
    assert verdict(health) == Verdict(ready=False, reasons=["it reads the catalog"], warnings=[])


def test_what_is_needed_makes_it_unready_and_what_is_cared_for_only_warns() -> None:
    health = Health()
    health.starting = None
    health.cares("partitions", _ill)
    assert verdict(health) == Verdict(ready=True, reasons=[], warnings=["partition 3 of Notes has no leader"])
    health.needs("Kafka", _away)
    health.needs("the catalog", _well)
    assert verdict(health) == Verdict(
        ready=False, reasons=["Kafka does not answer"], warnings=["partition 3 of Notes has no leader"]
    )


def test_a_silent_check_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_TIMEOUT_S", 0.01)
    health = Health()
    health.starting = None
    health.needs("Kafka", _silent)
    assert verdict(health).reasons == ["Kafka does not answer"]


def test_any_answer_will_do_to_be_well() -> None:
    async def question() -> int:
        return 7

    health = Health()
    health.starting = None
    health.needs("Kafka", lambda: answers(question()))
    assert verdict(health) == Verdict(ready=True, reasons=[], warnings=[])
