"""``inventiv secrets``: the keys that credentials are encrypted with."""

from contextlib import ExitStack
from pathlib import Path

import typer
from dependency_injector.providers import Object

from inventiv_core.identity.access import PLATFORM
from inventiv_core.kernel.secrets import SecretsKeyMissing
from inventiv_core.settings.use_cases.rotation import Rotated
from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.options import AsJson
from inventiv_http.cli.output import Output
from inventiv_http.cli.serve import DataDir
from inventiv_http.container import (
    Application,
    DataDirectory,
    PostgresAdapters,
)
from inventiv_http.process import have_schema
from inventiv_http.settings import Settings
from inventiv_http.starting import read_settings, run_work, sentences, with_database

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def secrets() -> None:
    """Look after the keys that credentials are encrypted with."""


@app.command()
def rotate(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Encrypt all credentials anew, with the first of INVENTIV_SECRETS_KEY.

    Give all servers the new key in front of the old ones, restart them, run this, and take
    the old ones away. Reads the same settings as the servers, which may run meanwhile. Only
    the embedded database belongs to one process at a time: stop its server first.
    """
    chosen = {"data_dir": None if data_dir is None else str(data_dir)}
    with sentences(), ExitStack() as stack:
        settings = read_settings(chosen)
        if settings.database_url is None:
            directory = stack.enter_context(DataDirectory(Path(settings.data_dir or "")))
            settings = with_database(settings, directory, stack)
        rotated = run_work(_rotate(settings))
    output = Output(as_json)
    output.document(
        {
            "key_id": rotated.key_id,
            "resealed": rotated.resealed,
            "unreadable": rotated.unreadable,
        }
    )
    output.say(f"{rotated.resealed} credentials are encrypted with the first key now.")
    if rotated.unreadable:
        raise CommandFailed(
            sentence=f"None of the keys opens {rotated.unreadable} credentials: they stay.",
            advice="Add the key they were encrypted with behind the others, and run this again.",
        )


async def _rotate(settings: Settings) -> Rotated:
    adapters = PostgresAdapters(settings=Object(settings))
    adapters.secret_box()  # before anything is opened: a key may be too short
    await have_schema(settings)
    async with adapters.pool():
        try:
            rotated: Rotated = await Application(adapters=adapters).rotate_secrets()(actor=PLATFORM)
        except SecretsKeyMissing as error:
            raise CommandFailed(
                sentence=str(error), advice="Or INVENTIV_SECRETS_KEY_FILE, with one key per line."
            ) from error
    return rotated
