"""Bugs of transactions over several partitions: R14. Most are mutants of docs/tla/Transactions.tla too."""

from typing import Any

from msgspec.structs import replace

from services.leader import ledger, recovery
from services.leader.ledger_sweep import LedgerSweep
from services.leader.participant import Participant
from services.router import transactional_reads
from services.router.coordinator import Coordinator
from stator.rules.ledger import rule
from stator.rules.transaction_messages import Decided
from tests.simulation.planting import Patch, plant


@plant("R14")
def commits_without_all_votes(patch: Patch) -> None:
    """A coordinator proposes to commit although a partition has refused or not answered (R14)."""
    decided = Coordinator._decided

    def early(self: Any, proposal: Any, votes: Any) -> Any:
        prepared = proposal.prepared.values()
        return decided(self, replace(proposal, commit_us=max(prepared)) if prepared else proposal, votes)

    patch.setattr(Coordinator, "_decided", early)


@plant("R14")
def prepared_items_are_free(patch: Patch) -> None:
    """What is prepared may be written by others before its end (R14)."""
    patch.setattr(Participant, "holds", lambda _self, _key: False)


@plant("R14")
def checked_items_are_free(patch: Patch) -> None:
    """What a transaction has only checked may be changed by others before its end (R14)."""
    patch.setattr(Participant, "holds", lambda self, key: key in self._changing)


@plant("R14", seen_at=83)
def strong_reads_pass_what_is_prepared(patch: Patch) -> None:
    """A strong read of a prepared item shows what was there before, though the client may know of the commit (R14)."""
    patch.setattr(Participant, "parks", lambda _self, _waiting, _keys: False)


@plant("R14", seen_at=18)
def looks_pass_what_is_prepared(patch: Patch) -> None:
    """TransactGetItems does not mind that an item is prepared (R14)."""
    patch.setattr(Participant, "unsettled", lambda _self, _key: False)


@plant("R14", seen_at=38)
def reads_look_once(patch: Patch) -> None:
    """TransactGetItems takes each partition's first look for the truth about one moment (R14)."""
    unsettled = transactional_reads.unsettled
    patch.setattr(transactional_reads, "unsettled", lambda first, _second: unsettled(first, first))


@plant("R14", seen_at=18)
def participants_give_up_by_themselves(patch: Patch) -> None:
    """Recovery aborts what it finds open without asking the ledger (R14)."""

    async def alone(_decision: Any) -> Decided:
        return Decided(None)

    made = recovery.TransactionRecovery.__init__

    def deaf(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self._ask_ledger = alone

    patch.setattr(recovery.TransactionRecovery, "__init__", deaf)


@plant("R14")
def each_partition_has_its_own_commit_time(patch: Patch) -> None:
    """A partition commits at the time at which it was prepared itself (R14)."""
    commit = Participant._commit

    def own(self: Any, held: Any, request: Any, waiting: Any) -> Any:
        return commit(self, held, replace(request, commit_us=held.part.prepared_us), waiting)

    patch.setattr(Participant, "_commit", own)


@plant("R14")
def the_last_decision_stands(patch: Patch) -> None:
    """The ledger takes every proposal for a decision (R14)."""
    patch.setattr(
        ledger, "rule", lambda asked, _standing, used, now_us, floors: rule(asked, None, used, now_us, floors)
    )


@plant("R14")
def decisions_are_forgotten_early(patch: Patch) -> None:
    """The ledger forgets decisions without asking whether all participants have heard them (R14)."""

    async def unasked(_self: Any, _log_id: Any) -> int:
        return 0

    patch.setattr(LedgerSweep, "_floor", unasked)
    patch.setattr(ledger, "forgettable", lambda _decision, _floors: True)


@plant("R14")
def the_next_leader_forgets_what_is_prepared(patch: Patch) -> None:
    """A new leader holds nothing that its predecessor had prepared (R14)."""
    made = Participant.__init__

    def empty(self: Any, position: Any, *args: Any) -> None:
        made(self, type(position)(), *args)

    patch.setattr(Participant, "__init__", empty)
