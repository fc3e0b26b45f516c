"""Users by department: a table answers by its key, a global secondary index by another attribute.

The table knows users by their id. The index `by-department` shows the same users by department, in the order of their names,
and carries only what a phone list needs. It follows the table by itself, within milliseconds.

    python examples/employees.py      (a server on localhost:8000, or wherever AWS_ENDPOINT_URL_DYNAMODB says)
"""

import os
import time
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key


def create_table(database: Any) -> Any:
    """The table and its index."""
    return database.create_table(
        TableName="Employees",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "user_id", "AttributeType": "S"},
            {"AttributeName": "department", "AttributeType": "S"},
            {"AttributeName": "name", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-department",
                "KeySchema": [
                    {"AttributeName": "department", "KeyType": "HASH"},
                    {"AttributeName": "name", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["phone"]},
            }
        ],
    )


def hire(table: Any, user_id: str, name: str, department: str, phone: str, salary: int) -> None:
    """Add a user, unless there is one with this id."""
    user = {"user_id": user_id, "name": name, "department": department, "phone": phone, "salary": salary}
    table.put_item(Item=user, ConditionExpression=Attr("user_id").not_exists())


def move(table: Any, user_id: str, department: str) -> None:
    """The user leaves one department's list and appears in the other's."""
    table.update_item(
        Key={"user_id": user_id},
        UpdateExpression="SET department = :department",
        ConditionExpression=Attr("user_id").exists(),
        ExpressionAttributeValues={":department": department},
    )


def leave(table: Any, user_id: str) -> None:
    """A user without a department stays in the table and is in no list: the index is sparse."""
    table.update_item(Key={"user_id": user_id}, UpdateExpression="REMOVE department")


def phone_list(table: Any, department: str) -> list[dict[str, Any]]:
    """A department's users by name: their ids, names and phones, and not their salaries."""
    found = table.query(IndexName="by-department", KeyConditionExpression=Key("department").eq(department))
    users: list[dict[str, Any]] = found["Items"]
    return users


def main() -> None:
    """Three people and one move."""
    database = boto3.resource(
        "dynamodb",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000"),
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    table = create_table(database)
    table.wait_until_exists()
    hire(table, "u1", "Ada", "engineering", "100", 5000)
    hire(table, "u2", "Grace", "engineering", "200", 6000)
    hire(table, "u3", "Hedy", "research", "300", 5500)
    move(table, "u3", "engineering")
    while len(users := phone_list(table, "engineering")) < 3:
        time.sleep(0.05)  # an index is eventually consistent
    for user in users:
        print(user["name"], user["phone"])
    table.delete()


if __name__ == "__main__":
    main()
