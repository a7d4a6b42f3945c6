"""Servers on loopback ports that can be reserved long before anything listens."""

import errno
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web

IP_ADDRESS = "127.0.0.1"

_BACKLOG = 1024
_SHUTDOWN_TIMEOUT_S = 0.05
"""A machine that is switched off does not finish its answers. (To aiohttp, 0 means for ever.)"""


def reserve(port: int | None) -> socket.socket:
    """Return a socket that holds ``port``, or, if that is taken or `None`, a free one.

    Until something listens on it, whoever connects is refused at once.
    """
    try:
        return _bound(port or 0)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return _bound(0)


def _bound(port: int) -> socket.socket:
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of a former life may linger on the port: they are no obstacle.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setblocking(False)  # noqa: FBT003 - the standard library wants it by position
        reserved.bind((IP_ADDRESS, port))
    except OSError:
        reserved.close()
        raise
    return reserved


def port_of(reserved: socket.socket) -> int:
    """Return the port that the socket holds."""
    address: tuple[str, int] = reserved.getsockname()
    return address[1]


@asynccontextmanager
async def serving(app: web.Application, reserved: socket.socket) -> AsyncGenerator[None]:
    """Serve ``app`` on the socket, and cut every connection at the end.

    A handler is cancelled as soon as its client goes away.
    """
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_TIMEOUT_S
    )
    await runner.setup()
    try:
        await web.SockSite(runner, reserved, backlog=_BACKLOG).start()
        yield
    finally:
        await runner.cleanup()
