"""What `stator status` and `stator doctor` print, given what a server tells."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import msgspec
import pytest

from services.cli.doctor import examine
from services.cli.quantities import counted, size, span
from services.cli.status import show_status
from stator.rules.status import NodeStatus, Status
from tests.unit.cli.states import WELL, changed, node, partition
from tests.unit.cli.stub_server import Quiet, stub_server


@contextmanager
def serving(status: Status | None, *, name: str = "Stator", clock_ahead_s: float = 0.0) -> Iterator[str]:
    """API and admin port in one; without a status it is a process that tells only of itself."""

    class Handler(Quiet):
        def version_string(self) -> str:
            return name

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + clock_ahead_s)

        def do_GET(self) -> None:  # noqa: N802 http.server's name
            body = b'["leader-1"]' if status is None else msgspec.json.encode(status)
            self.answer(200, body)

    with stub_server(Handler) as address:
        yield address


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> "Ask":
    return Ask(capsys)


class Ask:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def status(self, status: Status | None, table: str | None = None, *, as_json: bool = False) -> Said:
        with serving(status) as address:
            return self._said(show_status(table, address, address, as_json=as_json))

    def doctor(self, status: Status | None, *, name: str = "Stator", clock_ahead_s: float = 0.0) -> Said:
        with serving(status, name=name, clock_ahead_s=clock_ahead_s) as address:
            return self._said(examine(address, address))

    def _said(self, code: int) -> Said:
        captured = self._capsys.readouterr()
        return Said(code, captured.out, captured.err)


HERE = changed(WELL, version=version("stator"), nodes=[changed(one, version=version("stator")) for one in WELL.nodes])


def test_all_tables_and_processes_are_shown(ask: Ask) -> None:
    said = ask.status(WELL)
    assert said.code == 0
    assert "a cluster of 6 processes; 6 answer" in said.out
    (row,) = [line.split() for line in said.out.splitlines() if line.startswith("Notes")]
    assert row == ["Notes", "ACTIVE", "1,200", "33.8", "KiB", "1", "ByTag", "NEW_IMAGE", "expires"]


def test_who_decides_about_transactions_is_shown_where_there_were_any(ask: Ask) -> None:
    line = "Transactions: leader-2 leads the ledger, which holds 1,200 items"
    assert line in ask.status(WELL).out.splitlines()
    partitions = [changed(WELL.tables[0].partitions[0], undecided=2, undecided_s=3.0)]
    undecided = changed(WELL, tables=[changed(WELL.tables[0], partitions=partitions)])
    assert f"{line}; undecided in 1 partition, for 3.0 s at most" in ask.status(undecided).out.splitlines()
    unused = changed(WELL, ledger=changed(WELL.ledger, items=0))
    assert "Transactions" not in ask.status(unused).out
    assert "Nobody leads the ledger" in ask.status(changed(unused, ledger=partition(99_999_999, None))).out


def test_a_standalone_server_is_one_line_and_its_tables(ask: Ask) -> None:
    alone = changed(
        WELL, kind="standalone", nodes=[node("standalone-1")], tables=[], ledger=changed(WELL.ledger, items=0)
    )
    said = ask.status(alone)
    assert said.out.splitlines() == ["Stator 1.0, standalone; data in /data, 5.0 GiB free", "No tables yet."]


def test_trouble_is_seen_at_a_glance(ask: Ask) -> None:
    leaderless = changed(WELL.tables[0].partitions[0], leader=None)
    table = changed(WELL.tables[0], partitions=[leaderless])
    said = ask.status(changed(WELL, tables=[table], nodes=[NodeStatus("leader-2", "leader")]))
    assert "1, 1 without a leader" in said.out
    assert "leader-2  silent" in said.out


def test_one_table_is_shown_with_everything_that_follows_it(ask: Ask) -> None:
    said = ask.status(WELL, "Notes")
    assert said.code == 0
    for fact in (
        "1,200 items, 33.8 KiB",
        "any moment of the last 35 days",
        "stator.changes.Notes.2026",
        "0000..ffff",
        "leader-2 ✓",
        "archiver-1 40 behind (9.0 s)",
        "index ByTag  tag (S), ALL; 1,200 items, up to date",
    ):
        assert fact in said.out


def test_json_is_what_the_server_told(ask: Ask) -> None:
    assert msgspec.json.decode(ask.status(WELL, as_json=True).out, type=Status) == WELL
    assert msgspec.json.decode(ask.status(WELL, "Notes", as_json=True).out)["name"] == "Notes"


def test_a_wrong_table_is_told_with_those_there_are(ask: Ask) -> None:
    said = ask.status(WELL, "Nope")
    assert (said.code, said.err) == (1, "stator: there is no table 'Nope'; there are: Notes\n")


def test_a_process_that_knows_only_itself_is_no_place_to_ask(ask: Ask) -> None:
    said = ask.status(None)
    assert said.code == 1
    assert "ask a router's admin port" in said.err
    assert said.err.count("\n") == 1


def test_nobody_at_the_admin_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_status(None, "http://127.0.0.1:9", None, as_json=False) == 1
    said = capsys.readouterr().err
    assert said.startswith("stator: http://127.0.0.1:11 does not answer")
    assert said.count("\n") == 1


def test_the_doctor_finds_nothing_wrong_with_a_well_deployment(ask: Ask) -> None:
    said = ask.doctor(HERE)
    assert said.out.endswith("All is well.\n")
    assert said.code == 0


def test_the_doctor_says_what_is_wrong_and_what_to_do(ask: Ask) -> None:
    said = ask.doctor(changed(HERE, catalog=partition(0, None)))
    assert said.code == 1
    assert "✗ nobody leads the catalog" in said.out
    assert "→ start a leader process" in said.out


def test_the_doctor_notices_another_server_on_the_port(ask: Ask) -> None:
    said = ask.doctor(HERE, name="Jetty(12.0.14)")
    assert said.code == 1
    assert "is answered by something else (Jetty(12.0.14))" in said.out


@pytest.mark.parametrize(("ahead_s", "side"), [(3600.0, "ahead of"), (-3600.0, "behind")])
def test_the_doctor_compares_the_servers_clock_with_ours(ask: Ask, ahead_s: float, side: str) -> None:
    said = ask.doctor(HERE, clock_ahead_s=ahead_s)
    assert said.code == 1
    assert f"the server's clock is 60 min {side} this machine's" in said.out


def test_the_doctor_notices_a_command_of_another_version(ask: Ask) -> None:
    assert "the server of 1.0" in ask.doctor(WELL).out


def test_the_doctor_says_where_it_looked_when_nobody_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert examine("http://127.0.0.1:9", None) == 1
    assert "✗ http://127.0.0.1:9 does not answer" in capsys.readouterr().out


def test_quantities_read_as_people_read_them() -> None:
    assert [size(count) for count in (0, 1023, 1024, 1536, 5 << 40)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 KiB",
        "5.0 TiB",
    ]
    assert [span(seconds) for seconds in (0.25, 119, 600, 7300, 200_000)] == [
        "0.2 s",
        "119.0 s",
        "10 min",
        "2 h",
        "2 d",
    ]
    assert [counted(number, "item") for number in (0, 1, 1204)] == ["0 items", "1 item", "1,204 items"]
    assert counted(2, "process") == "2 processes"
