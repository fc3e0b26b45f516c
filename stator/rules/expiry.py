"""When an item's time to live is over. Pure: views order items by it, the sweep and the leader's decision ask it again.

Not to break: an item goes only if its *newest* image says that it is due, so the leader decides by `due` and not by what a view
said. Source: AWS developer guide, "Using time to live (TTL) in DynamoDB".
"""

from stator.model.item import Item

FORGIVEN_S = 5 * 365 * 24 * 3600
"""Items that expired longer ago than five years are left alone: a guard against attributes that never were an expiry."""

_DIGITS_MAX = 18


def expires_at_s(item: Item, attribute: str) -> int | None:
    """The first whole second since 1970 in which the item is due, or None when it never is: the attribute must be a number and not
    negative. What has more digits than any clock is no instant.
    """
    second, _, fraction = item.get(attribute, {}).get("N", "").partition(".")
    if len(second) > _DIGITS_MAX or not second.isdecimal():
        return None
    return int(second) + bool(fraction)


def due(item: Item, attribute: str, now_s: int) -> bool:
    """Whether the item is to be deleted at this second."""
    expires_s = expires_at_s(item, attribute)
    return expires_s is not None and oldest_due_s(now_s) <= expires_s <= now_s


def oldest_due_s(now_s: int) -> int:
    """The earliest expiry that still counts."""
    return max(0, now_s - FORGIVEN_S)
