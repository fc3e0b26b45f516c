import asyncio

import pytest

from stator.adapters.clock_manual import ManualClock
from stator.adapters.clock_system import SystemClock
from stator.ports.clock import Clock


class TestSystemClock:
    def test_sleep_takes_as_long_as_monotonic_time_says(self) -> None:
        clock: Clock = SystemClock()
        before, wall_us = clock.monotonic(), clock.now_us()
        asyncio.run(clock.sleep(0.02))
        assert 0.019 <= clock.monotonic() - before < 5
        assert wall_us < clock.now_us()

    def test_wall_time_is_microseconds_since_1970(self) -> None:
        year_2020_us, year_2200_us = 1_577_836_800_000_000, 7_258_118_400_000_000
        assert year_2020_us < SystemClock().now_us() < year_2200_us


class TestManualClock:
    def test_time_stands_still_until_advanced(self) -> None:
        clock: Clock = ManualClock(now_us=1_000_000, monotonic=5)
        assert (clock.now_us(), clock.monotonic()) == (1_000_000, 5)
        assert clock.now_us() == 1_000_000

    def test_advancing_moves_both_times_together(self) -> None:
        clock = ManualClock(now_us=1_000_000)
        clock.advance(1.5)
        assert (clock.now_us(), clock.monotonic()) == (2_500_000, 1.5)

    def test_stepping_wall_time_leaves_monotonic_time_alone(self) -> None:
        clock = ManualClock(now_us=1_000_000)
        clock.step_wall(-0.5)
        assert (clock.now_us(), clock.monotonic()) == (500_000, 0)

    def test_sleepers_wake_in_the_order_of_their_deadlines_and_not_before(self) -> None:
        clock = ManualClock()
        woken: list[float] = []

        async def sleeper(seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(seconds)

        async def scenario() -> None:
            async with asyncio.TaskGroup() as tasks:
                for seconds in (3, 1, 2):
                    tasks.create_task(sleeper(seconds))
                await asyncio.sleep(0)
                clock.advance(2)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert woken == [1, 2]
                assert clock.next_wake() == 3
                clock.advance(1)
            assert woken == [1, 2, 3]
            assert clock.next_wake() is None

        asyncio.run(scenario())

    def test_a_cancelled_sleep_is_nobody_s_next_wake(self) -> None:
        async def scenario() -> None:
            clock = ManualClock()
            sleeping = asyncio.ensure_future(clock.sleep(1))
            await asyncio.sleep(0)
            sleeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sleeping
            assert clock.next_wake() is None

        asyncio.run(scenario())

    def test_sleeping_zero_seconds_only_yields(self) -> None:
        asyncio.run(ManualClock().sleep(0))
