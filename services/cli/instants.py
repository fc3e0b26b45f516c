"""Instants as people type them."""

import re
from datetime import UTC, datetime

_AGO = re.compile(r"-(\d+(?:\.\d+)?)([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SECONDS = re.compile(r"\d{9,10}(\.\d+)?")
"""Seconds since 1970, of the years 1973 to 2286: shorter numbers would be taken for years by people, and by ISO 8601."""


def instant(text: str, now_s: float) -> float:
    """Seconds since 1970 of an ISO 8601 instant (UTC if it names no zone), of seconds since 1970, or of so long ago (`-10m`).

    Raises ValueError, with a sentence for the person who typed it, for anything else.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_s - float(ago[1]) * _UNIT_S[ago[2]]
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not an instant such as 2026-11-21T05:00:00.250Z, 1795237200 (seconds since 1970) or -10m (ago)"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
