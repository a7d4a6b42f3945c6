"""The server as a whole: its settings completed, its socket, its start and its clean end."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import msgspec
import uvicorn
from litestar import Litestar

from inventiv_http.app import MAX_BODY_BYTES
from inventiv_http.connections.patience import Patience, watch
from inventiv_http.container import PostgresAdapters
from inventiv_http.realtime.feed import Feed
from inventiv_http.settings import Settings, SettingsInvalid

_LAST_REQUESTS_S = 0.25
"""How long requests on connections that were accepted just before the end are waited for."""
_BACKLOG = 2048
KEEP_ALIVE_S = 150
"""How long an idle connection stays open: longer than a proxy keeps one (Caddy does for 120 s).
Else we would close some just as a request is on its way, which nobody may send again."""


class PortTaken(Exception):
    """The address cannot be listened on, for a reason the operator can mend."""


def complete(settings: Settings) -> Settings:
    """Return the settings, with the usual data directory, if they are enough to run with.

    Raises:
        SettingsInvalid: There is no database, or no secret. None is ever made up: every
            process must have the same one.
    """
    if settings.database_url is None:
        message = "Set INVENTIV_DATABASE_URL: where PostgreSQL is."
        raise SettingsInvalid(message)
    if settings.jwt_secret is None:
        message = (
            "Set INVENTIV_JWT_SECRET to at least 32 characters that nobody can guess, the same "
            "for every process: `openssl rand -hex 32` prints some."
        )
        raise SettingsInvalid(message)
    return with_directory(settings)


def with_directory(settings: Settings) -> Settings:
    """Return the settings with a data directory: by default where users' data belongs."""
    if settings.data_dir is not None:
        return settings
    import platformdirs  # noqa: PLC0415 - only for those who leave it open

    return msgspec.structs.replace(settings, data_dir=str(platformdirs.user_data_path("inventiv")))


def must_name_the_database(settings: Settings) -> None:
    """Refuse to pass over what is said of a database that is not named.

    Raises:
        SettingsInvalid: The embedded one would be started, and nobody wanted that.
    """
    if settings.pooler is not None and settings.database_url is None:
        message = (
            "INVENTIV_DATABASE_DIRECT_URL and INVENTIV_DATABASE_POOLER say more about "
            "INVENTIV_DATABASE_URL, which is not set."
        )
        raise SettingsInvalid(message)


def must_be_able_to_share(settings: Settings) -> None:
    """Refuse several processes that could not be right together.

    Raises:
        SettingsInvalid: There is no Redis: limits would count for each process by itself, and
            what one knows of access and events would be news to the others only seconds later.
            Or metrics are only where any of them may answer.
    """
    if settings.workers == 1:
        return
    if settings.redis_url is None:
        message = (
            f"{settings.workers} workers need INVENTIV_REDIS_URL: without Redis, limits would "
            "count for each of them by itself, and they would not hear what happens at the others. "
            "One worker does without."
        )
        raise SettingsInvalid(message)
    if settings.metrics_token is not None and not settings.metrics_port:
        message = (
            "With several workers, set INVENTIV_METRICS_PORT, too: each worker counts for itself, "
            "on that port and those that follow it."
        )
        raise SettingsInvalid(message)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any free one.

    Raises:
        PortTaken: Somebody else listens there, or may not.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        message = (
            f"Cannot listen on {host}:{port}: {error.strerror}. "
            "Stop what listens there, or choose another port with --port."
        )
        raise PortTaken(message) from error
    listener.settimeout(0)
    return listener


def bound(settings: Settings, listener: socket.socket) -> Settings:
    """Return the settings with the port that the socket really has."""
    return msgspec.structs.replace(settings, port=listener.getsockname()[1])


def readiness(adapters: PostgresAdapters) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return what must answer for a process to be of use."""
    return {"database": adapters.situation_queries().probe}


class _Server(uvicorn.Server):
    """Uvicorn, with the signals left to us, that says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in order: nobody who could connect is left without an answer."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_REQUESTS_S)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(
    app: Litestar, listener: socket.socket, settings: Settings, *, ready: Callable[[], None]
) -> None:
    """Answer requests until told to stop by SIGINT or SIGTERM; at the second one, at once.

    ``ready`` is called when answers begin.
    """
    patience = patience_by(settings)
    server = _Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            http=cast("Any", partial(app.state.connect, patience=patience)),
            ws="none",  # else it would load a library for them, where it finds one
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=settings.drain_s,
            timeout_keep_alive=KEEP_ALIVE_S,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
        ),
        ready,
    )
    feed: Feed = app.state.feed

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True
        feed.close()  # those who watch would keep us waiting for ever

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    _settle_memory()
    watching = asyncio.create_task(watch(server.server_state.connections, patience))
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()


def patience_by(settings: Settings) -> Patience:
    """Return how much patience with clients the settings ask for."""
    largest = max(settings.gateway_body_limit_mb * 1024 * 1024, MAX_BODY_BYTES)
    return Patience(
        sends_s=settings.client_sends_s,
        takes_s=settings.client_takes_s,
        request_bytes=2 * largest,
    )


def _settle_memory() -> None:
    """Keep what was made at the start out of every later garbage collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
