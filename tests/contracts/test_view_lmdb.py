import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest
from structlog.testing import capture_logs

from stator.adapters.lmdb_environment import open_environment, translated
from stator.adapters.view_lmdb import LmdbViews
from stator.model.errors import DamagedDataError, StartupError
from stator.model.positions import LogPosition
from stator.ports.view import Change, Views
from tests.contracts.view_contract import BY_LIKES, ViewContract, at, contents, derived, lay_out, post, put, rows_due

MAP_BYTES = 256 * 1024 * 1024


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "views"


def opened(place: Path, boot_id: str = "this boot", map_bytes: int = MAP_BYTES) -> LmdbViews:
    return LmdbViews(place, map_bytes=map_bytes, boot_id=boot_id)


def left_behind(views: LmdbViews) -> None:
    """End as a killed process does: nothing synced, nothing marked."""
    for view in list(views._views.values()):
        view.close()
    views._lock.release()


@contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    """A disk that takes no file longer than this."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


class TestLmdbViews(ViewContract):
    @pytest.fixture(autouse=True)
    def _place(self, place: Path) -> None:
        self.place = place

    def open_views(self) -> Views:
        return opened(self.place)


def test_a_killed_process_s_views_are_kept_within_one_boot(place: Path) -> None:
    views = opened(place)
    views.open(1).apply([put(b"a")], at(1))
    left_behind(views)
    views = opened(place)
    assert views.open(1).position == at(1)
    views.close()


def test_after_a_crash_of_the_machine_all_views_come_back_empty(place: Path) -> None:
    views = opened(place, "first boot")
    views.open(1).apply([put(b"a")], at(1))
    left_behind(views)
    with capture_logs() as lines:
        views = opened(place, "second boot")
    assert [line["event"] for line in lines] == ["views_discarded"]
    assert views.open(1).position == LogPosition()
    assert contents(views.open(1)) == []
    views.close()


def test_a_machine_restarted_after_a_clean_close_keeps_its_views(place: Path) -> None:
    views = opened(place, "first boot")
    views.open(1).apply([put(b"a")], at(1))
    views.close()
    views = opened(place, "second boot")
    assert views.open(1).position == at(1)
    views.close()


def test_where_the_boot_has_no_name_only_a_clean_close_is_trusted(place: Path) -> None:
    views = opened(place, "")
    views.open(1).apply([put(b"a")], at(1))
    left_behind(views)
    views = opened(place, "")
    assert views.open(1).position == LogPosition()
    views.close()


def test_views_without_a_mark_are_discarded(place: Path) -> None:
    views = opened(place)
    views.open(1).apply([put(b"a")], at(1))
    views.close()
    (place / "boot.json").unlink()
    views = opened(place)
    assert views.open(1).position == LogPosition()
    views.close()


@pytest.mark.parametrize("damage", ["garbage", "cut", "other engine", "position"])
def test_a_damaged_view_is_discarded_and_others_are_kept(place: Path, damage: str) -> None:
    views = opened(place)
    for log_id in (1, 2):
        views.open(log_id).apply([put(b"%d" % number, b"x" * 300) for number in range(2_000)], at(7))
    views.close()
    file = place / "00000001" / "data.mdb"
    if damage == "garbage":
        file.write_bytes(b"\xa5" * 65_536)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:12_000])
    elif damage == "other engine":
        file.unlink()
        open_environment(file.parent, engine=0, map_bytes=MAP_BYTES, sub_databases=2, sync=True).close()
    else:
        env = open_environment(file.parent, engine=1, map_bytes=MAP_BYTES, sub_databases=2, sync=True)
        with env.begin(write=True) as txn:
            txn.put(b"position", b"\xc1", db=env.open_db(b"meta", txn))
        env.close()
    views = opened(place)
    with capture_logs() as lines:
        assert views.open(1).position == LogPosition()
    assert [(line["event"], line["log_id"]) for line in lines] == [("view_discarded", 1)]
    assert contents(views.open(1)) == []
    assert views.open(2).position == at(7)
    views.close()


@pytest.mark.parametrize("forge", [lambda value: value[:-1] + b"!", lambda value: value[:4], lambda _: b""])
def test_an_item_that_a_disk_changed_is_read_by_nobody(place: Path, forge: Callable[[bytes], bytes]) -> None:
    views = opened(place)
    view = views.open(1)
    lay_out(view, BY_LIKES)
    view.apply([post(b"a", 1), post(b"b", 2)], at(1))
    with view._env.begin(write=True, db=view._items) as txn:
        txn.put(b"b", forge(txn.get(b"b") or b""))
    assert view.get(b"a") is not None
    readings: list[Callable[[], object]] = [
        lambda: view.get(b"b"),
        lambda: list(view.scan(b"", None)),
        lambda: list(view.rows(b"", None)),
        lambda: contents(view),
        lambda: view.apply([post(b"b", 3)], at(2)),
    ]
    for read in readings:
        with pytest.raises(DamagedDataError, match="a stored item"):
            read()
    assert view.position == at(1)
    views.close()


def test_an_install_cut_short_by_a_kill_leaves_an_empty_view(place: Path) -> None:
    def killed_half_way() -> Iterator[Change]:
        yield from (put(b"%06d" % number, b"x" * 1_000) for number in range(10_000))
        view._env.close()  # what comes after is lost, and no exception handler of ours can run
        yield put(b"lost")

    views = opened(place)
    view = views.open(1)
    view.apply([put(b"old")], at(3))
    with pytest.raises(lmdb.Error):
        view.install(killed_half_way(), at(9))
    left_behind(views)
    views = opened(place)
    assert views.open(1).position == LogPosition()
    assert contents(views.open(1)) == []
    views.close()


def test_a_full_map_changes_nothing_and_later_applies_work(place: Path) -> None:
    views = opened(place, map_bytes=1024 * 1024)
    view = views.open(1)
    view.apply([put(b"a")], at(1))
    with pytest.raises(OSError, match="MAP_FULL"):
        view.apply([put(b"%d" % number, bytes(100_000)) for number in range(20)], at(2))
    assert view.position == at(1)
    assert [key for key, _ in contents(view)] == [b"a"]
    view.apply([put(b"b")], at(2))
    assert [key for key, _ in contents(view)] == [b"a", b"b"]
    views.close()


def test_a_full_disk_changes_nothing_and_later_applies_work(place: Path) -> None:
    views = opened(place)
    view = views.open(1)
    view.apply([put(b"a")], at(1))
    with file_size_limit(256 * 1024), pytest.raises(OSError, match="commit"):
        view.apply([put(b"%d" % number, bytes(100_000)) for number in range(20)], at(2))
    assert view.position == at(1)
    assert [key for key, _ in contents(view)] == [b"a"]
    view.apply([put(b"b")], at(2))
    assert [key for key, _ in contents(view)] == [b"a", b"b"]
    views.close()


def test_a_directory_has_one_process(place: Path) -> None:
    views = opened(place)
    with pytest.raises(StartupError, match=str(place)):
        opened(place)
    views.close()
    opened(place).close()


def test_a_file_in_place_of_the_directory_is_the_operator_s_business(tmp_path: Path) -> None:
    file = tmp_path / "views"
    file.write_text("")
    with pytest.raises(StartupError, match=str(file)):
        opened(file)


def test_the_longest_legal_keys_fit_and_a_longer_one_is_refused(place: Path) -> None:
    views = opened(place)
    view = views.open(1)
    view.apply([put(b"\xff" * 1_978)], at(1))
    assert view.get(b"\xff" * 1_978) is not None
    with pytest.raises(ValueError, match="BAD_VALSIZE"):
        view.apply([put(b"\xff" * 1_979)], at(2))
    assert view.position == at(1)
    views.close()


def test_many_views_are_open_at_once(place: Path) -> None:
    views = opened(place)
    for log_id in range(200):
        views.open(log_id).apply([put(b"k", b"%d" % log_id)], at(log_id))
    assert [views.open(log_id).position for log_id in range(200)] == [at(log_id) for log_id in range(200)]
    views.close()


def test_address_space_that_the_machine_refuses_is_halved(tmp_path: Path) -> None:
    env = open_environment(tmp_path / "env", engine=1, map_bytes=1 << 60, sub_databases=0, sync=False)
    assert env.info()["map_size"] < 1 << 60
    env.close()


def test_every_vendor_error_becomes_one_of_ours() -> None:
    vendor = [value for value in vars(lmdb).values() if isinstance(value, type) and issubclass(value, lmdb.Error)]
    assert len(vendor) > 20
    for kind in vendor:
        assert isinstance(translated(kind("what")), (OSError, ValueError, DamagedDataError)), kind
    assert isinstance(translated(lmdb.CorruptedError("page")), DamagedDataError)
    assert isinstance(translated(lmdb.MapFullError("map")), OSError)


_APPLY_UNTIL_KILLED = """
import sys
from pathlib import Path
from stator.adapters.view_lmdb import LmdbViews
from tests.contracts.view_contract import BY_LIKES, at, lay_out, post
view = LmdbViews(Path(sys.argv[1]), boot_id="this boot").open(1)
lay_out(view, BY_LIKES)
offset = view.position.next_offset
while True:
    offset += 1
    view.apply([post(b"%016d" % (number % 97), offset) for number in range(offset, offset + 20)], at(offset))
    print(offset, flush=True)
"""


def test_kill_9_loses_no_apply_and_leaves_items_rows_and_position_together(place: Path) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _APPLY_UNTIL_KILLED, str(place)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            reported = [int(process.stdout.readline()) for _ in range(150)]
            process.kill()
            reported += [int(line) for line in process.stdout.read().split("\n")[:-1]]
        views = opened(place)
        view = views.open(1)
        offset = view.position.next_offset
        assert reported[-1] <= offset <= reported[-1] + 1
        for number in range(offset, offset + 20):
            item = view.get(b"%016d" % (number % 97))
            assert item is not None
            assert item == post(b"", offset).item
        assert derived(view) == rows_due(view)
        left_behind(views)
