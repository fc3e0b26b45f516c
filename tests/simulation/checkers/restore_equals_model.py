"""RestoreEqualsModel: a restored table began as exactly what the accepted effects up to the instant had made of its source."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.model.tables import Table
from tests.simulation.accepted import effects, fold


def check(
    store: MemoryLogStore, objects: dict[str, bytes], source: Table, restored: Table, at_us: int
) -> Iterator[str]:
    """What is wrong with a table that was restored to `at_us`."""
    for old, new in zip(source.partitions, restored.partitions, strict=True):
        wanted: dict[bytes, tuple[int, bytes]] = {}
        for effect in effects(store, old.log_id):
            if effect.timestamp_us <= at_us:
                wanted.pop(effect.key, None)
                if effect.new is not None:
                    wanted[effect.key] = (effect.timestamp_us, effect.new)
        got = fold(store, objects, new.log_id).base
        if got != wanted:
            wrong = [(got.get(key), wanted.get(key)) for key in sorted(got.keys() | wanted.keys())]
            yield (
                f"{restored.name}: log {new.log_id} is not log {old.log_id} at {at_us}:"
                f" {[pair for pair in wrong if pair[0] != pair[1]][:3]}"
            )
