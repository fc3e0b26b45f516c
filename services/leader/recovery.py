"""Ends transactions whose coordinator is gone, in the partitions that this process leads (R14).

Anybody may: it asks the ledger to abort, and does what stands there, which may be a commit. A participant that was voted for
must never abort by itself. After a change of leader what is open is asked for at once, since its coordinator may have been told
nothing by the leader before.
"""

from collections.abc import Awaitable, Callable

import structlog

from stator.model.errors import DomainError
from stator.model.positions import LEDGER_LOG, LogId
from stator.model.records import Preparation
from stator.ports.clock import Clock
from stator.rules.transaction_messages import Decide, Decided, Finish
from stator.runtime.lifecycle import Tasks
from stator.runtime.meters import Meters
from stator.runtime.metric_names import TRANSACTIONS_RECOVERED

from .leadership import Leadership
from .server import LeaderService

_log = structlog.get_logger()

PATIENCE_S = 2.0
"""How long a coordinator gets from a Prepare to the end of its transaction: many times what that takes, and so short that a strong
read of a held item is answered within the SDKs' patience all the same.
"""

LOOK_S = 0.25

AskLedger = Callable[[Decide], Awaitable[Decided]]


class TransactionRecovery:
    """`run` it as a task. `meters` take what it ended."""

    def __init__(
        self,
        leaders: LeaderService,
        ask_ledger: AskLedger,
        clock: Clock,
        tasks: Tasks,
        meters: Meters | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._leaders = leaders
        self._ask_ledger = ask_ledger
        self._clock = clock
        self._tasks = tasks
        self._meters = meters or Meters()
        self._patience_s = patience_s
        self._asking: set[tuple[LogId, bytes]] = set()

    async def run(self) -> None:
        """Look for orphans again and again, for ever."""
        while True:
            self.look()
            await self._clock.sleep(LOOK_S)

    def look(self) -> None:
        """Begin to end those that nobody is ending yet."""
        for log_id, partition in self._leaders.partitions.items():
            for part in partition.orphans(self._patience_s):
                if (log_id, part.txid) not in self._asking:
                    self._asking.add((log_id, part.txid))
                    self._tasks.spawn(f"recover-{log_id}", self._end(log_id, partition, part))

    async def _end(self, log_id: LogId, partition: Leadership, part: Preparation) -> None:
        try:
            stands = await self._ask_ledger(Decide(LEDGER_LOG, part.txid, None, {log_id: part.prepared_us}))
            counted = stands.prepared.get(log_id) == part.prepared_us
            commit_us = stands.commit_us if counted else None
            await partition.submit(Finish(log_id, part.txid, commit_us, part.prepared_us))
            self._meters.counter(TRANSACTIONS_RECOVERED, "aborted" if commit_us is None else "committed").add()
            _log.info("transaction_recovered", log_id=log_id, committed=commit_us is not None)
        except DomainError as error:  # the next look tries again
            _log.warning("recovery_put_off", log_id=log_id, reason=error.message)
        finally:
            self._asking.discard((log_id, part.txid))
