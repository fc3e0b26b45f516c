"""What a coordinator asks of partitions and of the ledger, and what it is told: the messages of transactions (protocol R14).

A transaction in one partition is one Transact, decided and carried by one record. One over several partitions is a Prepare to each,
a Decide to the ledger, and a Finish to each. A refusal is a TransactionCanceledError whose reasons are in the order of the
actions of that message. Like `rules/commands.py`, everything here has passed validation, and is also the wire form.
"""

import msgspec

from stator.rules.commands import DeleteItem, Expression, Outcome, PutItem, UpdateItem
from stator.rules.request_tokens import REQUEST_HASH_BYTES


class ConditionCheck(msgspec.Struct, frozen=True, tag="check", array_like=True):
    """Change nothing, but let the transaction be only if `condition` holds for the item under `key`. `measured`: as for PutItem."""

    key: bytes
    condition: Expression
    return_on_failure: bool = False
    measured: bool = False


Action = PutItem | UpdateItem | DeleteItem | ConditionCheck


class Transact(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log: all of these actions on different keys, or none. `token`: the client's ("": none); whoever comes with
    it again must come with the same `request_hash`, and then nothing is done twice. ValueError: a token without such a hash.
    """

    log_id: int
    actions: list[Action]
    token: str = ""
    request_hash: bytes = b""

    def __post_init__(self) -> None:
        _check_hash(self.token, self.request_hash)


class Transacted(msgspec.Struct, array_like=True):
    """What came of each action. `repeated`: the token had been used, so nothing was done now. `reached`: as in Outcome."""

    outcomes: list[Outcome]
    repeated: bool = False
    reached: int = 0


class Prepare(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log: be ready for these actions of a transaction over the logs `participants`, and keep their items until
    its end. Repeated, it does nothing more. TransactionInProgressError: one with the same `token` has some of these items.
    """

    log_id: int
    txid: bytes
    participants: list[int]
    actions: list[Action]
    token: str = ""


class Prepared(msgspec.Struct, frozen=True, array_like=True):
    """Ready: it can be committed at `prepared_us` or any later timestamp. What will come of each action."""

    prepared_us: int
    outcomes: list[Outcome]


class Finish(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a participant: the transaction was committed at `commit_us` (None: aborted). May be repeated.

    It ends the Prepare of `prepared_us` and no other (0: whichever is open, only to abort it). For a Prepare that comes late may
    be carried out once more after the end of its transaction, and must not be committed once more.
    """

    log_id: int
    txid: bytes
    commit_us: int | None
    prepared_us: int = 0


class Finished(msgspec.Struct, frozen=True, array_like=True):
    """The log has the end of that Prepare. `reached`: as in Outcome."""

    reached: int = 0


class Decide(msgspec.Struct, frozen=True, array_like=True):
    """To the ledger's leader: let the transaction be committed at `commit_us` (None: aborted), unless it is decided already.

    `prepared`: for each participant's log the `prepared_us` of the Prepare that was counted. `token` and `request_hash` as in
    Transact: a commit that stands uses the token up. IdempotentParameterMismatchError: another transaction has, by another
    request; then this one is aborted.
    """

    log_id: int
    txid: bytes
    commit_us: int | None
    prepared: dict[int, int] = {}
    token: str = ""
    request_hash: bytes = b""

    def __post_init__(self) -> None:
        _check_hash(self.token, self.request_hash)


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """What stands: the first decision. `repeated`: an abort, since another transaction used the token and was committed."""

    commit_us: int | None
    prepared: dict[int, int] = {}
    repeated: bool = False


class Forget(msgspec.Struct, frozen=True, array_like=True):
    """To the ledger's leader, in its own process: forget what nobody needs any more of the entries `keys`, now that logs are closed
    up to these `floors`.
    """

    log_id: int
    floors: dict[int, int]
    keys: list[bytes]


class Forgotten(msgspec.Struct, frozen=True, array_like=True):
    """How many entries went."""

    entries: int


class TransactRead(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log: look at these items, all at one moment. Without `images` only where they stand is told."""

    log_id: int
    keys: list[bytes]
    images: bool = True


class Look(msgspec.Struct, frozen=True, array_like=True):
    """One item: its image and version (None and 0: no item), and whether a transaction that has not ended holds it."""

    image: bytes | None
    version_us: int
    locked: bool = False


class Looks(msgspec.Struct, array_like=True):
    """The items in the order of the keys. `deletes` changes whenever an item of the log is deleted: an absent item was absent all
    along between two looks that show the same. `reached`: as in Outcome.
    """

    items: list[Look]
    deletes: tuple[int, int]
    reached: int = 0


def _check_hash(token: str, request_hash: bytes) -> None:
    if token and len(request_hash) != REQUEST_HASH_BYTES:
        raise ValueError(f"a token's request hash has {REQUEST_HASH_BYTES} bytes, not {len(request_hash)}")
