"""The marks that a fold takes on its way through a log, and what the log's stamps say of them. For replicas and for restores."""

from stator.codec.log_records import decode_stamp
from stator.codec.snapshot_files import digest_text
from stator.model.positions import Mark, Offset
from stator.model.records import Envelope
from stator.rules.stamps import disproved, is_marked, unstamped, with_mark
from stator.runtime.gathered_changes import GatheredChanges


class Marks:
    """`taken` on the way so far, and not compared yet."""

    def __init__(self, taken: tuple[Mark, ...] = ()) -> None:
        self.taken = taken

    def pass_by(self, offset: Offset, changes: GatheredChanges) -> None:
        """Everything below `offset` is folded, what is not in the view yet being in `changes`."""
        if is_marked(offset):
            self.taken = with_mark(self.taken, changes.mark(offset))

    def compare(self, offset: Offset, record: Envelope) -> str:
        """How the stamp that a Barrier at `offset` may carry contradicts what was folded; empty if it does not."""
        stamp = decode_stamp(record)
        if stamp is None:
            return ""
        mine = disproved(self.taken, stamp)
        self.taken = unstamped(self.taken, stamp)
        if mine is None:
            return ""
        return (
            f"the stamp at {offset} says that the records below {stamp.offset} come to {stamp.items} items of"
            f" {stamp.item_bytes} bytes with digest {digest_text(stamp.digest)}; here they come to {mine.items} of"
            f" {mine.item_bytes} with {digest_text(mine.digest)}"
        )
