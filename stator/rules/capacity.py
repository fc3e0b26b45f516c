"""Capacity units. Source: AWS developer guide, "Read/write capacity mode": 4 KB a read unit, 1 KB a write unit, rounded up,
half a read unit for an eventually consistent read.
"""

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
TRANSACTION_UNITS = 2
"""What each action of a transaction costs, in units of the same done by itself: once to prepare and once to commit, or for a read
to be sure. Source: AWS developer guide, "Amazon DynamoDB Transactions: How it works"; checked against DynamoDB Local.
"""


def read_units(item_bytes: int, *, strong: bool) -> float:
    """Units that reading so many bytes costs; a read of nothing costs as one of a unit's size."""
    units = max(1, -(-item_bytes // READ_UNIT_BYTES))
    return float(units) if strong else units / 2


def write_units(item_bytes: int) -> float:
    """Units that a write costs, given the larger of the item's sizes before and after."""
    return float(max(1, -(-item_bytes // WRITE_UNIT_BYTES)))
