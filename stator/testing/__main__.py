"""The `stator` command on a leash: it ends, as by SIGTERM, when whoever started it closes standard input or is gone."""

import os
import signal
import sys
import threading
from importlib.metadata import distribution


def end_with_standard_input() -> None:
    """Read until the other side closes: nothing is ever sent."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    signal.raise_signal(signal.SIGTERM)


def main() -> None:
    """Run the command that is installed: the library does not know where services are."""
    threading.Thread(target=end_with_standard_input, name="leash", daemon=True).start()
    (stator,) = distribution("stator").entry_points.select(group="console_scripts", name="stator")
    stator.load()()


if __name__ == "__main__":
    main()
