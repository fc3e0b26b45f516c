"""Terraform's `aws_dynamodb_table`: the calls that its provider makes, in its order, with its waits, on the bare wire.

The provider itself cannot come along: it is not in a package registry. One thing must not break: nothing is asked, awaited
or forgiven here that the provider does not ask, await or forgive.

Source: terraform-provider-aws 6.x, internal/service/dynamodb: table.go, wait.go, status.go.
"""

import http.client
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

WAIT_S = 30.0
POLL_S = 0.05  # the provider's own is seconds
HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "User-Agent": "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 terraform-provider-aws/6.20.0 aws-sdk-go-v2/1.39.6",
    "X-Amz-Date": "20240101T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=any/20240101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
}
NUMBER = (int, float)

Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A configuration in Terraform's words, and also the state that a refresh finds."""

    name: str
    hash_key: str
    range_key: str | None = None
    attributes: tuple[tuple[str, str], ...]
    billing_mode: str = "PAY_PER_REQUEST"
    capacity: tuple[int, int] = (0, 0)
    local_indexes: tuple[tuple[str, str], ...] = ()
    global_indexes: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    stream_view_type: str | None = None
    table_class: str = "STANDARD"
    deletion_protection: bool = False
    ttl: str | None = None
    recovery_days: int | None = None
    tags: tuple[tuple[str, str], ...] = ()


class Refused(Exception):  # noqa: N818 - an answer that the provider goes by, not always an error
    """An error answer: its code and its text."""

    def __init__(self, status: int, answer: Answer) -> None:
        super().__init__(status, answer)
        self.code = answer["__type"].rpartition("#")[2]
        self.text = str(answer.get("message") or answer.get("Message"))


class Provider:
    """The resource's functions as the provider has them: create, read, update, delete."""

    def __init__(self, endpoint: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=30)

    def close(self) -> None:
        self._connection.close()

    def call(self, operation: str, **body: Any) -> Answer:
        headers = HEADERS | {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        self._connection.request("POST", "/", json.dumps(body), headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read() or b"{}")  # TagResource and UntagResource answer with no body at all
        assert isinstance(answer, dict)
        if response.status != 200:
            raise Refused(response.status, answer)
        return answer

    # --- the resource ------------------------------------------------------------------------------------------

    def create(self, wanted: Resource) -> Resource:
        self.call("CreateTable", **create_request(wanted))
        self.wait_table(wanted.name)
        for index, *_ in wanted.global_indexes:
            self.wait(
                lambda index=index: self.index(wanted.name, index)["IndexStatus"], "ACTIVE", "CREATING", "UPDATING"
            )
        if wanted.ttl is not None:
            self.update_ttl(wanted.name, wanted.ttl, enabled=True)
        if wanted.recovery_days is not None:
            self.update_backups(wanted.name, wanted.recovery_days)
        return self.read(wanted.name)

    def read(self, name: str) -> Resource:
        """The refresh."""
        table = self.table(name)
        check_types(table)
        backups = self.call("DescribeContinuousBackups", TableName=name)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]
        ttl = self.call("DescribeTimeToLive", TableName=name)["TimeToLiveDescription"]
        tags = self.call("ListTagsOfResource", ResourceArn=table["TableArn"])
        assert isinstance(tags["Tags"], list)
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        capacity = table["ProvisionedThroughput"]
        stream = table.get("StreamSpecification") or {"StreamEnabled": False}
        assert stream["StreamEnabled"] == ("StreamViewType" in stream)
        return Resource(
            name=table["TableName"],
            hash_key=keys["HASH"],
            range_key=keys.get("RANGE"),
            attributes=tuple(sorted(pairs(table["AttributeDefinitions"], "AttributeName", "AttributeType"))),
            billing_mode=table.get("BillingModeSummary", {"BillingMode": "PROVISIONED"})["BillingMode"],
            capacity=(capacity["ReadCapacityUnits"], capacity["WriteCapacityUnits"]),
            local_indexes=tuple(
                (index["IndexName"], key["AttributeName"])
                for index in table.get("LocalSecondaryIndexes") or ()
                for key in index["KeySchema"]
                if key["KeyType"] == "RANGE" and index["Projection"]["ProjectionType"] == "ALL"
            ),
            global_indexes=tuple(
                (
                    index["IndexName"],
                    index["KeySchema"][0]["AttributeName"],
                    tuple(index["Projection"].get("NonKeyAttributes") or ()),
                )
                for index in sorted(table.get("GlobalSecondaryIndexes") or (), key=lambda one: str(one["IndexName"]))
            ),
            stream_view_type=stream.get("StreamViewType"),
            table_class=table.get("TableClassSummary", {"TableClass": "STANDARD"})["TableClass"],
            deletion_protection=table["DeletionProtectionEnabled"],
            ttl=ttl["AttributeName"] if ttl["TimeToLiveStatus"] == "ENABLED" else None,
            recovery_days=recovery["RecoveryPeriodInDays"]
            if recovery["PointInTimeRecoveryStatus"] == "ENABLED"
            else None,
            tags=tuple(sorted(pairs(tags["Tags"], "Key", "Value"))),
        )

    def update(self, old: Resource, new: Resource) -> Resource:
        """From one configuration to the other, in the order of resourceTableUpdate."""
        name = old.name
        if new.table_class != old.table_class:
            self.update_table(name, TableClass=new.table_class)
        together: Answer = {}
        if (new.billing_mode, new.capacity) != (old.billing_mode, old.capacity):
            together["BillingMode"] = new.billing_mode
            if new.billing_mode == "PROVISIONED":
                together["ProvisionedThroughput"] = throughput(new.capacity)
        if new.deletion_protection != old.deletion_protection:
            together["DeletionProtectionEnabled"] = new.deletion_protection
        if new.stream_view_type is not None and None is not old.stream_view_type != new.stream_view_type:
            self.update_table(name, StreamSpecification={"StreamEnabled": False})
            self.update_table(name, StreamSpecification=stream_of(new.stream_view_type))
        elif new.stream_view_type != old.stream_view_type:
            together["StreamSpecification"] = stream_of(new.stream_view_type)
        if together:
            self.update_table(name, **together)
        if new.ttl != old.ttl:
            self.update_ttl(name, new.ttl or old.ttl, enabled=new.ttl is not None)
        if new.recovery_days != old.recovery_days:
            self.update_backups(name, new.recovery_days)
        self.update_tags(old, new)
        return self.read(name)

    def delete(self, name: str) -> None:
        self.call("DeleteTable", TableName=name)
        self.wait(lambda: self.status(name), None, "ACTIVE", "DELETING")

    # --- what they are made of ---------------------------------------------------------------------------------

    def table(self, name: str) -> Answer:
        table = self.call("DescribeTable", TableName=name)["Table"]
        assert isinstance(table, dict)
        return table

    def index(self, name: str, index: str) -> Answer:
        (found,) = (one for one in self.table(name)["GlobalSecondaryIndexes"] if one["IndexName"] == index)
        assert isinstance(found, dict)
        return found

    def status(self, name: str) -> str | None:
        """None when it is not found, for which the provider goes by the code."""
        try:
            return str(self.table(name)["TableStatus"])
        except Refused as refusal:
            if refusal.code != "ResourceNotFoundException":
                raise
            return None

    def wait(self, look: Callable[[], Any], target: Any, *pending: str) -> None:
        """Any state but the target and those on the way there is "unexpected state", and ends the apply."""
        deadline = time.monotonic() + WAIT_S
        while (seen := look()) != target:
            assert seen in pending, f"unexpected state {seen!r}, wanted target {target!r}"
            assert time.monotonic() < deadline, f"timeout while waiting for state to become {target!r}"
            time.sleep(POLL_S)

    def wait_table(self, name: str) -> None:
        """ACTIVE is to be seen twice in a row; then the warm throughput, whose absence is "couldn't find resource"."""
        for _ in range(2):
            self.wait(lambda: self.status(name), "ACTIVE", "CREATING", "UPDATING")
        self.wait(lambda: self.table(name)["WarmThroughput"]["Status"], "ACTIVE", "CREATING", "UPDATING")

    def update_table(self, name: str, **change: Any) -> None:
        self.call("UpdateTable", TableName=name, **change)
        self.wait_table(name)

    def update_ttl(self, name: str, attribute: str | None, *, enabled: bool) -> None:
        asked = {"AttributeName": attribute, "Enabled": enabled}
        answer = self.call("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=asked)
        assert answer["TimeToLiveSpecification"] == asked
        on_the_way = ("DISABLED", "ENABLING") if enabled else ("ENABLED", "DISABLING")
        self.wait(
            lambda: self.call("DescribeTimeToLive", TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"],
            "ENABLED" if enabled else "DISABLED",
            *on_the_way,
        )

    def update_backups(self, name: str, days: int | None) -> None:
        enabled: Answer = {"PointInTimeRecoveryEnabled": days is not None}
        asked = enabled if days is None else enabled | {"RecoveryPeriodInDays": days}
        self.call("UpdateContinuousBackups", TableName=name, PointInTimeRecoverySpecification=asked)

        def status() -> Any:
            answer = self.call("DescribeContinuousBackups", TableName=name)["ContinuousBackupsDescription"]
            return answer["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]

        if days is None:
            self.wait(status, "DISABLED")
        else:
            self.wait(status, "ENABLED", "ENABLING", "DISABLED")

    def update_tags(self, old: Resource, new: Resource) -> None:
        arn = self.table(old.name)["TableArn"]
        removed = sorted(dict(old.tags).keys() - dict(new.tags).keys())
        changed = sorted(dict(new.tags).items() - dict(old.tags).items())
        if removed:
            self.call("UntagResource", ResourceArn=arn, TagKeys=removed)
        if changed:
            self.call("TagResource", ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in changed])


def create_request(wanted: Resource) -> Answer:
    keys = [key for key in (wanted.hash_key, wanted.range_key) if key is not None]
    request: Answer = {
        "TableName": wanted.name,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in wanted.attributes],
        "KeySchema": key_schema(*keys),
        "BillingMode": wanted.billing_mode,
        "Tags": [{"Key": key, "Value": value} for key, value in wanted.tags],
        "TableClass": wanted.table_class,
        "DeletionProtectionEnabled": wanted.deletion_protection,
    }
    if wanted.billing_mode == "PROVISIONED":
        request["ProvisionedThroughput"] = throughput(wanted.capacity)
    if wanted.local_indexes:
        request["LocalSecondaryIndexes"] = [
            {
                "IndexName": name,
                "KeySchema": key_schema(wanted.hash_key, range_key),
                "Projection": {"ProjectionType": "ALL"},
            }
            for name, range_key in wanted.local_indexes
        ]
    if wanted.global_indexes:
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": name,
                "KeySchema": key_schema(hash_key),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(included)}
                if included
                else {"ProjectionType": "ALL"},
            }
            for name, hash_key, included in wanted.global_indexes
        ]
    if wanted.stream_view_type is not None:
        request["StreamSpecification"] = stream_of(wanted.stream_view_type)
    return request


def key_schema(*names: str) -> list[Answer]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def throughput(capacity: tuple[int, int]) -> Answer:
    return {"ReadCapacityUnits": capacity[0], "WriteCapacityUnits": capacity[1]}


def stream_of(view_type: str | None) -> Answer:
    return {"StreamEnabled": False} if view_type is None else {"StreamEnabled": True, "StreamViewType": view_type}


def pairs(members: list[Answer], name: str, value: str) -> list[tuple[str, str]]:
    return [(member[name], member[value]) for member in members]


def check_types(table: Answer) -> None:
    """What the Go SDK would fail on, or silently take for a zero."""
    expected: Answer = {"TableArn": str, "TableId": str, "TableStatus": str, "CreationDateTime": NUMBER}
    expected |= {"ItemCount": int, "TableSizeBytes": int, "DeletionProtectionEnabled": bool}
    for name, kind in expected.items():
        assert isinstance(table[name], kind), name
    for described in (table, *table.get("GlobalSecondaryIndexes", ())):
        assert {type(described["ProvisionedThroughput"][f"{kind}CapacityUnits"]) for kind in ("Read", "Write")} == {int}
        warm = described["WarmThroughput"]
        assert (type(warm["ReadUnitsPerSecond"]), type(warm["WriteUnitsPerSecond"])) == (int, int)
        assert warm["Status"] == "ACTIVE"
    for index in itertools.chain(table.get("GlobalSecondaryIndexes", ()), table.get("LocalSecondaryIndexes", ())):
        assert index["IndexArn"] == f"{table['TableArn']}/index/{index['IndexName']}"
        assert (type(index["ItemCount"]), type(index["IndexSizeBytes"])) == (int, int)
    if "StreamSpecification" in table:
        assert table["LatestStreamArn"] == f"{table['TableArn']}/stream/{table['LatestStreamLabel']}"
