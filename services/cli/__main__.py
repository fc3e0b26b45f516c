"""The `stator` command."""

from .commands import app


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
