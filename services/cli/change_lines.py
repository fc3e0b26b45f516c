"""One change, one line, for people: when, what, which item, and what is different."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from rich.text import Text

_STYLES = {"INSERT": "green", "MODIFY": "yellow", "REMOVE": "red"}
_VALUE_LENGTH_MAX = 80


def change_line(record: Mapping[str, Any], *, keys_only: bool) -> Text:
    """`12:01:33.000 MODIFY id="1"  likes: 3 → 4`. Which attributes it can show depends on the stream's view type."""
    change = record["dynamodb"]
    name = record["eventName"]
    moment = datetime.fromtimestamp(change["ApproximateCreationDateTime"]).astimezone()
    line = Text(f"{moment:%H:%M:%S} ")
    line.append(f"{name:6} ", style=_STYLES[name])
    line.append(" ".join(f"{key}={value_text(value)}" for key, value in change["Keys"].items()), style="bold")
    if record.get("userIdentity", {}).get("PrincipalId") == "dynamodb.amazonaws.com":
        line.append(" expired", style="dim")
    if not keys_only:
        for part in _differences(change):
            line.append(f"  {part}")
    return line


def _differences(change: Mapping[str, Any]) -> Iterator[str]:
    old, new = change.get("OldImage"), change.get("NewImage")
    if old is None or new is None:
        image = new if new is not None else old or {}
        yield from (f"{key}: {value_text(value)}" for key, value in image.items() if key not in change["Keys"])
        return
    for key in {**old, **new}:
        if key not in new:
            yield f"{key}: {value_text(old[key])} → gone"
        elif key not in old:
            yield f"{key}: → {value_text(new[key])}"
        elif plain(old[key]) != plain(new[key]):
            yield f"{key}: {value_text(old[key])} → {value_text(new[key])}"


def value_text(value: Mapping[str, Any]) -> str:
    """A DynamoDB value without its type tags, cut to a line's worth."""
    text = msgspec.json.encode(plain(value)).decode()
    return text if len(text) <= _VALUE_LENGTH_MAX else f"{text[:_VALUE_LENGTH_MAX]}…"


def plain(value: Mapping[str, Any]) -> Any:
    """`{"N": "1"}` → 1, `{"L": […]}` → […]: what the value means. Numbers stay exactly as they are written."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return msgspec.Raw(content.encode())
        case "NS":  # sets have no order, so they get one: another order is no difference
            return [msgspec.Raw(number.encode()) for number in sorted(content, key=Decimal)]
        case "SS" | "BS":
            return sorted(content)
        case "NULL":
            return None
        case "L":
            return [plain(part) for part in content]
        case "M":
            return {key: plain(part) for key, part in content.items()}
        case _:
            return content
