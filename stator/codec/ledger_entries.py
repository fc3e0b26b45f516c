"""Entries of the ledger as items of its log: decisions under `decision/<txid>`, used tokens under `token/<token>`, as JSON."""

import msgspec

from stator.rules.ledger import Decision, TokenUse

_encoder = msgspec.json.Encoder()
_decision_decoder = msgspec.json.Decoder(Decision)
_use_decoder = msgspec.json.Decoder(TokenUse)


def decision_key(txid: bytes) -> bytes:
    """Where the decision about a transaction is."""
    return b"decision/" + txid


def token_key(token: str) -> bytes:
    """Where the last use of a token is."""
    return b"token/" + token.encode()


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
