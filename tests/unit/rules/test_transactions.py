"""All actions on one state of things, or none."""

from stator.model.errors import CancellationReason, TransactionCanceledError
from stator.model.item import encode_image
from stator.rules.commands import DeleteItem, Expression, Outcome, PutItem, UpdateItem
from stator.rules.transaction_messages import ConditionCheck, Look, Looks
from stator.rules.transactions import (
    Found,
    cancelled,
    decide_together,
    grouped,
    in_order,
    request_hash,
    unsettled,
)

NOTHING = CancellationReason("None")
FAILED = CancellationReason("ConditionalCheckFailed", "The conditional request failed")
CONFLICT = CancellationReason("TransactionConflict", "Transaction is ongoing for the item")
EXISTS = Expression("attribute_exists(pk)", {}, {})
ABSENT = Expression("attribute_not_exists(pk)", {}, {})
NOBODY = Found(None, 0)


def item(value: str) -> bytes:
    return encode_image({"pk": {"S": "k"}, "v": {"N": value}})


def test_actions_that_may_all_be_are_decided_each_by_itself() -> None:
    found = Found(item("1"), 7)
    add = Expression("ADD v :one", {}, {":one": {"N": "1"}})
    decisions = decide_together(
        [
            PutItem(b"a", item("5")),
            UpdateItem(b"b", {"pk": {"S": "k"}}, add, EXISTS),
            DeleteItem(b"c"),
            ConditionCheck(b"d", EXISTS),
        ],
        [NOBODY, found, found, found],
    )
    assert isinstance(decisions, list)
    assert [(one.new, one.changed) for one in decisions] == [
        (item("5"), True),
        (item("2"), True),
        (None, True),
        (item("1"), False),
    ]
    assert all(isinstance(one.answer, Outcome) for one in decisions)


def test_every_refusal_is_told_in_its_place() -> None:
    wrong = Expression("SET v = v + :s", {}, {":s": {"S": "x"}})
    refused = decide_together(
        [
            PutItem(b"a", item("1"), ABSENT),
            PutItem(b"b", item("1")),
            ConditionCheck(b"c", ABSENT, return_on_failure=True),
            UpdateItem(b"d", {"pk": {"S": "k"}}, wrong),
        ],
        [Found(item("3"), 1)] * 4,
    )
    assert isinstance(refused, TransactionCanceledError)
    assert refused.reasons[:3] == [FAILED, NOTHING, FAILED._replace(item=item("3"))]
    assert refused.reasons[3].code == "ValidationError"
    assert refused.reasons[3].message == "An operand in the update expression has an incorrect data type"
    assert refused.message == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons"
        " [ConditionalCheckFailed, None, ConditionalCheckFailed, ValidationError]"
    )


def test_an_item_that_another_transaction_holds_is_a_conflict_whatever_its_condition() -> None:
    refused = decide_together(
        [PutItem(b"a", item("1"), EXISTS), DeleteItem(b"b")], [Found(None, 0, locked=True), NOBODY]
    )
    assert isinstance(refused, TransactionCanceledError)
    assert refused.reasons == [CONFLICT, NOTHING]


def test_an_error_tells_clients_what_there_is_to_tell() -> None:
    error = cancelled(3, {1: FAILED, 2: FAILED._replace(item=b"{}")})
    assert error.extra_fields() == {
        "CancellationReasons": [
            {"Code": "None"},
            {"Code": FAILED.code, "Message": FAILED.message},
            {"Code": FAILED.code, "Message": FAILED.message, "Item": b"{}"},
        ]
    }


def test_shares_come_together_in_the_order_in_which_they_were_told_apart() -> None:
    logs = [4, 2, 4, 9, 2]
    shares = grouped(logs)
    assert list(shares) == [4, 2, 9]
    assert in_order((shares[log], [log] * len(shares[log])) for log in (9, 2, 4)) == logs


def test_the_hash_of_a_request_does_not_depend_on_how_its_json_was_written() -> None:
    one = [{"Put": {"TableName": "t", "Item": {"a": {"S": "1"}, "b": {"S": "2"}}}}]
    same = [{"Put": {"Item": {"b": {"S": "2"}, "a": {"S": "1"}}, "TableName": "t"}}]
    other = [{"Put": {"TableName": "t", "Item": {"a": {"S": "1"}, "b": {"S": "3"}}}}]
    assert request_hash(one) == request_hash(same) != request_hash(other)
    assert request_hash(one) != request_hash(one * 2)


def looks(*items: Look, deletes: tuple[int, int] = (1, 0)) -> Looks:
    return Looks(list(items), deletes)


def test_items_that_stand_as_before_are_settled() -> None:
    present, absent = Look(b"{}", 5), Look(None, 0)
    assert unsettled(looks(present, absent), looks(Look(None, 5), absent)) == []


def test_items_that_changed_came_or_went_are_not_settled() -> None:
    first = looks(Look(b"{}", 5), Look(None, 0), Look(b"{}", 5))
    second = looks(Look(b"{}", 6), Look(b"{}", 6), Look(None, 0), deletes=(1, 9))
    assert unsettled(first, second) == [0, 1, 2]


def test_an_item_may_have_come_and_gone_between_two_looks() -> None:
    """That is why an absent one needs more than its absence."""
    first = looks(Look(None, 0), Look(b"{}", 5), deletes=(1, 4))
    assert unsettled(first, looks(Look(None, 0), Look(b"{}", 5), deletes=(1, 9))) == [0]
    assert unsettled(first, looks(Look(None, 0), Look(b"{}", 5), deletes=(2, 4))) == [0]


def test_an_item_that_a_transaction_holds_is_not_settled() -> None:
    free, held = Look(b"{}", 5), Look(b"{}", 5, locked=True)
    assert unsettled(looks(held, free, free), looks(free, held, free)) == [0, 1]
