"""The package as strangers get it: built by its build backend, installed by pip into an environment that holds nothing else.

No network is needed, and nothing is hidden by that: the environment gets exactly the distributions that the wheel's own metadata
asks for, linked from ours, and pip refuses to install when one is missing or of another version.
"""

import os
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Package:
    """What `uv build` or `python -m build` leave: the wheel is built from the source archive."""

    source: Path
    wheel: Path
    wheel_of_checkout: Path


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment with the wheel in it."""

    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    @property
    def stator(self) -> Path:
        return self.directory / "bin" / "stator"


def variables() -> dict[str, str]:
    """Environment variables that lead nothing of ours into the other environment."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "STATOR_"))}


def build(directory: Path) -> Package:
    """Source archive and wheels, below `directory`."""
    hatchling = [sys.executable, "-m", "hatchling", "build"]
    _run(*hatchling, "-t", "sdist", "-d", str(directory), cwd=ROOT)
    _run(*hatchling, "-t", "wheel", "-d", str(directory / "checkout"), cwd=ROOT)
    (source,) = directory.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(directory, filter="data")
    _run(*hatchling, "-t", "wheel", "-d", str(directory), cwd=directory / source.name.removesuffix(".tar.gz"))
    (wheel,) = directory.glob("*.whl")
    (wheel_of_checkout,) = (directory / "checkout").glob("*.whl")
    return Package(source, wheel, wheel_of_checkout)


def install(wheel: Path, directory: Path, *beside: str) -> Environment:
    """A new environment with the wheel, what it requires, and the distributions named in `beside`."""
    venv.create(directory, symlinks=True)
    environment = Environment(directory)
    (site,) = directory.glob("lib/python*/site-packages")
    for needed in _closure([*_requirements(wheel), *map(Requirement, beside)]):
        for name in {file.parts[0] for file in needed.files or ()} - {".."}:
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(needed.locate_file(name))))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(environment.python)]
    _run(*pip, "install", "--no-index", "--quiet", str(wheel), cwd=directory)
    return environment


def _requirements(wheel: Path) -> list[Requirement]:
    (metadata,) = Distribution.discover(name="stator", path=[str(wheel)])
    return [Requirement(line) for line in metadata.requires or ()]


def _closure(wanted: list[Requirement]) -> Iterator[Distribution]:
    """What is installed here of these requirements, and of theirs."""
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = wanted.pop()
        asked = (requirement.name.lower(), frozenset(requirement.extras))
        if asked in seen:
            continue
        seen.add(asked)
        found = distribution(requirement.name)
        yield found
        wanted += [
            needed
            for needed in map(Requirement, found.requires or ())
            if needed.marker is None
            or any(needed.marker.evaluate({"extra": extra}) for extra in (requirement.extras or {""}))
        ]


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, env=variables(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
