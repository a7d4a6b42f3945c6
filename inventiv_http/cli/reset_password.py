"""``inventiv reset-password``: the operator's way back in."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from dependency_injector.providers import Object

from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.entities.users import User
from inventiv_core.kernel.errors import DomainError
from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.options import AsJson
from inventiv_http.cli.output import Output
from inventiv_http.cli.serve import DataDir
from inventiv_http.cli.users import ask_new_password, draw_password
from inventiv_http.container import (
    Application,
    DataDirectory,
    PostgresAdapters,
)
from inventiv_http.process import have_schema
from inventiv_http.settings import Settings
from inventiv_http.starting import read_settings, run_work, sentences, with_database


def reset_password(
    *,
    username: Annotated[
        str, typer.Argument(metavar="USERNAME", help="Who is locked out: user name or address.")
    ],
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Ask for the password; else one is drawn.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give somebody another password, straight in the database. Their sessions end.

    Reads the same settings as the server, which may run meanwhile. Only the embedded
    database belongs to one process at a time: stop its server first.
    """
    chosen = {"data_dir": None if data_dir is None else str(data_dir)}
    password = ask_new_password(username) if prompt else draw_password()
    with sentences(), ExitStack() as stack:
        settings = read_settings(chosen)
        if settings.database_url is None:
            directory = stack.enter_context(DataDirectory(Path(settings.data_dir or "")))
            settings = with_database(settings, directory, stack)
        user = run_work(_reset(settings, username, password))
    output = Output(as_json)
    output.say(f"{user.username} has another password, and every session of theirs has ended.")
    if not prompt:
        output.say(f"Password: {password}   (shown only now: keep it)")
    output.document({"username": user.username, "password": None if prompt else password})


async def _reset(settings: Settings, username: str, password: str) -> User:
    adapters = PostgresAdapters(settings=Object(settings))
    await have_schema(settings)
    async with adapters.pool():
        try:
            user: User = await Application(adapters=adapters).set_password()(
                username, password, actor=PLATFORM
            )
        except DomainError as error:
            raise CommandFailed(sentence=str(error)) from error
    return user
