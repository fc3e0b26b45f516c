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
        _say_no_more()
        sys.exit(1)
    except OSError as error:  # what the commands themselves ask for, they answer for: this is a full disk behind `>`
        _say_no_more()
        sys.stderr.write(f"stator: {error}\n")
        sys.exit(1)


def _say_no_more() -> None:
    """Have what is still in the buffer of stdout go nowhere when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
