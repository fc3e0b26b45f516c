"""Whether files written without sync can be trusted: yes, unless the machine went down in between.

The page cache outlives a killed process but not the machine, and after a crash of the machine an unsynced file may be
torn in any way. So a mark, itself synced, says which boot wrote the files and whether they were synced since.
"""

import os
from pathlib import Path

import msgspec

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_boot() -> str:
    """Names the running boot of the machine; empty where the system does not tell, which never equals another."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class _Mark(msgspec.Struct):
    boot_id: str
    clean: bool


class BootMark:
    """The mark in one directory."""

    def __init__(self, file: Path, boot_id: str) -> None:
        self._file = file
        self._boot_id = boot_id

    def trusts_files(self) -> bool:
        """Whether what lies beside the mark is what was written. No mark, no trust."""
        try:
            mark = msgspec.json.decode(self._file.read_bytes(), type=_Mark)
        except (FileNotFoundError, msgspec.DecodeError):
            return False
        return mark.clean or bool(mark.boot_id and mark.boot_id == self._boot_id)

    def write(self, *, clean: bool) -> None:
        """Replace the mark, durably: before the first unsynced write, and after everything was synced."""
        written = self._file.with_suffix(".new")
        with written.open("wb") as file:
            file.write(msgspec.json.encode(_Mark(self._boot_id, clean)))
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
