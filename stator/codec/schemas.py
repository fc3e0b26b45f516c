"""Avro schemas by name and version: `schemas/<name>/v<N>.avsc`, read once, found again by fingerprint.

Data never names a Python class; it carries the 64-bit Rabin fingerprint of the schema it was written with. A released version's
file never changes: a new version is a new file. Readers ship a release before writers, so that releases that follow one another
understand each other's logs in both directions (docs/upgrades.md): what this one only reads is in `HELD_BACK`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import Any

import fastavro
import fastavro.schema
import msgspec

from stator.model.errors import DamagedDataError

HELD_BACK: Mapping[str, int] = {}
"""Schemas whose newest version the release before this one cannot read, with the version that is written instead."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One version."""

    name: str
    version: int
    parsed: Any
    fingerprint: int


class Schemas:
    """All that one release knows, and which versions it writes."""

    def __init__(self, folder: Traversable, held_back: Mapping[str, int]) -> None:
        self._versions = {entry.name: _versions(entry) for entry in folder.iterdir() if entry.is_dir()}
        self._held_back = held_back
        self._by_fingerprint = {
            schema.fingerprint: schema for versions in self._versions.values() for schema in versions.values()
        }

    def newest(self, name: str) -> Schema:
        """What data of any version is read as."""
        versions = self._versions[name]
        return versions[max(versions)]

    def written(self, name: str) -> Schema:
        """What new data is written as."""
        return self._versions[name][self._held_back[name]] if name in self._held_back else self.newest(name)

    def by_fingerprint(self, fingerprint: int) -> Schema | None:
        """The schema that data was written with, or None when this release has never heard of it."""
        return self._by_fingerprint.get(fingerprint)

    def encode(self, name: str, datum: dict[str, Any]) -> bytes:
        """A payload. Fields that the written version does not have yet are left out."""
        out = BytesIO()
        fastavro.schemaless_writer(out, self.written(name).parsed, datum)
        return out.getvalue()

    def decode(self, name: str, fingerprint: int, payload: bytes) -> dict[str, Any]:
        """A payload's fields, those that its version did not have by their defaults. Raises DamagedDataError."""
        schema = self.by_fingerprint(fingerprint)
        if schema is None:
            raise DamagedDataError(
                f"{name} payload of schema {fingerprint:016x}, which this release does not know: a newer one wrote it"
            )
        if schema.name != name:
            raise DamagedDataError(f"payload of schema {schema.name} where {name} was due")
        try:
            datum = fastavro.schemaless_reader(BytesIO(payload), schema.parsed, self.newest(name).parsed)
        except (EOFError, ValueError, IndexError, UnicodeDecodeError) as error:
            raise DamagedDataError(f"{name} payload does not decode: {error}") from error
        assert isinstance(datum, dict)
        return datum


def _versions(folder: Traversable) -> dict[int, Schema]:
    found = {}
    for file in folder.iterdir():
        raw = msgspec.json.decode(file.read_bytes())
        canonical = fastavro.schema.to_parsing_canonical_form(raw)
        fingerprint = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
        version = int(file.name.removeprefix("v").removesuffix(".avsc"))
        schema = Schema(folder.name, version, fastavro.parse_schema(raw), int.from_bytes(fingerprint, "little"))
        found[version] = schema
    return found


@cache
def schemas() -> Schemas:
    """Those of this release."""
    return Schemas(files("stator").joinpath("schemas"), HELD_BACK)
