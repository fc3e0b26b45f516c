"""Nodes' names become addresses, on threads of their own and once at a time for each name.

The name of a container that is down is asked for with every attempt to connect, and a resolver that is cut off keeps its
caller for ten seconds (measured: Docker without a network). On the event loop's few threads that would hold up whatever else
needs one, so that one dead peer delays the others. The threads are daemons: a process that is told to stop does not wait.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial

Resolve = Callable[[str], Sequence[str]]
"""Name to numeric addresses; may block. Raises OSError."""

_Answer = asyncio.Future[Sequence[str]]


def system_resolve(name: str) -> Sequence[str]:
    """Ask the system's resolver."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # a label that is empty or too long, which Python refuses before it asks anybody
        raise OSError(f"{name!r} is not a host's name: {error}") from error


class Names:
    """Lookups of one event loop."""

    def __init__(self, resolve: Resolve = system_resolve) -> None:
        self._resolve = resolve
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[str, _Answer] = {}

    async def addresses(self, name: str) -> Sequence[str]:
        """Numeric addresses of a name, best first. Raises OSError when it has none. A lookup goes on when its caller gives up."""
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(name))]
        answer = self._under_way.get(name)
        if answer is None:
            answer = self._under_way[name] = self._loop.create_future()
            threading.Thread(target=self._ask, args=(name, answer), name=f"lookup-{name}", daemon=True).start()
        return await asyncio.shield(answer)

    def _ask(self, name: str, answer: _Answer) -> None:
        try:
            settle = partial(answer.set_result, self._resolve(name))
        except OSError as error:
            settle = partial(answer.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(self._told, name, answer, settle)

    def _told(self, name: str, answer: _Answer, settle: Callable[[], None]) -> None:
        del self._under_way[name]
        settle()
        answer.exception()  # whoever waited may have given up
