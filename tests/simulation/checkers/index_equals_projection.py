"""IndexEqualsProjection: once all is quiet, an index holds a row for exactly the items that belong
in it, wherever the items are."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.item import decode_image, encode_image
from stator.model.tables import Table
from tests.simulation.accepted import fold


def check(store: MemoryLogStore, objects: dict[str, bytes], table: Table) -> Iterator[str]:
    """What is wrong with the indexes of a table."""
    items = {
        key: decode_image(image)
        for partition in table.partitions
        for key, (_, image) in fold(store, objects, partition.log_id).items.items()
    }
    for index in table.indexes:
        wanted = {
            index.row_key(item, key): encode_image(index.project(item, table.key))
            for key, item in items.items()
            if all(attribute.name in item for attribute in index.key.attributes)
        }
        held = {
            key: image
            for partition in index.partitions
            for key, (_, image) in fold(store, objects, partition.log_id).items.items()
        }
        if held != wanted:
            wrong = [(held.get(key), wanted.get(key)) for key in sorted(held.keys() | wanted.keys())]
            yield f"index {table.name}/{index.name} is not the projection: {[pair for pair in wrong if pair[0] != pair[1]][:3]}"
