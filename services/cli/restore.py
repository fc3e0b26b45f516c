"""`stator restore`: start a restore on a running server and show how far it is."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from .api_client import ApiClient, ApiError
from .instants import instant
from .quantities import counted

_POLL_S = 0.1


def restore_table(source: str, target: str, at: str | None, endpoint: str) -> int:
    """Restore and wait; the exit code. Ctrl-C stops watching, not the restore."""
    try:
        request: dict[str, Any] = {"SourceTableName": source, "TargetTableName": target}
        if at is None:
            request["UseLatestRestorableTime"] = True
        else:
            request["RestoreDateTime"] = instant(at, time.time())  # noqa: TID251 - a person's now
        client = ApiClient(endpoint)
        client.call("RestoreTableToPointInTime", request)
        items = _watch(client, target)
    except (ApiError, ValueError) as error:
        sys.stderr.write(f"stator: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"stator: the restore of {target} goes on; watch it with DescribeTable\n")
        return 130
    moment = f"at {at}" if at else "a moment ago"
    sys.stdout.write(f"{target} is {source} as it was {moment}: {counted(items, 'item')}\n")
    return 0


def _watch(client: ApiClient, target: str) -> int:
    columns = (
        TextColumn("restoring {task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        shown = progress.add_task(target, total=None)
        while True:
            table = client.call("DescribeTable", {"TableName": target})["Table"]
            if table["TableStatus"] == "ACTIVE":
                progress.update(shown, total=1, completed=1)
                return int(table["ItemCount"])
            steps = table.get("RestoreSummary", {}).get("StatorProgress")
            if steps is not None:
                progress.update(shown, total=steps["Total"], completed=steps["Done"])
            time.sleep(_POLL_S)  # noqa: TID251 - a terminal command waits in real time
