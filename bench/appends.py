"""How long an append to the log takes on three real brokers on this machine, through Stator's own adapter."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from stator.adapters.clock_system import SystemClock
from stator.adapters.log_kafka import KafkaLog
from stator.model.errors import DomainError
from stator.model.positions import LogId, Offset
from tools.brokers import bootstrap_servers, broker_specs
from tools.cluster import Ports
from tools.supervised import SupervisedProcesses

LOG = LogId(1)
MESSAGE_BYTES = 1024
START_S = 60.0
WARM_UP_S = 15.0
"""Brokers that have just started compile their code for that long, and appends take ten times as long meanwhile."""


@dataclass(frozen=True, slots=True)
class Appends:
    """Appends of 1 KB with so many in flight."""

    in_flight: int
    appends_per_s: float
    p50_ms: float
    p99_ms: float


@contextmanager
def brokers(directory: Path, base_port: int) -> Iterator[str]:
    """Three brokers; their bootstrap address."""
    ports = Ports(base=base_port)
    running = SupervisedProcesses(directory, broker_specs(directory, ports.kafka, ports.controllers))
    try:
        running.start(leash=True)
        running.wait_serving(START_S)
        yield bootstrap_servers(ports.kafka)
    finally:
        running.stop()


def measure_appends(bootstrap: str, in_flight: int, seconds: float) -> Appends:
    """Keep so many appends under way for some seconds, once the brokers are warm."""
    return uvloop.run(_measure(bootstrap, in_flight, seconds))


async def _measure(bootstrap: str, in_flight: int, seconds: float) -> Appends:
    log = await KafkaLog.connect(bootstrap, SystemClock())
    try:
        await log.create([LOG])
        await _append_for(log, in_flight, WARM_UP_S, [])
        latencies_s: list[float] = []
        began_at = time.perf_counter()
        await _append_for(log, in_flight, seconds, latencies_s)
        took_s = time.perf_counter() - began_at
    finally:
        await log.close()
    latencies_s.sort()
    count = len(latencies_s)
    return Appends(in_flight, count / took_s, latencies_s[count // 2] * 1e3, latencies_s[count * 99 // 100] * 1e3)


async def _append_for(log: KafkaLog, in_flight: int, seconds: float, latencies_s: list[float]) -> None:
    until = time.perf_counter() + seconds
    message = bytes(MESSAGE_BYTES)

    async def append_in_turn() -> None:
        loop = asyncio.get_running_loop()
        while time.perf_counter() < until:
            appended: asyncio.Future[None] = loop.create_future()

            def report(
                _offset: Offset | None, error: DomainError | None, done: asyncio.Future[None] = appended
            ) -> None:
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

            began_at = time.perf_counter()
            log.append(LOG, message, report)
            await appended
            latencies_s.append(time.perf_counter() - began_at)

    await asyncio.gather(*(append_in_turn() for _ in range(in_flight)))
