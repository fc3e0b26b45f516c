"""What a router asks of a partition, and what it is told: the messages between them, parsed and checked.

Everything here has passed validation: items are normalised, expressions parse, keys fit the schema. The router did that once;
a leader trusts it. Messages are msgspec Structs because they are also the wire form between processes.
"""

from typing import Any, Literal

import msgspec

ReturnValues = Literal["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"]

PAGE_BYTES_MAX = 1024 * 1024
"""Bytes of items that a query or scan examines for one page. Source: AWS developer guide, "Query", "Scan"."""


class Expression(msgspec.Struct, frozen=True, array_like=True):
    """An expression's text with what its placeholders stand for. Parsed expressions are cached by text."""

    text: str
    names: dict[str, str]
    values: dict[str, dict[str, Any]]


class MeasuredIndex(msgspec.Struct, frozen=True, array_like=True):
    """An index of which a client wants to know what a write cost it: its key, and the attributes it carries (None: all)."""

    name: str
    key: tuple[str, ...]
    carried: frozenset[str] | None


class PutItem(msgspec.Struct, frozen=True, tag="put", array_like=True):
    """Replace the item under `key` by `image`. `measured`: the outcome's `bytes_written` is told to the client, and what the
    write cost the `indexes`. `request_id`: sent again under the same, it is answered again and not decided again; empty for none.
    `again`: it may have been sent before, and may yet come from there.
    """

    key: bytes
    image: bytes
    condition: Expression | None = None
    return_values: ReturnValues = "NONE"
    return_on_failure: bool = False
    measured: bool = False
    indexes: list[MeasuredIndex] = []
    request_id: str = ""
    again: bool = False


class UpdateItem(msgspec.Struct, frozen=True, tag="update", array_like=True):
    """Change the item under `key`, or make one from `key_item` (its key attributes).

    `index_keys`: attributes that are keys of an index, with their types and the bytes they may have; an update must keep to both.
    `request_id`, `again`: as for PutItem.
    """

    key: bytes
    key_item: dict[str, dict[str, Any]]
    update: Expression | None = None
    condition: Expression | None = None
    return_values: ReturnValues = "NONE"
    return_on_failure: bool = False
    index_keys: dict[str, tuple[str, int]] = {}
    indexes: list[MeasuredIndex] = []
    request_id: str = ""
    again: bool = False


class DeleteItem(msgspec.Struct, frozen=True, tag="delete", array_like=True):
    """Remove the item under `key`, if there is one. `measured`, `indexes`, `request_id`, `again`: as for PutItem."""

    key: bytes
    condition: Expression | None = None
    return_values: ReturnValues = "NONE"
    return_on_failure: bool = False
    measured: bool = False
    indexes: list[MeasuredIndex] = []
    request_id: str = ""
    again: bool = False


class Replace(msgspec.Struct, frozen=True, tag="replace", array_like=True):
    """Compare and set, for the catalog: put `image` (None: remove) if the stored version is still `expected_us` (0: absent)."""

    key: bytes
    image: bytes | None
    expected_us: int


class Expire(msgspec.Struct, frozen=True, tag="expire", array_like=True):
    """Remove the item under `key` if by its `attribute` it is due at the second `now_s`; else leave it."""

    key: bytes
    attribute: str
    now_s: int


Command = PutItem | UpdateItem | DeleteItem | Replace | Expire


def request_id_of(command: Command) -> str:
    """Under which id the command may come again; empty for none. What services write by themselves has none."""
    return "" if isinstance(command, Replace | Expire) else command.request_id


def comes_again(command: Command) -> bool:
    """Whether the command may have come before, and may yet come from there."""
    return not isinstance(command, Replace | Expire) and command.again and bool(command.request_id)


class Outcome(msgspec.Struct, array_like=True):
    """A write that took effect (or needed none).

    `attributes` is the JSON object for ReturnValues, ready to splice. `bytes_written` is the larger of the item's sizes before
    and after, in bytes, from which capacity is counted; of a put or delete that is not `measured` an estimate, from above.
    `timestamp_us` is the item's version now (0: nothing was logged). `index_units`: write units of the command's `indexes`, by
    name, where there are any. `partition_bytes`: summed size of the images that the partition then held, as far as it was known.
    `reached`: the answer rests on nothing of the log from there on (0: not told); known, and set, when the write is confirmed.
    """

    attributes: bytes | None = None
    bytes_written: int = 0
    timestamp_us: int = 0
    index_units: dict[str, float] = {}
    partition_bytes: int = 0
    reached: int = 0


class Write(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log."""

    log_id: int
    command: Command


class WriteMany(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log: unconditional writes of different keys, decided together and carried by one record."""

    log_id: int
    commands: list[PutItem | DeleteItem]


class Outcomes(msgspec.Struct, array_like=True):
    """What came of the first of the commands; those behind did not fit into the record, and nothing was done for them.

    `reached`: as in Outcome, of all of them.
    """

    outcomes: list[Outcome]
    reached: int = 0


class Get(msgspec.Struct, frozen=True, array_like=True):
    """One item by its key. A leader answers it strongly, a materializer with what its view has.

    `reached`: a view that has not everything of the log below it must not answer (ViewBehindError, in the end).
    """

    log_id: int
    key: bytes
    reached: int = 0


class Got(msgspec.Struct, frozen=True, array_like=True):
    """The item found, as its image. `reached`: it shows nothing of the log from there on (0: not told)."""

    image: bytes | None
    reached: int = 0


class GetMany(msgspec.Struct, frozen=True, array_like=True):
    """Several items by their keys, all read at one moment. `reached`: as in Get."""

    log_id: int
    keys: list[bytes]
    reached: int = 0


class GotMany(msgspec.Struct, frozen=True, array_like=True):
    """The items found under the first of the keys, as their images; those behind did not fit into one answer.

    `reached`: as in Got.
    """

    images: list[bytes | None]
    reached: int = 0


class LocalRead(msgspec.Struct, frozen=True, array_like=True):
    """Read items through local index `number` of their table, which carries the attributes `carried` (None: all).

    Each item is cut to what the index carries, unless `whole`: then it is fetched from the table.
    """

    number: int
    carried: frozenset[str] | None
    whole: bool = False


class Query(msgspec.Struct, frozen=True, array_like=True):
    """One page: keys in [low, high) of one log's view, in order or reversed; with `local`, the keys are the local index's.

    `limit` counts items examined (0: no limit), `bytes_max` their bytes: the item that reaches it is the page's last. The
    filter is applied after counting. `measured`: the page's `bytes_read` is told to the client, or counted on. `reached`: as in
    Get; `sources`: the same of an index's sources, by their log ids.
    """

    log_id: int
    low: bytes
    high: bytes | None
    reverse: bool
    limit: int
    filter: Expression | None = None
    projection: Expression | None = None
    count_only: bool = False
    bytes_max: int = PAGE_BYTES_MAX
    local: LocalRead | None = None
    measured: bool = False
    reached: int = 0
    sources: dict[int, int] = {}


class Page(msgspec.Struct, frozen=True, array_like=True):
    """Images of the items that passed, and where to go on: `last` is the image of the last item examined when more may follow.

    `bytes_read` is the summed size of all items examined, of a query that is not `measured` an estimate from above;
    `fetched_units` what fetching them from behind a local index cost in strongly consistent read units; `bytes_held` what they
    take of the query's `bytes_max`: fetched ones count whole. `reached`: as in Got.
    """

    images: list[bytes]
    count: int
    scanned: int
    bytes_read: int
    last: bytes | None
    fetched_units: int = 0
    bytes_held: int = 0
    reached: int = 0


class Define(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log: see that it holds this definition of its table, or a later one, and begins with this Base.

    As "lead" it also asks the process to claim the log; as "define" only whoever leads already does it.
    """

    log_id: int
    definition: bytes
    base: bytes | None = None


class Defined(msgspec.Struct, frozen=True, array_like=True):
    """The log is so defined. `base_offset` is where its Base lies, -1 while the leader's view has none."""

    base_offset: int


class Close(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log: append a barrier and tell where it lies."""

    log_id: int


class Closed(msgspec.Struct, frozen=True, array_like=True):
    """Everything below `offset` is confirmed, and no later record can carry a timestamp up to `timestamp_us`."""

    offset: int
    timestamp_us: int


class Stats(msgspec.Struct, frozen=True, array_like=True):
    """Ask a view how much it holds."""

    log_id: int


class Size(msgspec.Struct, frozen=True, array_like=True):
    """Items and summed bytes of their images in one view, at `offset` of its log. `sources`: for an index, how far each source
    log has been applied.
    """

    items: int
    bytes: int
    offset: int
    sources: dict[int, int] = {}


class Control(msgspec.Struct, frozen=True, array_like=True):
    """A table operation, by its API name, with its validated request as JSON."""

    operation: str
    request: bytes


class ControlAnswer(msgspec.Struct, frozen=True, array_like=True):
    """The operation's response body as JSON, and the end of the catalog log that it rests on."""

    body: bytes
    catalog_offset: int


class RestoreStatus(msgspec.Struct, frozen=True, array_like=True):
    """To a restore process: how far is the table of this id?"""

    table_id: str


class Steps(msgspec.Struct, frozen=True, array_like=True):
    """So many of so many steps are done; 0 of 0 when nothing is known."""

    done: int
    total: int


class Heartbeat(msgspec.Struct, frozen=True, array_like=True):
    """I am alive: my name, the logs I lead with their epochs, and whether I have been here for long enough to claim any."""

    node: str
    leads: dict[int, int]
    settled: bool = True


class Alive(msgspec.Struct, frozen=True, array_like=True):
    """Heard you."""


class WhoLeads(msgspec.Struct, frozen=True, array_like=True):
    """To any process, before somebody claims these logs: whom do you hear saying that it leads them?"""

    log_ids: list[int]


class HeardLeaders(msgspec.Struct, frozen=True, array_like=True):
    """Node by log; logs without a leader that is heard are left out."""

    nodes: dict[int, str]


class HandOver(msgspec.Struct, frozen=True, array_like=True):
    """To the leader of a log: `node` is the one that should lead it, and its view is at `next_offset`. Will you hand it on?"""

    log_id: int
    node: str
    next_offset: int


class HandedOver(msgspec.Struct, frozen=True, array_like=True):
    """Whether the process that was asked leads the log no more."""

    moved: bool
