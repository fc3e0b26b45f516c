"""Avro schemas by name and version: `schemas/<name>/v<N>.avsc`, read once, found again by fingerprint.

Data never names a Python class; it carries the 64-bit Rabin fingerprint of the schema it was written with. A released
version's file never changes: a new version is a new file, and readers ship before writers.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import fastavro.schema
import msgspec


@dataclass(frozen=True, slots=True)
class Schema:
    """One released version."""

    name: str
    version: int
    parsed: Any
    fingerprint: int


@cache
def _all_schemas() -> dict[str, list[Schema]]:
    found: dict[str, list[Schema]] = {}
    for folder in sorted(files("stator").joinpath("schemas").iterdir(), key=lambda entry: entry.name):
        if not folder.is_dir():
            continue
        for file in folder.iterdir():
            raw = msgspec.json.decode(file.read_bytes())
            canonical = fastavro.schema.to_parsing_canonical_form(raw)
            fingerprint = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
            version = int(file.name.removeprefix("v").removesuffix(".avsc"))
            schema = Schema(folder.name, version, fastavro.parse_schema(raw), int.from_bytes(fingerprint, "little"))
            found.setdefault(folder.name, []).append(schema)
    for versions in found.values():
        versions.sort(key=lambda schema: schema.version)
    return found


@cache
def load_schema(name: str) -> Schema:
    """The newest version of a schema: what this code writes, and what it reads older data as."""
    return _all_schemas()[name][-1]


@cache
def _by_fingerprint() -> dict[int, Schema]:
    return {schema.fingerprint: schema for versions in _all_schemas().values() for schema in versions}


def schema_by_fingerprint(fingerprint: int) -> Schema | None:
    """The schema that data was written with, or None when this code has never heard of it."""
    return _by_fingerprint().get(fingerprint)
