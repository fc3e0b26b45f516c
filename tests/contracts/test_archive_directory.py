import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stator.adapters.archive_directory import DirectoryArchive
from stator.model.errors import StartupError
from stator.ports.archive import Archive
from tests.contracts.archive_contract import ArchiveContract, Result


class TestDirectoryArchive(ArchiveContract):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "archive"

    def opened(self, scenario: Callable[[Archive], Awaitable[Result]]) -> Result:
        async def run() -> Result:
            archive = DirectoryArchive(self.directory)
            try:
                return await scenario(archive)
            finally:
                archive.close()

        return asyncio.run(run())

    def test_a_file_that_a_crash_left_unfinished_is_no_object(self) -> None:
        async def scenario(archive: Archive) -> None:
            await archive.put("wal/1/a.seg", b"whole")
            (self.directory / "wal/1/b.seg.77-0.tmp").write_bytes(b"half")
            assert list(await archive.list("wal/1/")) == ["wal/1/a.seg"]

        self.opened(scenario)

    def test_objects_outlive_the_process(self) -> None:
        async def put(archive: Archive) -> None:
            await archive.put("wal/1/a.seg", b"whole")

        async def get(archive: Archive) -> bytes:
            return await archive.get("wal/1/a.seg")

        self.opened(put)
        assert self.opened(get) == b"whole"


def test_a_directory_that_is_a_file_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file")
    with pytest.raises(StartupError, match=r"archive directory .* cannot be written: [^\n]+$"):
        DirectoryArchive(tmp_path / "archive")
