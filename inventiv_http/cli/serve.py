"""``inventiv serve`` and ``inventiv orchestrate``: from a command line to the server itself."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(help="Where the embedded database and the mock cloud live."),
]


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(help="The TCP port to listen on; 0 for any.", min=0, max=65535)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="How many processes serve; more than one need Redis.", min=1)
    ] = None,
    data_dir: DataDir = None,
    mock_faults: Annotated[
        str | None,
        typer.Option(
            metavar="FAULT=0..1,…",
            help="What goes wrong at the mock cloud, and how often: vanish=1,throttled=0.2, "
            "for example. There are denied, throttled, server_error, not_found, out_of_stock, "
            "create_lost, slow_boot, no_agent, vanish, disk_full, clock_skew.",
        ),
    ] = None,
) -> None:
    """Run the API, the background work and the mock cloud, all in one process, or in several.

    Without INVENTIV_DATABASE_URL, PostgreSQL is started under the data directory and
    stopped with the server. Every option is a setting, too: INVENTIV_PORT, for example.
    """
    _become(
        "serve",
        INVENTIV_HOST=host,
        INVENTIV_PORT=port,
        INVENTIV_WORKERS=workers,
        INVENTIV_DATA_DIR=data_dir,
        INVENTIV_MOCK_FAULTS=mock_faults,
    )


def orchestrate(data_dir: DataDir = None) -> None:
    """Run the background work alone, beside servers that were told not to do it.

    Needs the same INVENTIV_DATABASE_URL and INVENTIV_JWT_SECRET as they have, and
    INVENTIV_PUBLIC_URL: where machines reach the API. Any number may run.
    """
    _become("orchestrate", INVENTIV_DATA_DIR=data_dir)


def _become(program: str, **settings: object) -> NoReturn:
    """Have the server take this process over, which then carries no command line along."""
    given = {name: str(value) for name, value in settings.items() if value is not None}
    words = [sys.executable, "-m", "inventiv_http", program]
    environment = {**os.environ, **given}
    sys.stdout.flush()
    if sys.platform == "win32":  # no process there can become another program
        sys.exit(subprocess.call(words, env=environment))  # noqa: S603 - our own words
    os.execve(words[0], words, environment)  # noqa: S606 - our own words
