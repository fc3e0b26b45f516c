"""What a view remembers of requests, so that a client that heard no answer and asks again is answered and not obeyed twice (R18).

The log remembers: an effect carries the id of its request. A view folds from that where each *token* was carried, for as long as
a retry may come. Nothing here may depend on more than the log says: whoever leads next has to recognise the same repeats.

A token is 16 bytes that stand for a request id and a scope: for the write of an item its key, so that one id may write many items;
for anything else a scope of its own, which no key can be (a transaction's client token: a byte string shorter than a hash).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from stator.model.positions import Offset, TimestampUs
from stator.model.records import Effect

WINDOW_US = 600 * 1_000_000
"""For how long a request is remembered, by the timestamps of the log. DynamoDB remembers the tokens of transactions for as long
(API reference, TransactWriteItems, "ClientRequestToken"); SDKs give up within seconds."""


class Carried(NamedTuple):
    """Where an effect lies: the `number`th (from 0) of the record at `offset`; and its timestamp."""

    timestamp_us: TimestampUs
    offset: Offset
    number: int


class Token(NamedTuple):
    """What a view remembers of an effect."""

    token: bytes
    carried: Carried


@lru_cache(maxsize=4096)  # asked some four times between a write's arrival and the view
def token_of(request_id: str, scope: bytes) -> bytes:
    """The token of one request."""
    state = blake2b(scope, digest_size=16)
    state.update(request_id.encode())
    return state.digest()


_TRANSACTION = "\x00"
"""Begins the request id of a transaction's effects, and no other: a client's come in HTTP headers, which cannot carry it."""
REQUEST_HASH_BYTES = 16
"""Exactly so many, or what follows the hash in a request id would be taken for another token."""
_HASH_DIGITS = 2 * REQUEST_HASH_BYTES


def transaction_request_id(client_token: str, request_hash: bytes) -> str:
    """What the effects of a transaction carry whose client gave it a token: also of which request."""
    return f"{_TRANSACTION}{request_hash.hex()}{client_token}"


def request_hash_in(request_id: str) -> bytes:
    """The hash in a transaction's request id."""
    return bytes.fromhex(request_id[len(_TRANSACTION) :][:_HASH_DIGITS])


def transaction_token_of(client_token: str) -> bytes:
    """The token of a transaction, whatever it is about."""
    return token_of(client_token, b"transaction")


def token_of_effect(effect: Effect) -> bytes:
    """The token of the request that an effect with a request id is due to."""
    if effect.request_id.startswith(_TRANSACTION):
        return transaction_token_of(effect.request_id[len(_TRANSACTION) + _HASH_DIGITS :])
    return token_of(effect.request_id, effect.key)


def tokens_of(effects: Sequence[Effect], offset: Offset) -> Iterator[Token]:
    """What is to be remembered of a record."""
    for number, effect in enumerate(effects):
        if effect.request_id:
            yield Token(token_of_effect(effect), Carried(effect.timestamp_us, offset, number))


def generation(timestamp_us: int) -> int:
    """Views forget by generations: this one and the one before hold all that is still to be remembered, and older ones go whole."""
    return timestamp_us // WINDOW_US


def remembered(carried: Carried, now_us: int) -> bool:
    """Whether what was carried then is still to be recognised."""
    return now_us - carried.timestamp_us <= WINDOW_US
