"""Starts one service of a cluster by name."""

import sys
from collections.abc import Callable
from importlib import import_module

NAMES = ("archiver", "control", "gsi", "leader", "materializer", "restore", "router", "streams")


def run_service(name: str) -> int:
    """Run a service until it ends; its exit code, 2 for a name that is none."""
    if name not in NAMES:
        sys.stderr.write(f"stator: no service is called {name!r}; there are {', '.join(NAMES)}\n")
        return 2
    main: Callable[[], int] = import_module(f"..{name}.__main__", __package__).main
    return main()
