"""ArchiveEqualsLog: what the heads list is the log, byte for byte, and, once all is quiet, all of it."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.manifests import decode_segments_head
from stator.codec.segment_files import open_segment
from stator.model.archive import segments_head_name
from stator.model.positions import LogId, Offset
from stator.model.records import LogMessage


def check(store: MemoryLogStore, objects: dict[str, bytes], log_id: LogId) -> Iterator[str]:
    """What is wrong with the archive of one log, as far as it goes."""
    archived = _archived(objects, log_id)
    if archived != list(store.messages(log_id, Offset(0)))[: len(archived)]:
        yield f"log {log_id}: the archive holds something else"


def whole(store: MemoryLogStore, objects: dict[str, bytes], log_id: LogId) -> Iterator[str]:
    """The same, once everything should be archived."""
    yield from check(store, objects, log_id)
    archived, end = len(_archived(objects, log_id)), store.end(log_id)
    if archived < end:
        yield f"log {log_id}: {archived} of {end} messages are archived"


def _archived(objects: dict[str, bytes], log_id: LogId) -> list[LogMessage]:
    name = segments_head_name(log_id)
    if name not in objects:
        return []
    segments = decode_segments_head(name, objects[name]).segments
    return [message for entry in segments for message in open_segment(entry.name, objects[entry.name])[1]]
