"""What the architecture tests read: the files of the checkout, and who imports whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = {"__pycache__", "build", "data", "dist", "uv.lock"}  # at the root, and not in git
HIDDEN_AND_OURS = {".ci", ".github", ".gitignore"}
BINARY = {".avro", ".bin", ".mdb", ".png", ".zst"}


def text_files() -> Iterator[Path]:
    """Every text file a commit could carry."""
    for path in sorted(ROOT.iterdir()):
        if path.name in BUILT or (path.name.startswith(".") and path.name not in HIDDEN_AND_OURS):
            continue
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts and file.suffix not in BINARY:
                yield file


def python_files(*roots: str) -> Iterator[Path]:
    """Every Python file below the given folders."""
    for root in roots:
        yield from sorted((ROOT / root).rglob("*.py"))


def shown(path: Path) -> str:
    """Return a path as messages show it."""
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    """`stator/model/numbers.py` is `stator.model.numbers`; a package's `__init__` is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield every (absolute dotted name, was it written relatively) that a file imports, members included."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = [*above, *([node.module] if node.module else [])]
            yield ".".join(source), node.level > 0
            yield from ((".".join([*source, alias.name]), node.level > 0) for alias in node.names)
