"""Position tokens: how far a client has seen the logs, in a form that it keeps and sends back.

    1.LOG-REACHED.LOG-REACHED…     the version, then of each log everything below REACHED; numbers in hexadecimal

The client takes it for an opaque string. It goes through headers and URLs as it is.
"""

import re

from stator.model.errors import ValidationError
from stator.model.positions import LogId, Offset

LOGS_MAX = 128
"""Logs in one token; those that were seen longest ago are left out. Keeps a token within the 4 KB that proxies allow."""

_TOKEN = re.compile(r"1(\.[0-9a-f]{1,16}-[0-9a-f]{1,16})*", re.ASCII)


def encode_positions(reached: dict[LogId, Offset]) -> str:
    """The token; of too many logs, the last in order."""
    parts = [f".{log_id:x}-{offset:x}" for log_id, offset in reached.items()]
    return "1" + "".join(parts[-LOGS_MAX:])


def encode_position(log_id: LogId, reached: Offset) -> str:
    """The token of a client that has seen one log: on the path of every PutItem."""
    return f"1.{log_id:x}-{reached:x}"


def decode_positions(given: str) -> dict[LogId, Offset]:
    """What a token says, or several with commas between them: of each log the furthest. Raises ValidationError."""
    reached: dict[LogId, Offset] = {}
    for token in given.split(","):
        text = token.strip()
        parts = text.split(".")[1:]
        if not _TOKEN.fullmatch(text) or len(parts) > LOGS_MAX:
            raise ValidationError(
                "The x-stator-position header must hold what an earlier answer of this server had in it, unchanged"
            )
        for part in parts:
            log, _, offset = part.partition("-")
            log_id = LogId(int(log, 16))
            reached[log_id] = max(reached.get(log_id, Offset(0)), Offset(int(offset, 16)))
    return reached
