"""What ports/archive.py promises, as one suite for every adapter."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from stator.ports.archive import Archive, ObjectNotFoundError

Result = TypeVar("Result")


class ArchiveContract(ABC):
    """Subclass per adapter. `opened` runs a scenario on an archive in which nothing is stored yet below `prefix`."""

    prefix = "contract/"

    @abstractmethod
    def opened(self, scenario: Callable[[Archive], Awaitable[Result]]) -> Result: ...

    def test_an_object_put_is_got_back_byte_for_byte(self) -> None:
        data = bytes(range(256)) * 300

        async def scenario(archive: Archive) -> None:
            await archive.put(f"{self.prefix}a/b/c.seg", data)
            assert await archive.get(f"{self.prefix}a/b/c.seg") == data

        self.opened(scenario)

    def test_an_empty_object_is_an_object(self) -> None:
        async def scenario(archive: Archive) -> None:
            await archive.put(f"{self.prefix}empty", b"")
            assert await archive.get(f"{self.prefix}empty") == b""
            assert list(await archive.list(f"{self.prefix}empty")) == [f"{self.prefix}empty"]

        self.opened(scenario)

    def test_a_second_put_replaces_the_object_whole(self) -> None:
        async def scenario(archive: Archive) -> None:
            await archive.put(f"{self.prefix}head.json", b"long first version")
            await archive.put(f"{self.prefix}head.json", b"second")
            assert await archive.get(f"{self.prefix}head.json") == b"second"

        self.opened(scenario)

    def test_getting_a_missing_object_says_so(self) -> None:
        async def scenario(archive: Archive) -> None:
            with pytest.raises(ObjectNotFoundError):
                await archive.get(f"{self.prefix}never/put")

        self.opened(scenario)

    def test_list_gives_the_names_below_a_prefix_ascending(self) -> None:
        async def scenario(archive: Archive) -> None:
            for name in ("wal/2/b", "wal/10/a", "wal/1/c", "wal/1/a", "other/x"):
                await archive.put(self.prefix + name, b"-")
            assert list(await archive.list(f"{self.prefix}wal/1")) == [
                self.prefix + name for name in ("wal/1/a", "wal/1/c", "wal/10/a")
            ]
            assert list(await archive.list(f"{self.prefix}wal/1/")) == [
                self.prefix + name for name in ("wal/1/a", "wal/1/c")
            ]
            assert list(await archive.list(f"{self.prefix}nothing/")) == []

        self.opened(scenario)

    def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(self) -> None:
        async def scenario(archive: Archive) -> None:
            await archive.put(f"{self.prefix}gone", b"-")
            await archive.delete(f"{self.prefix}gone")
            await archive.delete(f"{self.prefix}gone")
            with pytest.raises(ObjectNotFoundError):
                await archive.get(f"{self.prefix}gone")
            assert list(await archive.list(f"{self.prefix}gone")) == []

        self.opened(scenario)

    def test_many_puts_at_once_all_arrive(self) -> None:
        async def scenario(archive: Archive) -> None:
            names = [f"{self.prefix}many/{number:03d}" for number in range(40)]
            await asyncio.gather(*(archive.put(name, name.encode() * 50) for name in names))
            assert list(await archive.list(f"{self.prefix}many/")) == names
            assert await asyncio.gather(*(archive.get(name) for name in names)) == [n.encode() * 50 for n in names]

        self.opened(scenario)
