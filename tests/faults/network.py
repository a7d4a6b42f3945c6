"""A network that can be cut: a small relay for TCP between each two that talk.

It lives in a thread of its own, so that tests may block while others talk.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from enum import StrEnum
from itertools import cycle
from pathlib import Path
from typing import Any, Self, TypeVar

_PIECE_BYTES = 65536
_CLOSING_S = 5.0

Result = TypeVar("Result")
Place = tuple[str, int] | Path
"""Where somebody listens: an address and a port, or a Unix socket."""


class State(StrEnum):
    """How a link is."""

    WHOLE = "whole"
    CUT = "cut"
    """Who talks is cut off, and who connects is, too."""
    HOLE = "hole"
    """Whatever is sent is swallowed until the link is whole again; nobody is told."""


class Link:
    """A port of our own, behind which somebody else listens. To be used on one event loop."""

    def __init__(self, *places: Place) -> None:
        """Take who is behind it: several take turns, and stand in for each other."""
        self._turns: Iterator[Place] = cycle(places)
        self._choices = len(places)
        self._talks: set[asyncio.Task[None]] = set()
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._server: asyncio.Server | None = None
        self.state = State.WHOLE
        self.delay_s = 0.0
        """How much later everything arrives, each way."""
        self.port = 0

    async def listen(self, port: int = 0) -> Self:
        """Begin, on that port or on one that is free."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Cut everybody off, for good."""
        if self._server is not None:
            self._server.close()
        await self._cut_off()

    async def become(self, state: State) -> None:
        """Change how the link is. What waits in a hole goes on when it is whole again."""
        self.state = state
        if state is State.HOLE:
            self._is_open.clear()
        else:
            self._is_open.set()
        if state is State.CUT:
            await self._cut_off()

    async def _cut_off(self) -> None:
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)
        talk.add_done_callback(lambda _: _reset(writer))  # it may end before it has begun

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: asyncio.StreamWriter | None = None
        try:
            if self.state is State.CUT:
                return
            await self._is_open.wait()
            found = await self._connect()
            if found is None:
                return
            back, there = found
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pour(reader, there))
                ways.create_task(self._pour(back, writer))
        except* OSError:
            pass  # one of the two has gone: so does the other
        finally:
            if there is not None:
                _reset(there)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(self._choices):
            place = next(self._turns)
            with suppress(OSError):
                if isinstance(place, Path):
                    return await asyncio.open_unix_connection(place)
                return await asyncio.open_connection(*place)
        return None

    async def _pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(_PIECE_BYTES):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._is_open.wait()
            sink.write(piece)
            await sink.drain()
        await self._is_open.wait()
        if sink.can_write_eof():
            sink.write_eof()


def _reset(end: asyncio.StreamWriter) -> None:
    """Close at once, as if the other one were not there any more."""
    sock: socket.socket | None = end.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.transport.abort()


class Thread:
    """An event loop in a thread of its own."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def run(self, work: Coroutine[Any, Any, Result], *, at_most_s: float = 60) -> Result:
        """Have it done there, and return what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(at_most_s)

    def __exit__(self, *_: object) -> None:
        self.run(self._end(), at_most_s=_CLOSING_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_S)
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_default_executor()
