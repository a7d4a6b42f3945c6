"""The server, or its background work alone: from the settings to the clean end."""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
from dependency_injector.providers import Object

from inventiv_core.identity.access import PLATFORM
from inventiv_http.app import create_app
from inventiv_http.container import (
    OUTAGES,
    Application,
    DataDirectory,
    PostgresAdapters,
    mail_directory,
)
from inventiv_http.process import bootstrap, running, seed_credentials
from inventiv_http.serving import bound, complete, listen, must_be_able_to_share, readiness
from inventiv_http.serving import serve as serve_requests
from inventiv_http.settings import Settings
from inventiv_http.starting import read_settings, run_work, sentences, with_database
from inventiv_http.supervision import Supervisor

CLIENT_FILE = "client.json"
"""Where the command line of this machine finds the running server, and a session on it."""

ALIVE_FILE = "orchestrator-alive"
"""Touched every few seconds while the background work runs and its database answers."""

_PASSWORD_BYTES = 15
_PULSE_S = 5.0


def serve() -> None:
    """Run the API, the background work and the mock cloud, all in one process, or in several."""
    with sentences():
        settings = read_settings()
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


def orchestrate() -> None:
    """Run the background work alone, beside servers that were told not to do it."""
    with sentences():
        run_work(_orchestrate(complete(read_settings())))


def told(sentence: str) -> None:
    """Tell the operator something."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


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
