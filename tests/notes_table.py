"""A table of notes with a global index of who wrote them, for tests that read both."""

from typing import Any


def notes_table(partitions: int) -> dict[str, Any]:
    """What CreateTable is asked for."""
    return {
        "TableName": "Notes",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "by")],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-author",
                "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "Tags": [{"Key": "stator:partitions", "Value": str(partitions)}],
    }
