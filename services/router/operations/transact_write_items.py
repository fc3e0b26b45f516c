"""TransactWriteItems: up to 100 actions on different items, of one or more tables; all of them are done, or none."""

import asyncio
from dataclasses import dataclass
from typing import Any

from stator.expressions.update_checks import check_keys_unchanged
from stator.model.attributes import item_size, normalise_item, size_of
from stator.model.errors import ValidationError
from stator.model.item import Item, encode_image
from stator.model.positions import LogId
from stator.model.tables import Table
from stator.rules.capacity import TRANSACTION_UNITS, read_units, write_units
from stator.rules.commands import DeleteItem, MeasuredIndex, Outcome, PutItem, UpdateItem
from stator.rules.decide import ITEM_BYTES_MAX
from stator.rules.index_capacity import measured_indexes
from stator.rules.key_checks import check_index_updates, check_key, check_new_item, check_scalar_keys, index_key_limits
from stator.rules.transaction_messages import Action, ConditionCheck, Transact, Transacted
from stator.rules.transactions import PAYLOAD_BYTES_MAX, cancelled, reason_of, request_hash

from ..expression_parameters import ExpressionParameters
from ..http_messages import Response, Usage
from ..item_collections import item_collection, wants_collections
from ..response_bodies import array, consumed, json_object, spliced
from ..routing import Router


@dataclass(frozen=True, slots=True)
class _Given:
    """One action as far as the request alone shows it: `item` is the whole one to put, or else a key."""

    kind: str
    members: dict[str, Any]
    parameters: ExpressionParameters
    item: Item

    @property
    def payload_bytes(self) -> int:
        """What AWS counts of it: item or key, expressions, and their values."""
        texts = (self.members.get(name, "") for name in ("UpdateExpression", "ConditionExpression"))
        return item_size(self.item) + sum(map(len, texts)) + sum(map(size_of, self.parameters.values.values()))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One action that fits its table."""

    table: Table
    item: Item
    log_id: LogId
    action: Action


def transact_write_items(request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    """Check all actions before any is looked at. What the request alone shows is refused as in any request; what only the
    table shows is the reason for which the transaction is cancelled, and AWS names the first such.
    """
    given = [_given(one) for one in request["TransactItems"]]
    payload_bytes = sum(one.payload_bytes for one in given)
    if payload_bytes > PAYLOAD_BYTES_MAX:
        raise ValidationError(f"Transaction payload size cannot exceed 4MB. Payload Size: {payload_bytes}")
    tables = [router.table(one.members["TableName"]) for one in given]
    measured = request.get("ReturnConsumedCapacity", "NONE") != "NONE"
    asked = []
    for place, (one, table) in enumerate(zip(given, tables, strict=True)):
        try:
            action = _action(one, table, measured_indexes(table) if measured else None)
        except ValidationError as fault:
            raise cancelled(len(given), {place: reason_of(fault)}) from fault
        asked.append(_Asked(table, one.item, router.log_of(table, action.key), action))
    if len({(one.table.table_id, one.action.key) for one in asked}) < len(asked):
        raise ValidationError("Transaction request cannot include multiple operations on one item")
    return _sent(asked, request, router)


def _given(one: dict[str, Any]) -> _Given:
    if not one:
        raise ValidationError("Invalid Request: TransactWriteRequest should contain Delete or Put or Update request")
    if len(one) > 1:
        raise ValidationError("TransactItems can only contain one of Check, Put, Update or Delete")
    kind, members = next(iter(one.items()))
    expressions = ("UpdateExpression",) if kind == "Update" else ()
    parameters = ExpressionParameters(members, *expressions, "ConditionExpression")
    item = normalise_item(members["Item" if kind == "Put" else "Key"])
    parameters.check()
    if kind == "Put" and item_size(item) > ITEM_BYTES_MAX:
        raise ValidationError("Item size has exceeded the maximum allowed size")
    return _Given(kind, members, parameters, item)


def _action(given: _Given, table: Table, indexes: list[MeasuredIndex] | None) -> Action:
    """`indexes`: of which the client wants to know what they cost; None when it wants to know of no cost."""
    item, parameters = given.item, given.parameters
    if given.kind == "Put":
        check_new_item(table, item)
    else:
        check_key(table.key, item)
    check_scalar_keys(table, parameters.entered())
    key = table.key.item_key(item)
    condition = parameters.bundle("ConditionExpression")
    return_on_failure = given.members.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    measured = indexes is not None
    match given.kind:
        case "Put":
            return PutItem(
                key,
                encode_image(item),
                condition,
                return_on_failure=return_on_failure,
                measured=measured,
                indexes=indexes or [],
            )
        case "Delete":
            return DeleteItem(
                key, condition, return_on_failure=return_on_failure, measured=measured, indexes=indexes or []
            )
        case "Update":
            update = parameters.update()
            assert update is not None, "UpdateExpression is required"
            names = parameters.names_of("UpdateExpression")
            check_keys_unchanged(update, names, table.key.names)
            check_index_updates(table.secondary_indexes, update, names, parameters.values_of("UpdateExpression"))
            return UpdateItem(
                key,
                item,
                parameters.bundle("UpdateExpression"),
                condition,
                return_on_failure=return_on_failure,
                index_keys=index_key_limits(table.secondary_indexes),
                indexes=indexes or [],
            )
        case _:
            assert condition is not None, "ConditionExpression is required"
            return ConditionCheck(key, condition, return_on_failure=return_on_failure, measured=measured)


def _sent(asked: list[_Asked], request: dict[str, Any], router: Router) -> "asyncio.Future[Response]":
    token = request.get("ClientRequestToken", "")
    digest = b""
    if token:
        digest = request_hash(request["TransactItems"])
        router.tokens.check(token, digest)

    def render(done: Transacted) -> Response:
        if token:
            router.tokens.use(token, digest)
        return _answer(asked, request, done)

    async def across() -> Response:
        return render(await router.transact_across([(one.log_id, one.action) for one in asked], token, digest))

    if len({one.log_id for one in asked}) > 1:
        return router.later(across())
    return router.transact(Transact(asked[0].log_id, [one.action for one in asked], token, digest), render)


def _answer(asked: list[_Asked], request: dict[str, Any], done: Transacted) -> Response:
    tables = {one.table.table_id: one.table for one in asked}
    outcomes: dict[str, list[Outcome]] = {table_id: [] for table_id in tables}
    for one, outcome in zip(asked, done.outcomes, strict=True):
        outcomes[one.table.table_id].append(outcome)
    mode = request.get("ReturnConsumedCapacity")
    told, usage = [], []
    for table_id, table in tables.items():
        if done.repeated:
            units = sum(TRANSACTION_UNITS * read_units(one.bytes_written, strong=True) for one in outcomes[table_id])
            told.append(consumed(mode, table, units, kind="ReadCapacityUnits"))
            usage.append(Usage(table.name, read_units=units))
        else:
            units = sum(TRANSACTION_UNITS * write_units(one.bytes_written) for one in outcomes[table_id])
            told.append(consumed(mode, table, units, _index_units(outcomes[table_id]), kind="WriteCapacityUnits"))
            usage.append(Usage(table.name, write_units=units))
    collected = {
        table.name: _collections(table, asked, done) for table in tables.values() if wants_collections(request, table)
    }
    return spliced(
        ("ConsumedCapacity", array([one for one in told if one]) if any(told) else None),
        ("ItemCollectionMetrics", json_object(collected.items()) if collected else None),
        usage=tuple(usage),
    )


def _index_units(outcomes: list[Outcome]) -> dict[str, float]:
    units: dict[str, float] = {}
    for outcome in outcomes:
        for name, spent in outcome.index_units.items():
            units[name] = units.get(name, 0.0) + TRANSACTION_UNITS * spent
    return units


def _collections(table: Table, asked: list[_Asked], done: Transacted) -> bytes:
    """The metrics of each item collection of a table that was written to."""
    told = {
        item_collection(table, one.item, outcome.partition_bytes)
        for one, outcome in zip(asked, done.outcomes, strict=True)
        if one.table is table and not isinstance(one.action, ConditionCheck)
    }
    return array(sorted(told))
