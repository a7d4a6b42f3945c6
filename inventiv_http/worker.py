"""One of several processes that serve one address: ``python -m inventiv_http work``.

Started by `inventiv_http.supervision` alone, which says on standard input what to do.
"""

import asyncio
import os
import signal
import socket
import sys

import msgspec
from dependency_injector.providers import Object

from inventiv_http.app import create_app
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.process import running
from inventiv_http.serving import readiness, serve
from inventiv_http.starting import run_work, sentences
from inventiv_http.supervision import Assignment


def main() -> None:
    """Serve until told to stop, or until nobody is there any more who could tell."""
    with sentences():
        run_work(_serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=Assignment)))


async def _serve(assignment: Assignment) -> None:
    settings = assignment.settings
    listener, ready = socket.socket(fileno=assignment.listener), assignment.ready
    listener.setblocking(False)  # noqa: FBT003 - the standard library's way
    metrics = assignment.metrics_listener
    adapters = PostgresAdapters(settings=Object(settings))
    application = Application(adapters=adapters)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _nobody_is_there)
    async with running(
        adapters,
        application,
        works=assignment.works,
        metrics_listener=None if metrics is None else socket.socket(fileno=metrics),
    ):
        await serve(
            create_app(application, readiness=readiness(adapters)),
            listener,
            settings,
            ready=lambda: _tell(ready),
        )


def _nobody_is_there() -> None:
    """Stop as if told to: nothing more is ever said on standard input, so this is its end."""
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    os.kill(os.getpid(), signal.SIGTERM)


def _tell(ready: int) -> None:
    os.write(ready, b"!")
    os.close(ready)
