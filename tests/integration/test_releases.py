"""Servers of three releases that follow one another, upgraded and rolled back on one data directory: each reads what others wrote.

The two later ones are this one with one more version of every schema, which the next release only reads, and the one after writes.
Views are deleted before each start, so that everything that was ever logged is folded again.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.notes_table import notes_table
from tests.standalone_server import StandaloneServer, dynamodb, standalone

SOURCE = Path(__file__).parents[2]
THIS, NEXT, AFTER = "this", "next", "after"


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By name, what PYTHONPATH begins with."""
    found = {THIS: ""}
    for name in (NEXT, AFTER):
        place = tmp_path_factory.mktemp(name)
        shutil.copytree(SOURCE / "stator", place / "stator")
        shutil.copytree(SOURCE / "services", place / "stator_services")
        held_back = {folder.name: add_version(folder) for folder in (place / "stator" / "schemas").iterdir()}
        module = place / "stator" / "codec" / "schemas.py"
        written, lines = re.subn(
            r"^(HELD_BACK: .* =) \{.*\}$",
            rf"\1 {json.dumps(held_back if name == NEXT else {})}",
            module.read_text(),
            flags=re.MULTILINE,
        )
        assert lines == 1
        module.write_text(written)
        found[name] = f"{place}{os.pathsep}"
    return found


def add_version(folder: Path) -> int:
    """Add a version with one more field; the number of the one before."""
    newest = max(int(file.stem[1:]) for file in folder.iterdir())
    schema = json.loads((folder / f"v{newest}.avsc").read_text())
    schema["fields"].append({"name": "of_a_later_release", "type": "string", "default": "unknown"})
    (folder / f"v{newest + 1}.avsc").write_text(json.dumps(schema))
    return newest


@contextmanager
def served(data: Path, release: str) -> Iterator[StandaloneServer]:
    shutil.rmtree(data / "views", ignore_errors=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", release + os.environ.get("PYTHONPATH", ""))
        with standalone(data) as server:
            yield server


def write(db: Any, turn: int) -> None:
    """A note, and two more in a transaction that is likely to be over two partitions."""
    notes = [{"id": {"S": f"{turn}-{number}"}, "by": {"S": "ada"}} for number in range(3)]
    db.put_item(TableName="Notes", Item=notes[0])
    db.transact_write_items(TransactItems=[{"Put": {"TableName": "Notes", "Item": note}} for note in notes[1:]])


def notes_in(db: Any, **read: Any) -> list[str]:
    return sorted(item["id"]["S"] for item in db.scan(TableName="Notes", **read)["Items"])


def test_servers_are_upgraded_and_rolled_back_on_one_directory_and_one_that_skips_a_release_leaves_it_alone(
    tmp_path: Path, releases: dict[str, str]
) -> None:
    data, expected = tmp_path / "data", list[str]()
    for turn, name in enumerate([NEXT, THIS, NEXT, AFTER, NEXT]):
        with served(data, releases[name]) as server:
            db = dynamodb(server.endpoint, attempts=3)
            if not turn:
                db.create_table(**notes_table(partitions=3))
            assert notes_in(db, ConsistentRead=True) == expected, (turn, name)
            assert notes_in(db, IndexName="by-author") == expected, (turn, name)
            write(db, turn)
            expected += [f"{turn}-{number}" for number in range(3)]
            db.close()
    with served(data, releases[THIS]) as server:
        db = dynamodb(server.endpoint)
        for ask in (notes_in, partial(write, turn=9)):
            with pytest.raises(ClientError, match="which this release does not know: a newer one wrote it"):
                ask(db)
        db.close()
    with served(data, releases[AFTER]) as server:
        db = dynamodb(server.endpoint)
        assert notes_in(db, ConsistentRead=True) == expected
        db.close()
