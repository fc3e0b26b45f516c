"""Imports for processes that must start fast."""

import sys
from importlib import import_module


def without_rich(module: str) -> None:
    """Import a module that would take rich along for tracebacks that a server never prints: a tenth of a second, 10 MB."""
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python is told that there is no such module
    try:
        import_module(module)
    finally:
        del sys.modules["rich"]
