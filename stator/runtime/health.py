"""Whether a process can do its work, in words an operator can act on.

Two kinds of trouble. A *reason* means that this process serves nobody, so it is not ready. A *warning* means that something it
knows of is wrong (a partition without a leader, a damaged view) while it still serves: taking it out of service would make a
part's trouble everybody's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from stator.model.errors import DomainError

CHECK_TIMEOUT_S = 1.5
"""Below the two seconds after which probes usually give up: they should hear the reason."""

Check = Callable[[], Awaitable[Sequence[str]]]
"""Looks at one thing and says what is wrong with it, each in one sentence; nothing when all is well."""


ARCHIVE_PROBE = "probe/"
"""Listing a prefix that no object has is the cheapest question to an object store."""


async def answers(question: Awaitable[object]) -> Sequence[str]:
    """A check that passes when the question gets an answer at all."""
    await question
    return ()


class Verdict(msgspec.Struct, frozen=True):
    """What `/readyz` answers."""

    ready: bool
    reasons: list[str]
    warnings: list[str]


class Health:
    """The checks of one process. `starting` says what it waits for until it serves, and is None from then on."""

    def __init__(self) -> None:
        self.starting: str | None = "it is starting"
        self._needs: list[tuple[str, Check]] = []
        self._cares: list[tuple[str, Check]] = []

    def needs(self, what: str, check: Check) -> None:
        """Without `what` this process serves nobody."""
        self._needs.append((what, check))

    def cares(self, what: str, check: Check) -> None:
        """Trouble with `what` is worth a warning."""
        self._cares.append((what, check))

    async def verdict(self) -> Verdict:
        """Ask all checks at once. Takes `CHECK_TIMEOUT_S` at most: silence is an answer too."""
        if self.starting is not None:
            return Verdict(ready=False, reasons=[self.starting], warnings=[])
        reasons, warnings = await asyncio.gather(_ask(self._needs), _ask(self._cares))
        return Verdict(ready=not reasons, reasons=reasons, warnings=warnings)


async def _ask(checks: list[tuple[str, Check]]) -> list[str]:
    answers = await asyncio.gather(*(_patiently(what, check) for what, check in checks))
    return [finding for answer in answers for finding in answer]


async def _patiently(what: str, check: Check) -> Sequence[str]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except (DomainError, OSError):  # TimeoutError is one; who needs it for work tells the log why
        return [f"{what} does not answer"]
