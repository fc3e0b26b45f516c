"""The commands of `stator` and their help. Each imports what it runs when it runs: `--help` and `serve` start fast."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_ENDPOINT = "http://localhost:8000"

app = typer.Typer(no_args_is_help=True, add_completion=True, help="A DynamoDB you can rewind.", rich_markup_mode=None)


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
) -> None:
    """Serve the DynamoDB API from one process and one directory."""
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
    )
    raise typer.Exit(serve_standalone(settings))


@app.command()
def restore(
    table: Annotated[str, typer.Option(help="Table whose past is wanted.")],
    to: Annotated[str, typer.Option(help="Name of the new table.")],
    at: Annotated[
        str | None,
        typer.Option(help="Instant, as 2026-11-21T05:00:00.250Z (UTC if no zone is given); now if left out."),
    ] = None,
    endpoint: Annotated[
        str, typer.Option(help="A running server.", envvar="AWS_ENDPOINT_URL_DYNAMODB")
    ] = DEFAULT_ENDPOINT,
) -> None:
    """Restore a table to a moment, as a new table."""
    from .restore import restore_table  # noqa: PLC0415

    raise typer.Exit(restore_table(table, to, at, endpoint))


@app.command()
def service(
    name: Annotated[
        str, typer.Argument(help="router, leader, materializer, gsi, streams, archiver, restore or control.")
    ],
) -> None:
    """Run one service of a cluster. Settings come from STATOR_* variables."""
    from .processes import run_service  # noqa: PLC0415

    raise typer.Exit(run_service(name))
