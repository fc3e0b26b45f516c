"""`stator doctor`: looks at a deployment from outside and explains what is wrong with it."""

import http.client
import time
from email.utils import parsedate_to_datetime

from rich.console import Console
from rich.text import Text

from stator.runtime.version import version

from .api_client import ApiError, Page, exchange
from .diagnosis import Finding, diagnose
from .quantities import counted, span
from .status_client import fetch_status

CLOCK_APART_S = 5.0
"""The Date header has whole seconds. AWS's SDKs bear five minutes, but an instant read off this machine's clock and given to a
restore should mean what it says."""


def examine(endpoint: str, admin: str | None) -> int:
    """Print what was looked at and what was found; 0 when all is well, else 1."""
    console = Console(highlight=False, soft_wrap=True)
    findings = _look(console, endpoint, admin)
    for finding in findings:
        console.print(Text(f"✗ {finding.what}", style="red"))
        console.print(Text(f"  → {finding.remedy}"))
    if not findings:
        console.print(Text("All is well.", style="green"))
    return 1 if findings else 0


def _look(console: Console, endpoint: str, admin: str | None) -> list[Finding]:
    try:
        page = exchange(endpoint, "GET", "/")
    except ApiError as error:
        return [
            Finding(
                str(error),
                "start a server (stator serve), or say where it is: --endpoint or AWS_ENDPOINT_URL_DYNAMODB",
            )
        ]
    stranger = _stranger(endpoint, page)
    if stranger is not None:
        return [stranger]
    console.print(f"✓ {endpoint} answers, and is Stator")
    findings = list(_clocks(page))
    try:
        status = fetch_status(endpoint, admin)
    except ApiError as error:
        remedy = "without the admin port nothing more can be seen: start the server without --admin-port 0"
        return [*findings, Finding(str(error), remedy)]
    answering = sum(node.answers for node in status.nodes)
    console.print(
        f"✓ {answering} of {counted(len(status.nodes), 'process')} up; {counted(len(status.tables), 'table')}"
    )
    if status.version != version():
        findings.append(
            Finding(
                f"this command is of version {version()}, the server of {status.version}",
                "use the command that came with the server",
            )
        )
    return findings + diagnose(status)


def _stranger(endpoint: str, page: Page) -> Finding | None:
    server = page.headers.get("server", "an unnamed server")
    if server != "Stator":
        return Finding(
            f"{endpoint} is answered by something else ({server})",
            "stop it, or serve Stator on another port (stator serve --port) and give that as --endpoint",
        )
    if page.status != http.client.OK:
        return Finding(f"{endpoint} answers {page.status} to GET /", "see the server's log")
    return None


def _clocks(page: Page) -> list[Finding]:
    date = page.headers.get("date")
    if date is None:
        return []
    apart_s = parsedate_to_datetime(date).timestamp() - time.time()  # noqa: TID251 - the very clock in question
    if abs(apart_s) <= CLOCK_APART_S:
        return []
    side = "ahead of" if apart_s > 0 else "behind"
    return [
        Finding(
            f"the server's clock is {span(abs(apart_s))} {side} this machine's",
            "set the clocks (NTP): a restore to an instant goes by the server's, and SDKs refuse five minutes of difference",
        )
    ]
