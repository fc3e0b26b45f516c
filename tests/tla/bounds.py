"""Every run of TLC: which model, within which bounds, and for a broken rule the invariant that must notice.

The bounds are chosen so that all of CI's runs take three minutes on two cores. A broken rule needs no more than the
smallest bounds in which it shows; that the sound model holds within the same or larger ones is what the `SOUND` runs say.
"""

from tests.tla.tlc import Model

WAL_INVARIANTS = ("AckedIsDurable", "FailedNeverLands", "NoStaleRead", "NoAckAndFail", "OneLeaderPerEpoch", "Gapless")
TRANSACTION_INVARIANTS = (
    *("Atomic", "Once", "TruthTold", "SameOrder", "TimesRise", "ClosedStays", "ReadsWhole", "ReadsFresh"),
)
FORGETTING_INVARIANTS = ("Atomic", "Once", "TruthTold", "Kept")
BARRIER = {"UseLease": "FALSE", "D": "1", "Rate": "0", "Copies": "TRUE", "Led": "FALSE"}
LEASE = {"UseLease": "TRUE", "D": "1", "Rate": "0", "Copies": "FALSE", "Led": "FALSE"}
LED = LEASE | {"Led": "TRUE"}
DRIFT = LED | {"D": "2", "Rate": "1"}


def wal(
    kind: dict[str, str], epochs: int, seqs: int, log: int, broken: str = "none", finds: str | None = None
) -> Model:
    """Two processes and one log."""
    bounds = {"MaxEpoch": str(epochs), "MaxSeq": str(seqs), "MaxLog": str(log)}
    constants = {"W": "{a, b}", **kind, **bounds, "Mutant": f'"{broken}"'}
    if finds is None:
        return Model("WalFence", constants, WAL_INVARIANTS)
    return Model("WalFence", constants, (finds,), constraint="Orderly" if kind["UseLease"] == "TRUE" else None)


def transactions(
    readers: str = "{}",
    writes: int = 0,
    tries: int = 1,
    broken: str = "none",
    finds: str | None = None,
    of: str = "{t, u}",
    over: str = "{p, q}",
) -> Model:
    """Transactions `of` these names `over` these partitions."""
    bounds = {"MaxWrites": str(writes), "MaxTries": str(tries)}
    constants = {"P": over, "T": of, "G": readers, "NoT": "NoT", **bounds, "Mutant": f'"{broken}"'}
    return Model("Transactions", constants, TRANSACTION_INVARIANTS if finds is None else (finds,))


def forgetting(writes: int = 0, broken: str = "none", finds: str | None = None) -> Model:
    """A transaction over two partitions, prepared twice in each, and a ledger that forgets."""
    constants = {"P": "{p, q}", "MaxTries": "2", "MaxWrites": str(writes), "Mutant": f'"{broken}"'}
    return Model("Forgetting", constants, FORGETTING_INVARIANTS if finds is None else (finds,))


SOUND = {
    "two epochs, barriers, copies": wal(BARRIER, epochs=2, seqs=2, log=4),
    "three epochs, barriers": wal(BARRIER | {"Copies": "FALSE"}, epochs=3, seqs=1, log=5),
    "two epochs, leases": wal(LEASE, epochs=2, seqs=1, log=4),
    "two epochs, leases, clocks that drift": wal(DRIFT, epochs=2, seqs=1, log=4),
    "three epochs, leases": wal(LED, epochs=3, seqs=1, log=5),
    "two transactions, requests that come twice": transactions(writes=1, tries=2),
    "two transactions, a reader": transactions(readers="{g}"),
    "a ledger that forgets": forgetting(),
}
BROKEN = {
    # R1, R6, R8, R10: no clock
    "no seq": wal(BARRIER, 2, 2, 4, "no seq", finds="Gapless"),
    "any report": wal(BARRIER, 2, 1, 4, "any report", finds="AckedIsDurable"),
    "guess": wal(BARRIER, 2, 1, 4, "guess", finds="FailedNeverLands"),
    "no barrier": wal(BARRIER, 2, 1, 4, "no barrier", finds="NoStaleRead"),
    "late joiner": wal(BARRIER, 2, 1, 4, "late joiner", finds="NoStaleRead"),
    # R9
    "no wait": wal(LEASE, 2, 1, 4, "no wait", finds="NoStaleRead"),
    "no lease margin": wal(DRIFT, 2, 1, 4, "no lease margin", finds="NoStaleRead"),
    "no wait margin": wal(DRIFT, 2, 1, 4, "no wait margin", finds="NoStaleRead"),
    "keep ready": wal(LED, 3, 1, 5, "keep ready", finds="NoStaleRead"),
    "own Claim": wal(LED, 4, 1, 6, "own Claim", finds="NoStaleRead"),
    # R11
    "read after release": wal(LED, 2, 1, 4, "read after release", finds="NoStaleRead"),
    "early release": wal(LED, 3, 1, 5, "early release", finds="NoStaleRead"),
    "any release": wal(LED, 3, 1, 5, "any release", finds="NoStaleRead"),
    # R14
    "last decision": transactions(broken="last decision", finds="TruthTold"),
    "own abort": transactions(broken="own abort", finds="Atomic"),
    "forget finished": transactions(tries=2, broken="forget finished", finds="Once"),
    "no lock": transactions(broken="no lock", finds="SameOrder"),
    "commit early": transactions(broken="commit early", finds="ClosedStays"),
    "tell early": transactions(broken="tell early", finds="TruthTold"),
    "least time": transactions(broken="least time", finds="ClosedStays"),
    "close over prepare": transactions(writes=1, broken="close over prepare", finds="ClosedStays"),
    "no recheck": transactions("{g}", broken="no recheck", finds="ReadsWhole"),
    "recheck at once": transactions("{g}", broken="recheck at once", finds="ReadsWhole"),
    "recheck versions": transactions("{g}", broken="recheck versions", finds="ReadsWhole"),
    "read through lock": transactions("{g}", broken="read through lock", finds="ReadsFresh"),
    "forget early": forgetting(broken="forget early", finds="Kept"),
    "no floor": forgetting(broken="no floor", finds="Atomic"),
    "asker unnamed": forgetting(broken="asker unnamed", finds="Atomic"),
    "refused unnamed": forgetting(broken="refused unnamed", finds="TruthTold"),
    "floor over prepare": forgetting(broken="floor over prepare", finds="Kept"),
}
DEEP = {
    "three epochs, barriers, copies": wal(BARRIER, epochs=3, seqs=1, log=5),
    "three epochs, leases, from the start": wal(LEASE, epochs=3, seqs=1, log=6),
    "three epochs, leases, clocks that drift": wal(DRIFT, epochs=3, seqs=1, log=5),
    "two epochs, leases, copies, clocks that drift": wal(DRIFT | {"Copies": "TRUE"}, epochs=2, seqs=2, log=5),
    "a ledger that forgets, other writes": forgetting(writes=1),
    "three transactions": transactions(of="{t, u, v}", writes=1),
    "two transactions over three partitions": transactions(over="{p, q, r}", writes=1, tries=2),
    "two transactions, two readers": transactions(readers="{g, h}", writes=1),
    "two transactions, requests that come twice, a reader": transactions(readers="{g}", writes=1, tries=2),
}
