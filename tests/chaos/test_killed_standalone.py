"""A standalone server that is killed again and again tells clients nothing that one which never died would not have told them."""

import time
from pathlib import Path

from tests.chaos.load import Load
from tests.standalone_server import standalone

KILLS = 8
LOAD_S = 0.7


def test_histories_over_kills_are_those_of_one_copy_that_does_one_thing_at_a_time(
    tmp_path: Path, seed: int, times: int
) -> None:
    with standalone(tmp_path / "data") as server:
        load = Load(server.endpoint, server.port, seed)
        with load.running():
            for _ in range(KILLS * times):
                time.sleep(LOAD_S)
                server.kill()
                server.start()
    load.keep(tmp_path)
    assert load.wrong() == [], f"seed {seed}; answers are in {tmp_path}"
    assert load.fewest_done() > 2 * KILLS * times, load.told()
