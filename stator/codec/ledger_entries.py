"""Entries of the ledger as items of its log, as JSON: decisions under `decision/<txid>`, used tokens under `token/<token>`, and
under `floor/<log>` how far a log is closed.
"""

import msgspec

from stator.model.positions import LogId
from stator.rules.ledger import Decision, TokenUse

DECISIONS, TOKENS, _FLOORS = b"decision/", b"token/", b"floor/"


class Floor(msgspec.Struct, frozen=True):
    """All Prepares of a log up to `closed_us` of its time have ended."""

    closed_us: int


_encoder = msgspec.json.Encoder()
_decision_decoder = msgspec.json.Decoder(Decision)
_use_decoder = msgspec.json.Decoder(TokenUse)
_floor_decoder = msgspec.json.Decoder(Floor)


def decision_key(txid: bytes) -> bytes:
    """Where the decision about a transaction is."""
    return DECISIONS + txid


def token_key(token: str) -> bytes:
    """Where the last use of a token is."""
    return TOKENS + token.encode()


def encode_decision(decision: Decision) -> bytes:
    """A decision's image."""
    return _encoder.encode(decision)


def decode_decision(image: bytes) -> Decision:
    """The decision that an image stands for."""
    return _decision_decoder.decode(image)


def encode_use(use: TokenUse) -> bytes:
    """A used token's image."""
    return _encoder.encode(use)


def decode_use(image: bytes) -> TokenUse:
    """The use that an image stands for."""
    return _use_decoder.decode(image)


def floor_key(log_id: LogId) -> bytes:
    """Where it is noted how far a log is closed."""
    return _FLOORS + str(log_id).encode()


def encode_floor(closed_us: int) -> bytes:
    """A floor's image."""
    return _encoder.encode(Floor(closed_us))


def decode_floor(image: bytes) -> int:
    """The floor that an image stands for."""
    return _floor_decoder.decode(image).closed_us
