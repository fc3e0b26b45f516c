"""ItemCollectionMetrics: how large the items of one partition key may be, together with their rows in local indexes.

Nobody counts collections; what is known is the partition that a collection lies in, which is no smaller. So the range that is told
is true, and as wide as it has to be. Source: AWS API reference, ItemCollectionMetrics: only of tables with local indexes.
"""

from typing import Any

import msgspec

from stator.model.item import Item
from stator.model.tables import Table

_GB = 1024**3


def wants_collections(request: dict[str, Any], table: Table) -> bool:
    """Whether the answer to a write is to have ItemCollectionMetrics."""
    return request.get("ReturnItemCollectionMetrics") == "SIZE" and bool(table.local_indexes)


def item_collection(table: Table, item: Item, partition_bytes: int) -> bytes:
    """The metrics of the collection that an item (or its key) belongs to, as JSON."""
    partition = table.key.partition.name
    bytes_max = partition_bytes * (1 + len(table.local_indexes))
    return msgspec.json.encode(
        {
            "ItemCollectionKey": {partition: item[partition]},
            "SizeEstimateRangeGB": [0.0, float(max(1, -(-bytes_max // _GB)))],
        }
    )
