"""Releases that follow one another read each other's logs; one that skipped a release says so and stops."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stator.codec.schemas import HELD_BACK, Schemas
from stator.model.errors import DamagedDataError

FOLDER = Path(__file__).parents[3] / "schemas"
EFFECT: dict[str, Any] = {
    "key": b"key",
    "old": None,
    "new": b"{}",
    "timestamp_us": 7,
    "request_id": "id-1",
    "origin": "",
}


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The schemas of a later release: effects have one more field."""
    folder = tmp_path / "schemas"
    shutil.copytree(FOLDER, folder)
    schema = json.loads((FOLDER / "effects" / "v1.avsc").read_text())
    schema["fields"][0]["type"]["items"]["fields"].append({"name": "cause", "type": "string", "default": "unknown"})
    (folder / "effects" / "v2.avsc").write_text(json.dumps(schema))
    return folder


def handed_over(writer: Schemas, reader: Schemas, **more: Any) -> dict[str, Any]:
    """What `reader` makes of an effect that `writer` wrote."""
    payload = writer.encode("effects", {"effects": [EFFECT | more]})
    (effect,) = reader.decode("effects", writer.written("effects").fingerprint, payload)["effects"]
    assert isinstance(effect, dict)
    return effect


def test_releases_that_follow_one_another_read_each_others_logs_in_both_directions(later: Path) -> None:
    first = Schemas(FOLDER, HELD_BACK)
    second = Schemas(later, {"effects": 1})
    third = Schemas(later, {})
    assert handed_over(first, second) == EFFECT | {"cause": "unknown"}
    assert handed_over(second, first, cause="a test") == EFFECT
    assert handed_over(second, third, cause="a test") == EFFECT | {"cause": "unknown"}
    assert handed_over(third, second, cause="a test") == EFFECT | {"cause": "a test"}
    assert handed_over(first, third) == EFFECT | {"cause": "unknown"}


def test_a_release_that_does_not_know_a_schema_stops_and_says_why(later: Path) -> None:
    with pytest.raises(DamagedDataError, match="does not know: a newer one wrote it"):
        handed_over(Schemas(later, {}), Schemas(FOLDER, HELD_BACK), cause="a test")


def test_a_payload_is_not_read_as_another_kind_of_payload() -> None:
    release = Schemas(FOLDER, HELD_BACK)
    with pytest.raises(DamagedDataError, match="where claim was due"):
        release.decode("claim", release.written("effects").fingerprint, b"")
