"""ArchiveEqualsLog: what the heads list is the log, byte for byte, and, once all is quiet, all of it."""

from collections.abc import Iterator

from stator.adapters.log_memory import MemoryLogStore
from stator.codec.manifests import decode_segments_head
from stator.codec.segment_files import open_segment
from stator.model.archive import segments_head_name
from stator.model.positions import LogId, Offset


def check(store: MemoryLogStore, objects: dict[str, bytes], log_id: LogId, *, whole: bool) -> Iterator[str]:
    """What is wrong with the archive of one log; `whole`: everything should be archived."""
    name = segments_head_name(log_id)
    archived = []
    if name in objects:
        for entry in decode_segments_head(name, objects[name]).segments:
            _, messages = open_segment(entry.name, objects[entry.name])
            archived.extend(messages)
    log = list(store.messages(log_id, Offset(0)))
    if archived != log[: len(archived)]:
        yield f"log {log_id}: the archive holds something else"
    elif whole and len(archived) < len(log):
        yield f"log {log_id}: {len(archived)} of {len(log)} messages are archived"
