"""What the LMDB log and the LMDB views share: how an environment is opened, and what its errors mean to us.

Never WRITEMAP: a full disk would be a SIGBUS instead of an error. Never open one path twice in a process, never fork.
"""

from errno import EIO, ENOSPC
from pathlib import Path

import lmdb

from stator.model.errors import DamagedDataError

_MAP_BYTES_MIN = 64 * 1024 * 1024
_SPARE_TRANSACTIONS = 4

DAMAGED = (
    lmdb.BadChecksumError,
    lmdb.BadDbiError,
    lmdb.CorruptedError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
)
"""The file is not what we wrote. All other errors say something about the machine or about our calls."""


def open_environment(path: Path, *, engine: int, map_bytes: int, sub_databases: int, sync: bool) -> lmdb.Environment:
    """Open or create an environment in the directory `path`.

    `engine` 0 is LMDB 0.9, 1 is LMDB 1.0; their files differ. `map_bytes` is address space, not disk: it is halved
    while the machine refuses it. Raises lmdb.Error.
    """
    while True:
        try:
            return lmdb.open(
                str(path),
                map_size=map_bytes,
                max_dbs=sub_databases,
                sync=sync,
                metasync=sync,
                max_spare_txns=_SPARE_TRANSACTIONS,
                lib_version=engine,
            )
        except lmdb.MemoryError:
            if map_bytes <= _MAP_BYTES_MIN:
                raise
            map_bytes //= 2


def translated(error: lmdb.Error) -> Exception:
    """The error to raise instead.

    DamagedDataError for a damaged file, ValueError for a key that LMDB does not take, OSError for all else (map full,
    disk full or failing, no memory).
    """
    if isinstance(error, DAMAGED):
        return DamagedDataError(str(error))
    if isinstance(error, lmdb.BadValsizeError):
        return ValueError(str(error))
    if isinstance(error, lmdb.MapFullError):
        return OSError(ENOSPC, str(error))
    return OSError(getattr(error, "code", EIO), str(error))  # only errors raised by LMDB itself carry a code
