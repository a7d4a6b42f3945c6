"""Uvicorn's protocol, with a short way for what comes by the thousand."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, cast

from litestar.types import ASGIApp
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inventiv_http.connections.calls import Call
from inventiv_http.connections.outbox import LateTransport, Outbox

LINE: Final = "inventiv_line"
"""Where a request's connection is found in its scope."""


class Flow(FlowControl):
    """Uvicorn's, with something to wait for only once somebody waits: most never do."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = self.write_paused = False
        self._room: asyncio.Future[None] | None = None

    async def drain(self) -> None:
        """Return once there is room again."""
        while self.write_paused:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)  # others may wait for the same

    def pause_writing(self) -> None:
        """There is no room."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """There is room."""
        self.write_paused = False
        room, self._room = self._room, None
        if room is not None:
            room.set_result(None)


class Connection(HttpToolsProtocol):
    """One connection: what is posted to one of the ``lanes`` is taken there, without a detour."""

    # uvicorn's own attributes are as many as objects of one class can share the names of
    __slots__ = ("_lanes", "_line", "_outbox", "is_idle", "outgoing")

    outgoing: LateTransport
    """What it is written to by way of."""

    def __init__(
        self, *args: Any, lanes: Mapping[bytes, ASGIApp], outbox: Outbox, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._lanes = lanes
        self._outbox = outbox
        self._line: asyncio.Transport | None = None
        self.is_idle = False
        """Whether the last answer is over, and nothing has come since."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self._line = transport
        self.outgoing = LateTransport(transport, self._outbox)
        super().connection_made(cast("asyncio.Transport", self.outgoing))
        self.flow = Flow(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        # else these would name each other until the garbage is collected
        self.cycle = self.scope = cast("Any", None)

    def on_headers_complete(self) -> None:
        """Have somebody answer the request: who is on its way, or the application."""
        cast("dict[str, Any]", self.scope)[LINE] = self
        lane = self._lanes.get(self.url)
        parser, before = cast("Any", self.parser), cast("Any", self.cycle)
        if (
            lane is None
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or parser.should_upgrade()
            or self.expect_100_continue
            or not (before is None or before.response_complete)
        ):
            super().on_headers_complete()
            return
        scope = self.scope
        scope["method"] = "POST"
        scope["path"] = self.url.decode("ascii")
        scope["raw_path"], scope["query_string"] = self.url, b""
        self.cycle = call = Call(self, scope, keep_alive=parser.should_keep_alive())
        call.task = self.loop.create_task(call.run(lane, self.tasks))
        self.tasks.add(call.task)

    def on_response_complete(self) -> None:
        """Go on with the next request. How long it may take to come needs no timer of its own."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.is_idle = True

    # what those do who write to a connection without being asked

    @property
    def has_room(self) -> bool:
        """Whether it takes more."""
        return not self.flow.write_paused

    def write(self, data: bytes) -> None:
        """Send a part of an answer that is under way, as it goes over the wire."""
        if self._line is not None:
            self._outbox.write_now(self._line, data)

    def abort(self) -> None:
        """Cut the line, with whatever has not been read."""
        if self._line is not None:
            self._line.abort()
