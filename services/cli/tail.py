"""`stator tail`: a table's changes as they happen, or since an instant."""

import sys
import time
from dataclasses import dataclass

import msgspec
from rich.console import Console

from .api_client import ApiClient, ApiError, RefusedError, UnreachableError
from .change_lines import change_line
from .instants import instant
from .stream_reader import Record, StreamOffError, StreamReader, stream_of

POLL_S = 0.25
LOOK_S = 10.0
"""How often shards are looked for that have come since."""
AWAY_S = 1.0
"""Between attempts to reach a server that went away."""
_PASSING = frozenset({"InternalServerError", "ServiceUnavailable", "ThrottlingException", "LimitExceededException"})

_SWITCH_ON = (
    "aws dynamodb update-table --table-name {table} --endpoint-url {endpoint}"
    " --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TailOptions:
    """What to show and how."""

    table: str
    endpoint: str
    since: str | None
    as_json: bool
    keys_only: bool
    follow: bool


def tail(options: TailOptions) -> int:
    """Print changes until interrupted, or until there are no more if not following; the exit code."""
    try:
        since_s = None if options.since is None else instant(options.since, time.time())  # noqa: TID251 - a person's now
        client = ApiClient(options.endpoint)
        reader = StreamReader(client, stream_of(client, options.table), from_start=since_s is not None)
        _Tail(options, reader, since_s or 0.0).run()
    except StreamOffError as error:
        hint = _SWITCH_ON.format(table=options.table, endpoint=options.endpoint)
        sys.stderr.write(f"stator: {error}; switch it on: {hint}\n")
        return 1
    except (ApiError, ValueError) as error:
        sys.stderr.write(f"stator: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class _Tail:
    def __init__(self, options: TailOptions, reader: StreamReader, since_s: float) -> None:
        self._options = options
        self._reader = reader
        self._since_s = since_s
        self._console = Console(highlight=False, soft_wrap=True)
        self._looked_at = float("-inf")
        self._away = False

    def run(self) -> None:
        """Poll until the stream ends, or until there is nothing more if not following."""
        self._reader.look()  # the first time, trouble is told and ends it
        self._looked_at = time.monotonic()  # noqa: TID251 - a terminal command lives in real time
        while True:
            records = self._round()
            for record in records:
                self._show(record)
            if not records:
                if self._reader.ended:
                    sys.stderr.write(
                        f"stator: the stream of {self._options.table} was switched off; this was all of it\n"
                    )
                    return
                if self._reader.searched and not self._options.follow:
                    return
                time.sleep(AWAY_S if self._away else POLL_S)  # noqa: TID251

    def _round(self) -> list[Record]:
        try:
            if time.monotonic() - self._looked_at > LOOK_S:  # noqa: TID251
                self._reader.look()
                self._looked_at = time.monotonic()  # noqa: TID251
            records = self._reader.read()
        except UnreachableError as error:
            self._pause(str(error))
            return []
        except RefusedError as error:
            if error.kind not in _PASSING:
                raise
            self._pause(str(error))
            return []
        if self._away:
            self._away = False
            sys.stderr.write("stator: it answers again\n")
        return records

    def _pause(self, reason: str) -> None:
        if not self._options.follow:
            raise ApiError(reason)
        if not self._away:
            self._away = True
            sys.stderr.write(f"stator: {reason}; waiting for it\n")

    def _show(self, record: Record) -> None:
        if record["dynamodb"]["ApproximateCreationDateTime"] < int(self._since_s):  # the stream tells whole seconds
            return
        if self._options.as_json:
            shown = record["dynamodb"]["Keys"] if self._options.keys_only else record
            sys.stdout.buffer.write(msgspec.json.encode(shown) + b"\n")
            sys.stdout.buffer.flush()
        else:
            self._console.print(change_line(record, keys_only=self._options.keys_only))
