"""The `stator` command. Whatever a person does to it, a traceback is not the answer: also not to Ctrl-C while it still loads."""

import os
import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Entry point of the console script."""
    try:
        from .commands import app  # noqa: PLC0415 - a second's part, in which people press Ctrl-C

        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # `stator tail … | head`: whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
