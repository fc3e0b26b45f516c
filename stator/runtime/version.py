"""Which Stator this is. Looked up when asked: reading package metadata costs a start some twenty milliseconds."""

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


@cache
def version() -> str:
    """The installed version, as pip names it; `unknown` when run from a tree that was never installed."""
    try:
        return installed_version("stator")
    except PackageNotFoundError:
        return "unknown"
