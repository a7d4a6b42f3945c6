"""What every command takes, said once."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from inventiv_http.cli.advice import explained
from inventiv_http.cli.errors import UsageWrong
from inventiv_http.client import CallFailed

Answer = TypeVar("Answer")
SERVER = "Server"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="INVENTIV_URL",
        help="Address of the server; else the saved login, else the server of this machine.",
        rich_help_panel=SERVER,
    ),
]
Username = Annotated[
    str | None,
    typer.Option(
        "--username",
        envvar="INVENTIV_USERNAME",
        help="Sign in as this user, or email address, for this command.",
        rich_help_panel=SERVER,
    ),
]
Password = Annotated[
    str | None,
    typer.Option(
        "--password",
        envvar="INVENTIV_PASSWORD",
        help="Asked for, unseen, when there is a username and no password.",
        rich_help_panel=SERVER,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="INVENTIV_DATA_DIR",
        help="Where `inventiv serve` keeps its data on this machine.",
        rich_help_panel=SERVER,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, and nothing else.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")]
InstanceRef = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="Its id, or the unique beginning of it.")
]
ModelRef = Annotated[
    str, typer.Argument(metavar="MODEL", help="Its catalog id, uuid or unambiguous name.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds to wait before giving up.")
]


def must_be_bare(group: typer.Context) -> None:
    """Refuse options before the subcommand: unheard, they would have another server answer."""
    for name in group.params:
        source = group.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageWrong(
                sentence=f"Options come after {group.invoked_subcommand!r}.",
                advice=f"Try: inventiv {group.info_name} {group.invoked_subcommand} --help",
            )


def run(command: Coroutine[Any, Any, Answer]) -> Answer:
    """Do it. Ctrl-C cancels it, so that it can leave things tidy."""
    try:
        return asyncio.run(command)
    except CallFailed as failed:
        raise explained(failed) from failed
