"""What an accepted record does to a view. The only reader of records' meaning: leader, materializer, restore and scrub all
call this, so that they agree.
"""

from hashlib import blake2b

_DIGEST_MODULUS = 1 << 128


def item_digest(key: bytes, image: bytes) -> int:
    """One item's share of a view's digest: BLAKE2b-128 of key and image."""
    state = blake2b(len(key).to_bytes(4, "big"), digest_size=16)
    state.update(key)
    state.update(image)
    return int.from_bytes(state.digest(), "big")


def digest_after(digest: int, key: bytes, old: bytes | None, new: bytes | None) -> int:
    """The view's digest once `old` under `key` has become `new`: an order-independent sum, so a set of items has one digest."""
    if old is not None:
        digest -= item_digest(key, old)
    if new is not None:
        digest += item_digest(key, new)
    return digest % _DIGEST_MODULUS
