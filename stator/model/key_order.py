"""Keys as bytes whose unsigned order is DynamoDB's order, for every legal key.

    item key    H128(partition key) | sort key                          at most 16 + 1,024 bytes
    index key   H128(index partition key) | grouped(index sort key) | H128(item key)
    local key   H128(partition key) | grouped(index sort key) | the item key's sort key

`H128` is BLAKE2b-128: items of one partition key lie together, in sort-key order, and partition keys spread evenly. The first
8 bytes are the partitioning token. Sort keys: strings as UTF-8, binaries as they are, numbers as below. `grouped` keeps the
order of a variable-length value that has something behind it; index keys stay under 1,978 bytes, LMDB engine 1's limit.
These bytes are in the log: they never change. (Local index keys are in views only: a change takes a new `FORMAT` in
`codec/view_values.py`.)
"""

from base64 import b64decode
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

HASH_BYTES = 16
TOKEN_BYTES = 8
TOKENS = 1 << (8 * TOKEN_BYTES)
"""Partitioning tokens run from 0 up to, not including, this."""

_GROUP = 8
_REST_BYTES = 512  # of a sort key behind another one; of a longer one the hash tells what is left
_ZERO = b"\x80"
_EXPONENT_BIAS = 130  # DynamoDB's smallest magnitude is 1E-130, the largest below 1E+126: 256 exponents, one byte
_COMPLEMENT = bytes(255 - byte for byte in range(256))


def number_bytes(text: str) -> bytes:
    """Order-preserving form of a DynamoDB number: sign, exponent, two digits a byte; at most 22 bytes.

    Positive: 0x81, exponent + 130, digits. Negative: 0x7F, then the complement of the positive form's rest and 0xFF, so that
    the longer of two numbers with equal leading digits is the smaller.
    """
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    plain = "".join(map(str, digits)).lstrip("0")
    if not plain:
        return _ZERO
    magnitude = exponent + len(plain) - 1
    plain = plain.rstrip("0")
    if len(plain) % 2:
        plain += "0"
    body = bytes([magnitude + _EXPONENT_BIAS]) + bytes.fromhex(plain)
    return b"\x7f" + body.translate(_COMPLEMENT) + b"\xff" if sign else b"\x81" + body


def key_bytes(value: Mapping[str, Any]) -> bytes:
    """The order-preserving bytes of one key attribute value, `{"S": …}`, `{"N": …}` or `{"B": base64}`."""
    ((kind, content),) = value.items()
    if kind == "S":
        return str(content).encode()
    if kind == "N":
        return number_bytes(content)
    assert kind == "B", kind
    return b64decode(content)


def hash128(data: bytes) -> bytes:
    """16 bytes that stand for a partition key (or a whole item key) in stored keys."""
    return blake2b(data, digest_size=HASH_BYTES).digest()


def item_key(partition: Mapping[str, Any], sort: Mapping[str, Any] | None) -> bytes:
    """Where an item lies in its table's views."""
    prefix = hash128(key_bytes(partition))
    return prefix if sort is None else prefix + key_bytes(sort)


def grouped(data: bytes) -> bytes:
    """Order-preserving and self-delimiting: groups of 8 bytes, zero-padded, each followed by how many of them count,
    9 when more groups follow. (MyRocks' and TiKV's memory-comparable form.)
    """
    out = bytearray()
    for start in range(0, len(data) + 1, _GROUP):
        group = data[start : start + _GROUP]
        more = start + _GROUP < len(data) or (len(group) == _GROUP and start + _GROUP == len(data))
        out += group.ljust(_GROUP, b"\0")
        out.append(_GROUP + 1 if more else len(group))
    return bytes(out)


def grouped_prefix(data: bytes) -> bytes:
    """What `grouped` of every value that begins with `data` begins with."""
    whole = len(data) - len(data) % _GROUP
    out = bytearray()
    for start in range(0, whole, _GROUP):
        out += data[start : start + _GROUP]
        out.append(_GROUP + 1)
    return bytes(out + data[whole:])


def index_key(partition: Mapping[str, Any], sort: Mapping[str, Any] | None, base_key: bytes) -> bytes:
    """Where an item's row lies in an index: ordered by the index's sort key; equal ones in no promised order."""
    prefix = hash128(key_bytes(partition))
    return prefix + (b"" if sort is None else grouped(key_bytes(sort))) + hash128(base_key)


def local_index_key(sort: Mapping[str, Any], base_key: bytes) -> bytes:
    """Where an item's row lies in a local index: beside those of its partition key, by the index's sort key, and items of equal
    ones by the table's. At most 1,705 bytes.
    """
    rest = base_key[HASH_BYTES:]
    if len(rest) > _REST_BYTES:
        rest = rest[:_REST_BYTES] + hash128(base_key)
    return base_key[:HASH_BYTES] + grouped(key_bytes(sort)) + rest


def token(key: bytes) -> int:
    """The partitioning token of a stored key."""
    return int.from_bytes(key[:TOKEN_BYTES], "big")


def after_prefix(prefix: bytes) -> bytes | None:
    """The smallest key greater than every key that starts with `prefix`; None when there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None
