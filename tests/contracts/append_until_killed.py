"""The victim of the kill -9 test: appends as fast as it can and prints `log offset` for every report it gets.

Run with a data directory; three logs, eight appends in flight each, until somebody ends the process.
"""

import asyncio
import os
import sys
from hashlib import blake2b
from pathlib import Path

from stator.adapters.log_lmdb import LmdbLog
from stator.model.errors import LogError
from stator.model.positions import LogId, Offset

LOGS = [LogId(1), LogId(2), LogId(3)]
IN_FLIGHT = 8


def message(log_id: LogId, number: int) -> bytes:
    """Bytes of varied length that show any tear: a hash, and stuffing made from it."""
    digest = blake2b(b"%d/%d" % (log_id, number), digest_size=16).digest()
    return digest * (1 + digest[0])


def is_whole(log_id: LogId, data: bytes, number: int) -> bool:
    """Whether these are the bytes of that message."""
    return data == message(log_id, number)


async def main(directory: Path) -> None:
    log = LmdbLog(directory)
    await log.create(LOGS)

    def go_on(log_id: LogId, number: int) -> None:
        def report(offset: Offset | None, error: LogError | None) -> None:
            assert error is None
            assert offset == number
            os.write(1, b"%d %d\n" % (log_id, number))
            go_on(log_id, number + IN_FLIGHT)

        log.append(log_id, message(log_id, number), report)

    for log_id in LOGS:
        end = await log.end(log_id)
        for number in range(end, end + IN_FLIGHT):
            go_on(log_id, number)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
