"""What tests measure, for people: told when all tests are over, whether they passed or not."""

from collections.abc import Callable

import pytest

Figures = Callable[[str, object], None]
"""Takes a name, and what was measured under it."""

KEPT = pytest.StashKey[list[str]]()
"""Lines to tell, in the order in which they came."""
