"""Counts what requests cost and how they ended, under CloudWatch's names.

On the path of every request, so everything is looked up once per table and operation and then kept: half a microsecond a
request. A request for a table that does not exist is counted under no table: clients must not be able to make up series.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from stator.model.tables import Table, Throughput
from stator.runtime.catalog import Catalog
from stator.runtime.meters import Counter, Meters, Reading
from stator.runtime.metric_names import (
    CONDITIONS_FAILED,
    PROVISIONED_READ,
    PROVISIONED_WRITE,
    READ_UNITS,
    REQUEST_DURATION,
    RETURNED_BYTES,
    RETURNED_ITEMS,
    RETURNED_RECORDS,
    SYSTEM_ERRORS,
    THROTTLED,
    USER_ERRORS,
    WRITE_UNITS,
)

from .http_messages import Response, Usage

_NO_TABLE = ""
_RETRY_SLOWER = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"})


class Accounts:
    """The meters of one router."""

    def __init__(self, meters: Meters, catalog: Catalog, monotonic: Callable[[], float]) -> None:
        self._meters = meters
        self._catalog = catalog
        self._monotonic = monotonic
        self._accounts: dict[tuple[str, str], Account] = {}
        self._units: dict[tuple[str, str], tuple[Counter, Counter]] = {}
        self._shown: dict[tuple[str, str], tuple[Counter, Counter]] = {}
        catalog.watchers.append(self._changed)
        meters.gauge(PROVISIONED_READ, lambda: self._provisioned(lambda throughput: throughput.read))
        meters.gauge(PROVISIONED_WRITE, lambda: self._provisioned(lambda throughput: throughput.write))

    def now(self) -> float:
        """When a request came, for `settle`."""
        return self._monotonic()

    def settle(
        self, operation: str, request: dict[str, Any], began_at: float, answer: "Response | asyncio.Future[Response]"
    ) -> None:
        """Count a request once it is answered."""
        name = request.get("TableName", _NO_TABLE)
        account = self._accounts.get((operation, name)) or self._open(operation, name)
        if isinstance(answer, Response):
            account.count(self._monotonic() - began_at, answer)
        elif answer.done():
            self._answered(account, began_at, answer)
        else:
            answer.add_done_callback(partial(self._answered, account, began_at))

    def _answered(self, account: "Account", began_at: float, answer: "asyncio.Future[Response]") -> None:
        if answer.cancelled() or answer.exception() is not None:
            account.system_errors.add()
        else:
            account.count(self._monotonic() - began_at, answer.result())

    def charge(self, operation: str, usage: Usage) -> None:
        """Add what a request used of a table or an index: a batch names several."""
        units = self._units.get((usage.table, usage.index)) or self._open_units(usage.table, usage.index)
        units[0].value += usage.read_units
        units[1].value += usage.write_units
        if usage.items or usage.records:
            shown = self._shown.get((operation, usage.table)) or self._open_shown(operation, usage.table)
            shown[0].value += usage.items
            shown[1].value += usage.records

    def _open(self, operation: str, name: str) -> "Account":
        known = self._known(name)
        if (operation, known) not in self._accounts:
            self._accounts[operation, known] = Account(self._meters, operation, known, self.charge)
        return self._accounts[operation, known]

    def _known(self, table: str) -> str:
        """Whom to count for: streams of deleted tables are read too."""
        return table if self._catalog.table(table) is not None else _NO_TABLE

    def _open_units(self, name: str, index: str) -> tuple[Counter, Counter]:
        table = self._known(name)
        units = self._meters.counter(READ_UNITS, table, index), self._meters.counter(WRITE_UNITS, table, index)
        self._units[table, index] = units
        return units

    def _open_shown(self, operation: str, name: str) -> tuple[Counter, Counter]:
        table = self._known(name)
        shown = self._meters.counter(RETURNED_ITEMS, table, operation), self._meters.counter(RETURNED_RECORDS, table)
        self._shown[operation, table] = shown
        return shown

    def _changed(self, before: Table | None, after: Table | None) -> None:
        if before is not None and after is None:
            self._accounts = {key: account for key, account in self._accounts.items() if key[1] != before.name}
            self._units = {key: units for key, units in self._units.items() if key[0] != before.name}
            self._shown = {key: shown for key, shown in self._shown.items() if key[1] != before.name}
            self._meters.forget("table", before.name)

    def _provisioned(self, units: Callable[[Throughput], int]) -> list[Reading]:
        tables = [held.table for held in self._catalog.tables.values() if not held.table.on_demand]
        return [
            Reading((table.name, index), units(throughput))
            for table in tables
            for index, throughput in (
                ("", table.throughput),
                *((index.name, index.throughput) for index in table.indexes),
            )
        ]


class Account:
    """One operation on one table."""

    def __init__(self, meters: Meters, operation: str, table: str, charge: Callable[[str, Usage], None]) -> None:
        self.system_errors = meters.counter(SYSTEM_ERRORS, table, operation)
        self._duration = meters.distribution(REQUEST_DURATION, table, operation)
        self._bytes = meters.counter(RETURNED_BYTES, table, operation)
        self._conditions_failed = meters.counter(CONDITIONS_FAILED, table)
        self._throttled = meters.counter(THROTTLED, table, operation)
        self._user_errors = meters.counter(USER_ERRORS, operation)
        self._charge = partial(charge, operation)

    def count(self, duration_s: float, response: Response) -> None:
        """One answer has left. `duration_s` is what the client waited for us."""
        if response.error:
            self._count_error(response)
            return
        self._duration.observe(duration_s)
        body = response.body
        self._bytes.value += len(body) if isinstance(body, bytes) else sum(map(len, body))
        for usage in response.usage:
            self._charge(usage)

    def _count_error(self, response: Response) -> None:
        if response.error == "ConditionalCheckFailedException":
            self._conditions_failed.add()
        elif response.error in _RETRY_SLOWER:
            self._throttled.add()
        elif response.status >= 500:
            self.system_errors.add()
        else:
            self._user_errors.add()
