"""An item changed behind the server's back, in its view's file: never shown, or found, told of, and made anew from the log."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import lmdb

from stator.adapters.lmdb_environment import open_environment
from stator.adapters.view_lmdb_store import ENGINE
from stator.codec.view_values import decode_item, encode_item
from tests.standalone_server import STATOR, dynamodb, free_port, standalone

ITEMS = 40
PATIENCE_S = 60.0
TRUE, FALSE = b'"v":{"S":"as written"}', b'"v":{"S":"as forged!"}'
KEY = {"id": {"S": "7"}}


def write(db: Any) -> None:
    db.create_table(
        TableName="Notes",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    for number in range(ITEMS):
        db.put_item(TableName="Notes", Item={"id": {"S": str(number)}, "v": {"S": "as written"}})


def forge(views: Path, *, as_written: bool) -> int:
    """Change item 7 wherever a stopped server's views have it; in how many. `as_written`: with the checksum that belongs to it."""
    forged = 0
    for file in views.glob("*/data.mdb"):
        env = open_environment(file.parent, engine=ENGINE, map_bytes=1 << 30, sub_databases=9, sync=True)
        try:
            forged += _forge(env, as_written=as_written)
        finally:
            env.close()
    return forged


def _forge(env: "lmdb.Environment[bytes]", *, as_written: bool) -> int:
    items = env.open_db(b"items")
    with env.begin(write=True, db=items) as txn:
        found = [(key, value) for key, value in txn.cursor() if b'"id":{"S":"7"}' in value and TRUE in value]
        for key, value in found:
            timestamp_us, image = decode_item(key, value)
            forged = encode_item(key, timestamp_us, image.replace(TRUE, FALSE))
            txn.put(key, forged if as_written else value.replace(TRUE, FALSE))
    return len(found)


def value_of(db: Any) -> str:
    value: str = db.get_item(TableName="Notes", Key=KEY, ConsistentRead=True)["Item"]["v"]["S"]
    return value


def test_what_a_disk_made_of_an_item_is_neither_shown_nor_decided_upon(tmp_path: Path) -> None:
    for ask in ASKING:
        data = tmp_path / ask.__name__
        with standalone(data) as server:
            db = dynamodb(server.endpoint)
            write(db)
            db.close()
        assert forge(data / "views", as_written=False) == 1
        with standalone(data) as server:
            db = dynamodb(server.endpoint)
            assert ask(db) == "as written"
            db.close()
            assert [json.loads(line)["event"] for line in server.output().splitlines() if '"error"' in line] == [
                "replica_damaged"
            ]


def queried(db: Any) -> str:
    value: str = db.query(
        TableName="Notes", KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": KEY["id"]}
    )["Items"][0]["v"]["S"]
    return value


def updated(db: Any) -> str:
    value: str = db.update_item(
        TableName="Notes",
        Key=KEY,
        UpdateExpression="SET w = v",
        ConditionExpression="v = :v",
        ExpressionAttributeValues={":v": {"S": "as written"}},
        ReturnValues="ALL_NEW",
    )["Attributes"]["w"]["S"]
    return value


def transacted(db: Any) -> str:
    answer = db.transact_get_items(TransactItems=[{"Get": {"TableName": "Notes", "Key": KEY}}])
    value: str = answer["Responses"][0]["Item"]["v"]["S"]
    return value


ASKING = (value_of, queried, updated, transacted)


def test_a_forged_item_is_found_and_made_anew_and_the_doctor_tells(tmp_path: Path) -> None:
    data, admin_port = tmp_path / "data", free_port()
    with standalone(data) as server:
        db = dynamodb(server.endpoint)
        write(db)
        db.close()
    assert forge(data / "views", as_written=True) == 1
    with standalone(data, "--admin-port", str(admin_port)) as server:
        db = dynamodb(server.endpoint, attempts=3)
        assert value_of(db) == "as forged!"  # soon after the start nobody has looked yet
        deadline = time.monotonic() + PATIENCE_S
        while value_of(db) != "as written":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        db.put_item(TableName="Notes", Item={**KEY, "v": {"S": "written later"}})
        assert value_of(db) == "written later"
        db.close()
        seen = run("doctor", server.endpoint, admin_port)
        assert seen.returncode == 1
        assert "of table Notes was wrong and has been made anew 1 time since" in seen.stdout
        status = json.loads(run("status", server.endpoint, admin_port, "--json").stdout)
        (partition,) = (part for part in status["tables"][0]["partitions"] if part["items"])
        assert [one["rebuilds"] for one in partition["standings"] if one["duty"] == "leads"] == [1]


def run(command: str, endpoint: str, admin_port: int, *flags: str) -> "subprocess.CompletedProcess[str]":
    line = [str(STATOR), command, *flags, "--endpoint", endpoint, "--admin", f"http://127.0.0.1:{admin_port}"]
    return subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
