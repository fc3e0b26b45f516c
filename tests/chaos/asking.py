"""Clients that ask one thing after the other while things break, each over a connection of its own, and what an answer tells them.

The one thing not to break: an operation counts as not done only if the answer says so for certain.
"""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.raw_connection import Connection

PAUSE_S = 0.02
"""Between two requests of one client: all of them, brokers and services share a machine."""

_REFUSALS = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})

Ask = Callable[[Connection], None]
"""Asks one thing over a connection, and takes the answer. OSError and HTTPException: it is broken."""


class Told(Enum):
    """What a client knows after an answer, or without one."""

    DONE = "done"
    REFUSED = "not done, for a reason that it was told"
    NOTHING_DONE = "not done"
    UNKNOWN = "done, not done, or yet to be done"


@dataclass
class Answers:
    """Reads answers, and counts them for people."""

    counts: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    """Those that no failure of a process explains."""

    def ask(self, connection: Connection, action: str, parameters: dict[str, Any]) -> tuple[Told, dict[str, Any]]:
        """Send one request: what the answer tells, and its body. UNKNOWN when the connection breaks; then NotConnected."""
        try:
            status, body = connection.call(action, parameters)
        except http.client.NotConnected:
            raise
        except (OSError, http.client.HTTPException) as error:
            self.counts[type(error).__name__] += 1
            connection.close()
            return Told.UNKNOWN, {}
        code = str(body.get("__type", "")).rpartition("#")[2]
        self.counts[f"{status} {code}".strip()] += 1
        if status == http.client.OK:
            return Told.DONE, body
        if code in _REFUSALS:
            return Told.REFUSED, body
        if status == http.client.INTERNAL_SERVER_ERROR:
            return Told.UNKNOWN, body
        if status != http.client.SERVICE_UNAVAILABLE:
            self.surprises.append(f"{action} {parameters}: {status} {body}")
        return Told.NOTHING_DONE, body


@contextmanager
def asking(port: int, clients: Sequence[Ask]) -> Iterator[None]:
    """Each client asks again and again, for the time of a `with`; a connection that breaks is made anew."""
    over = threading.Event()

    def run(ask: Ask) -> None:
        while not over.wait(PAUSE_S):
            try:
                with closing(Connection(port)) as connection:
                    while not over.wait(PAUSE_S):
                        ask(connection)
            except (OSError, http.client.HTTPException):
                continue

    threads = [threading.Thread(target=run, args=(ask,)) for ask in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
