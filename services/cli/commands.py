"""The commands of `stator` and their help. Each imports what it runs when it runs: `--help` and `serve` start fast."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_ENDPOINT = "http://localhost:8000"


def _table_names(incomplete: str) -> list[str]:
    from .completion import table_names  # noqa: PLC0415

    return table_names(incomplete, DEFAULT_ENDPOINT)


app = typer.Typer(
    no_args_is_help=True, add_completion=True, rich_markup_mode=None, pretty_exceptions_enable=False, name="stator"
)

Endpoint = Annotated[
    str,
    typer.Option(help="Where the DynamoDB API is.", envvar=["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]),
]
Admin = Annotated[
    str | None,
    typer.Option(
        help="Where the admin port is, such as http://localhost:8002; if left out, the endpoint's port + 2.",
        envvar="STATOR_ADMIN",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from stator.runtime.version import version  # noqa: PLC0415

        typer.echo(f"stator {version()}")
        raise typer.Exit


@app.callback()
def stator(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """A DynamoDB you can rewind.

    \b
    stator serve                               a server on http://localhost:8000, data in ./data
    stator status                              its tables; stator status Notes shows one of them
    stator tail Notes                          the changes of a table, as they happen
    stator restore --table Notes --to Before --at 2026-11-21T05:00:00Z
    stator doctor                              what is wrong, if something is
    """


@app.command()
def serve(
    data: Annotated[Path, typer.Option(help="Directory for everything that is stored; made if missing.")] = Path(
        "data"
    ),
    port: Annotated[int, typer.Option(help="Port of the DynamoDB API; 0 takes a free one.", min=0, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    admin_port: Annotated[
        int | None,
        typer.Option(
            help="Port for health, metrics and status; 0 is none. The API's port + 2 if left out.", min=0, max=65535
        ),
    ] = None,
    partitions: Annotated[int, typer.Option(help="Partitions of each new table.", min=1, max=1024)] = 1,
    ttl_sweep_seconds: Annotated[
        float,
        typer.Option(
            help="Seconds between two looks for expired items.", min=0.1, max=86400.0, envvar="STATOR_TTL_SWEEP_S"
        ),
    ] = 10.0,
    materializer_delay: Annotated[
        float,
        typer.Option(
            help="Seconds by which reads without ConsistentRead are behind, to see what stale reads do; 0 is not at all.",
            min=0.0,
            max=86400.0,
            envvar="STATOR_MATERIALIZER_DELAY",
        ),
    ] = 0.0,
) -> None:
    """Serve the DynamoDB API from one process and one directory.

    \b
    stator serve
    stator serve --data /var/lib/stator --port 9000
    stator serve --host 0.0.0.0                for other machines; there is no authentication
    """
    from .light_imports import without_rich  # noqa: PLC0415

    without_rich("structlog")
    from stator.runtime.settings import default_admin_port  # noqa: PLC0415

    from ..standalone.__main__ import serve as serve_standalone  # noqa: PLC0415
    from ..standalone.settings import StandaloneSettings  # noqa: PLC0415

    if admin_port is None:
        admin_port = default_admin_port(port)
    settings = StandaloneSettings(
        data=data,
        port=port,
        host=host,
        admin_port=admin_port,
        partitions=partitions,
        ttl_sweep_s=ttl_sweep_seconds,
        materializer_delay_s=materializer_delay,
    )
    raise typer.Exit(serve_standalone(settings))


@app.command()
def status(
    table: Annotated[
        str | None,
        typer.Argument(help="A table to show in detail; all of them if left out.", autocompletion=_table_names),
    ] = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    admin: Admin = None,
    as_json: AsJson = False,
) -> None:
    """Show all tables, or one in detail.

    Of each partition: its leader, its positions, and how far everything is that follows it.

    \b
    stator status
    stator status Notes
    stator status --json | jq '.tables[] | {name, items}'
    """
    from .status import show_status  # noqa: PLC0415

    raise typer.Exit(show_status(table, endpoint, admin, as_json=as_json))


@app.command()
def tail(
    table: Annotated[str, typer.Argument(help="A table whose stream is on.", autocompletion=_table_names)],
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Begin with the changes of this instant: 2026-11-21T05:00:00Z, seconds since 1970, or -10m for ten minutes"
            " ago. A stream keeps 24 hours.",
        ),
    ] = None,
    as_json: AsJson = False,
    keys_only: Annotated[bool, typer.Option(help="Show only which items changed.")] = False,
    follow: Annotated[bool, typer.Option(help="Go on for ever, or end with the newest change.")] = True,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
) -> None:
    """Print the changes of a table as they happen.

    \b
    stator tail Notes
    stator tail Notes --from -10m --no-follow
    stator tail Notes --json | jq -c .dynamodb.NewImage
    """
    from .tail import TailOptions  # noqa: PLC0415
    from .tail import tail as tail_table  # noqa: PLC0415

    options = TailOptions(
        table=table, endpoint=endpoint, since=since, as_json=as_json, keys_only=keys_only, follow=follow
    )
    raise typer.Exit(tail_table(options))


@app.command()
def restore(
    table: Annotated[str, typer.Option(help="Table whose past is wanted.", autocompletion=_table_names)],
    to: Annotated[str, typer.Option(help="Name of the new table.")],
    at: Annotated[
        str | None,
        typer.Option(
            help="Instant: 2026-11-21T05:00:00.250Z (UTC if no zone is given), seconds since 1970, or -10m for ten minutes"
            " ago; now if left out."
        ),
    ] = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
) -> None:
    """Restore a table to a moment, as a new table.

    \b
    stator restore --table Notes --to NotesBefore --at -10m
    stator restore --table Notes --to NotesBefore --at 2026-11-21T05:00:00.250Z
    """
    from .restore import restore_table  # noqa: PLC0415

    raise typer.Exit(restore_table(table, to, at, endpoint))


@app.command()
def doctor(endpoint: Endpoint = DEFAULT_ENDPOINT, admin: Admin = None) -> None:
    """Look for trouble and explain it. Ends with 0 when all is well, else with 1.

    \b
    stator doctor
    stator doctor --endpoint http://db.example:8000 --admin http://db.example:8002
    """
    from .doctor import examine  # noqa: PLC0415

    raise typer.Exit(examine(endpoint, admin))


@app.command()
def service(
    name: Annotated[
        str, typer.Argument(help="router, leader, materializer, gsi, streams, archiver, restore or control.")
    ],
) -> None:
    """Run one service of a cluster. Settings come from STATOR_* variables."""
    from .light_imports import without_rich  # noqa: PLC0415

    without_rich("structlog")
    from .processes import run_service  # noqa: PLC0415

    raise typer.Exit(run_service(name))
