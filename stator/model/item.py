"""An item and its image: the canonical DynamoDB-JSON bytes that log, views, indexes, change records and responses share.

An `Item` is DynamoDB's wire form, decoded: attribute name to one-member dict (`{"N": "1"}`). Its image has sorted names and no
white space, so equal items have equal images and GetItem can splice stored bytes into its answer.
"""

from typing import Any

import msgspec

Item = dict[str, dict[str, Any]]

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(dict[str, dict[str, Any]])


def encode_image(item: Item) -> bytes:
    """The canonical bytes of a normalised item (`model/attributes.py` normalises what clients send)."""
    return _encoder.encode(item)


def decode_image(image: bytes) -> Item:
    """The item that an image stands for."""
    return _decoder.decode(image)
