"""What the items of a view add up to, to be compared with what its position says they do."""

from dataclasses import dataclass

from stator.codec.snapshot_files import digest_text
from stator.model.positions import LogPosition
from stator.rules.evolve import digest_after


@dataclass(slots=True)
class Totals:
    """Of the items seen so far."""

    digest: int = 0
    items: int = 0

    def add(self, key: bytes, image: bytes) -> None:
        """One more item."""
        self.digest = digest_after(self.digest, key, None, image)
        self.items += 1

    def contradict(self, position: LogPosition) -> str:
        """How a position says something else of these items; empty if it does not."""
        if (self.digest, self.items) == (position.digest, position.items):
            return ""
        return (
            f"{self.items} items with digest {digest_text(self.digest)}, but its position says {position.items}"
            f" with {digest_text(position.digest)}"
        )
