"""The fenced blocks of a page, and how each is run: as a reader would who copies them one after the other.

* `python` is executed; all blocks of a page share their names. `sh` is a script for bash that must succeed.
* A block whose first line is a comment with a file's name is written to that file.
* `text` behind a block is what that block prints; `...` stands for anything, as in doctest.
* A block under `<!-- not run: reason -->` is left out; the test counts them.
"""

import contextlib
import doctest
import gc
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPT_S = 120.0

_FENCED = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")


@dataclass(frozen=True, slots=True)
class Snippet:
    """One block; `place` is where a person finds it."""

    place: str
    language: str
    text: str
    not_run: str | None


def snippets_of(page: Path) -> list[Snippet]:
    """All blocks of a page, in order."""
    text = page.read_text()
    return [
        Snippet(
            place=f"{page.relative_to(ROOT)}, line {text.count(chr(10), 0, found.start('language')) + 1}",
            language=found["language"],
            text=found["text"],
            not_run=found["reason"],
        )
        for found in _FENCED.finditer(text)
    ]


class Reader:
    """Somebody who follows a page in a directory of their own that looks like a checkout."""

    def __init__(self, directory: Path, addresses: Mapping[str, str]) -> None:
        """`addresses` maps what pages say, as `localhost:8000`, to where it is in this test."""
        self._directory = directory
        self._addresses = addresses
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""
        for name in (".venv", "examples", "schemas"):
            (directory / name).symlink_to(ROOT / name)

    def follow(self, snippet: Snippet) -> None:
        """Do what the block says; AssertionError with its place when it does not work."""
        text = snippet.text
        for said, real in self._addresses.items():
            text = text.replace(said, real)
        file = _FILE.match(text)
        if snippet.language == "text":
            self._compare(text, snippet.place)
        elif file:
            (self._directory / file[1]).write_text(text)
        elif snippet.language == "python":
            self._printed = self._execute(text, snippet.place)
        elif snippet.language == "sh":
            self._printed = self._script(text, snippet.place)
        else:
            raise AssertionError(f"{snippet.place}: nobody knows how to run {snippet.language!r}")

    def close(self) -> None:
        """Pages do not close what they open; whoever copies them ends the process."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            self._names.clear()
            gc.collect()

    def _execute(self, text: str, place: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.chdir(self._directory):
            exec(compile(text, place, "exec"), self._names)
        return printed.getvalue()

    def _script(self, text: str, place: str) -> str:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self._directory,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=SCRIPT_S,
        )
        assert ran.returncode == 0, f"{place}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def _compare(self, expected: str, place: str) -> None:
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        same = doctest.OutputChecker().check_output(expected, self._printed, flags)
        assert same, f"{place}: expected\n{expected}\nbut printed was\n{self._printed}"


@contextmanager
def reader(directory: Path, addresses: Mapping[str, str]) -> Iterator[Reader]:
    """A reader for the time of a `with`."""
    somebody = Reader(directory, addresses)
    try:
        yield somebody
    finally:
        somebody.close()
