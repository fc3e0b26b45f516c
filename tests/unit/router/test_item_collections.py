"""How large an item collection may be is told of tables with local indexes, to who asks, and never too small."""

import json

import pytest

from services.router.item_collections import item_collection, wants_collections
from stator.model.positions import TimestampUs
from stator.model.tables import KeyAttribute, KeySchema, LocalIndex, Projection, Table

GB = 1024**3
KEY = KeySchema(KeyAttribute("p", "N"), KeyAttribute("c", "S"))
INDEX = LocalIndex("by-b", KeySchema(KEY.partition, KeyAttribute("b", "S")), Projection("KEYS_ONLY"))
PLAIN = Table("id-1", "posts", "ACTIVE", TimestampUs(0), KEY, ())
INDEXED = PLAIN.evolve(local_indexes=(INDEX,))
SIZE = {"ReturnItemCollectionMetrics": "SIZE"}


def test_only_who_asks_for_it_of_a_table_with_local_indexes_is_told() -> None:
    assert wants_collections(SIZE, INDEXED)
    assert not wants_collections(SIZE, PLAIN)
    assert not wants_collections({}, INDEXED)
    assert not wants_collections({"ReturnItemCollectionMetrics": "NONE"}, INDEXED)


@pytest.mark.parametrize(("partition_bytes", "gb_max"), [(0, 1.0), (GB // 2, 1.0), (GB // 2 + 1, 2.0), (3 * GB, 6.0)])
def test_the_range_holds_the_whole_partition_and_its_rows_in_the_index(partition_bytes: int, gb_max: float) -> None:
    told = json.loads(item_collection(INDEXED, {"p": {"N": "1"}, "c": {"S": "a"}}, partition_bytes))
    assert told == {"ItemCollectionKey": {"p": {"N": "1"}}, "SizeEstimateRangeGB": [0.0, gb_max]}
