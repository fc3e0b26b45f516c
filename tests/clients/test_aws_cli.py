"""Orders kept from a shell: the AWS CLI, every command a process of its own, its output read as a script reads it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import fetched, program_ended, run_program

TABLE = "cli-orders"
CUSTOMER = "customer 1"

Item = dict[str, dict[str, str]]


def order(number: int) -> Item:
    return {
        "Customer": {"S": CUSTOMER},
        "Order": {"N": str(number)},
        "Status": {"S": "open" if number % 2 else "paid"},
        "Amount": {"N": f"{number}.5"},
    }


ORDERS = [order(number) for number in range(1, 12)]


class Aws:
    """`aws dynamodb …`; lists and maps are given as JSON, as scripts do it."""

    def __init__(self) -> None:
        self._program = fetched(Path(sys.executable).with_name("aws"))

    def text(self, command: str, *words: str, **flags: Any) -> str:
        """Its output as it is."""
        given = [word for name, value in flags.items() for word in _flag(name, value)]
        return run_program(self._program, "dynamodb", command, *words, *given)

    def __call__(self, command: str, *words: str, **flags: Any) -> Any:
        """Its output, understood as JSON; nothing at all is an empty answer."""
        return json.loads(self.text(command, *words, output="json", **flags) or "{}")

    def refused(self, command: str, **flags: Any) -> str:
        """What a command that must fail wrote to standard error."""
        words = [word for name, value in flags.items() for word in _flag(name, value)]
        done = program_ended(self._program, "dynamodb", command, *words)
        assert done.returncode != 0, done.stdout
        return done.stderr.strip()


def _flag(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    return [flag, value if isinstance(value, str) else json.dumps(value)]


@pytest.fixture(scope="module")
def aws(aws_environment: None) -> Aws:
    return Aws()


@pytest.fixture(scope="module", autouse=True)
def table_arn(aws: Aws) -> Iterator[str]:
    """Made in the CLI's shorthand, awaited, filled in a batch; gone afterwards."""
    created = aws(
        "create-table",
        *("--attribute-definitions", "AttributeName=Customer,AttributeType=S", "AttributeName=Order,AttributeType=N"),
        *("--key-schema", "AttributeName=Customer,KeyType=HASH", "AttributeName=Order,KeyType=RANGE"),
        *("--tags", "Key=team,Value=sales"),
        table_name=TABLE,
        billing_mode="PAY_PER_REQUEST",
    )
    aws("wait", "table-exists", table_name=TABLE)
    written = aws("batch-write-item", request_items={TABLE: [{"PutRequest": {"Item": item}} for item in ORDERS]})
    assert written == {"UnprocessedItems": {}}
    yield created["TableDescription"]["TableArn"]
    aws("delete-table", table_name=TABLE)
    aws("wait", "table-not-exists", table_name=TABLE)
    assert "(ResourceNotFoundException)" in aws.refused("describe-table", table_name=TABLE)


def of_customer() -> dict[str, Any]:
    return {
        "table_name": TABLE,
        "consistent_read": True,
        "key_condition_expression": "Customer = :c",
        "expression_attribute_values": {":c": {"S": CUSTOMER}},
    }


def test_a_shell_reads_single_values(aws: Aws) -> None:
    assert aws.text("describe-table", table_name=TABLE, query="Table.TableStatus", output="text") == "ACTIVE\n"
    listed = aws.text("list-tables", query=f"TableNames[?@ == '{TABLE}']", output="text")
    assert listed == f"{TABLE}\n"


def test_an_item_is_put_updated_got_and_deleted(aws: Aws) -> None:
    key = {"Customer": {"S": "customer 2"}, "Order": {"N": "1"}}
    assert aws("put-item", table_name=TABLE, item=key | {"Amount": {"N": "1"}}) == {}
    updated = aws(
        "update-item",
        table_name=TABLE,
        key=key,
        update_expression="SET #s = :s ADD Amount :t",
        expression_attribute_names={"#s": "Status"},
        expression_attribute_values={":s": {"S": "paid"}, ":t": {"N": "0.25"}},
        return_values="ALL_NEW",
    )
    expected = key | {"Status": {"S": "paid"}, "Amount": {"N": "1.25"}}
    assert updated["Attributes"] == expected
    assert aws("get-item", table_name=TABLE, key=key, consistent_read=True) == {"Item": expected}
    assert aws("delete-item", table_name=TABLE, key=key, return_values="ALL_OLD")["Attributes"] == expected
    assert aws("get-item", table_name=TABLE, key=key, consistent_read=True) == {}


def test_a_condition_that_fails_is_an_error_of_the_command(aws: Aws) -> None:
    message = aws.refused(
        "put-item", table_name=TABLE, item=ORDERS[0], condition_expression="attribute_not_exists(Customer)"
    )
    assert message.endswith(
        "An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: "
        "The conditional request failed"
    )


def test_a_query_follows_its_pages_by_itself(aws: Aws) -> None:
    answer = aws("query", **of_customer(), page_size="3")
    assert answer["Items"] == ORDERS
    assert (answer["Count"], answer["ScannedCount"]) == (11, 11)


@pytest.mark.parametrize("command", ["query", "scan"])
def test_a_token_goes_on_where_max_items_stopped(aws: Aws, command: str) -> None:
    """The CLI asks for whole pages and cuts them itself: its token says how many items of a page were given already."""
    asked = of_customer() if command == "query" else {"table_name": TABLE, "consistent_read": True}
    found: list[Item] = []
    token: dict[str, str] = {}
    while True:
        answer = aws(command, **asked, max_items="4", page_size="3", **token)
        found += answer["Items"]
        if "NextToken" not in answer:
            break
        assert len(answer["Items"]) == 4
        token = {"starting_token": answer["NextToken"]}
    assert found == ORDERS


def test_a_scan_filters_and_counts(aws: Aws) -> None:
    answer = aws(
        "scan",
        table_name=TABLE,
        consistent_read=True,
        select="COUNT",
        filter_expression="#s = :open",
        expression_attribute_names={"#s": "Status"},
        expression_attribute_values={":open": {"S": "open"}},
    )
    assert (answer["Count"], answer["ScannedCount"]) == (6, 11)


def test_a_batch_gets(aws: Aws) -> None:
    keys = [{name: item[name] for name in ("Customer", "Order")} for item in ORDERS[:3]]
    answer = aws("batch-get-item", request_items={TABLE: {"Keys": keys, "ConsistentRead": True}})
    assert sorted(answer["Responses"][TABLE], key=lambda item: float(item["Amount"]["N"])) == ORDERS[:3]
    assert answer["UnprocessedKeys"] == {}


def test_tags_are_listed(aws: Aws, table_arn: str) -> None:
    assert aws("list-tags-of-resource", resource_arn=table_arn)["Tags"] == [{"Key": "team", "Value": "sales"}]


def test_limits_and_endpoints_are_told(aws: Aws) -> None:
    limits = aws("describe-limits")
    assert limits.keys() == {
        "AccountMaxReadCapacityUnits",
        "AccountMaxWriteCapacityUnits",
        "TableMaxReadCapacityUnits",
        "TableMaxWriteCapacityUnits",
    }
    assert all(isinstance(limit, int) and limit > 0 for limit in limits.values())
    endpoints = aws("describe-endpoints")["Endpoints"]
    assert [endpoint["CachePeriodInMinutes"] for endpoint in endpoints] == [1440]
