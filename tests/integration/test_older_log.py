"""A data directory whose log is older than its views, as in a copy that was made while the server ran: the log is what holds."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.standalone_server import dynamodb, standalone


def put(db: Any, *names: str) -> None:
    for name in names:
        db.put_item(TableName="Notes", Item={"id": {"S": name}})


def names_in(db: Any) -> list[str]:
    return sorted(item["id"]["S"] for item in db.scan(TableName="Notes", ConsistentRead=True)["Items"])


def test_views_that_are_ahead_of_their_log_are_made_anew_before_anything_is_written(tmp_path: Path) -> None:
    data, older = tmp_path / "data", tmp_path / "older"
    with standalone(data) as server:
        db = dynamodb(server.endpoint)
        db.create_table(
            TableName="Notes",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        put(db, "a", "b")
        db.close()
    shutil.copytree(data / "log", older)
    with standalone(data) as server:
        db = dynamodb(server.endpoint)
        put(db, "c", "d", "e")
        db.close()
    shutil.rmtree(data / "log")
    shutil.copytree(older, data / "log")
    with standalone(data) as server:
        db = dynamodb(server.endpoint)
        assert names_in(db) == ["a", "b"]
        put(db, "f")
        db.close()
        told = [json.loads(line) for line in server.output().splitlines() if '"view_discarded"' in line]
        assert {line["reason"] for line in told} == {"it is ahead of its log: that is an older one"}
    shutil.rmtree(data / "views")
    with standalone(data) as server:
        db = dynamodb(server.endpoint)
        assert names_in(db) == ["a", "b", "f"]
        db.close()
