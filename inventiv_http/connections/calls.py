"""A request on a short way, and its answer.

What uvicorn's own cycle is, in the same words of ASGI, without what these never need: checks of
names that are ours, an event for each request, a log of accesses.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from inventiv_http.connections.protocol import Connection

_BODILESS: Final = frozenset({204, 304})
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Call(RequestResponseCycle):
    """One request, and its answer."""

    def __init__(self, connection: "Connection", scope: Any, *, keep_alive: bool) -> None:
        self.scope = scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.logger = connection.logger
        self.on_response = connection.on_response_complete
        self.disconnected = False
        self.keep_alive = keep_alive
        self.body: Any = b""  # mostly it comes in one piece, and is never copied
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self._default_headers = connection.server_state.default_headers
        self.on_leave: Callable[[], None] | None = None
        """Called when whoever has asked hangs up before the answer is over."""
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None
        self._missing_bytes: int | None = None
        """Of an answer that has a length: how much of it is still to come."""

    @property
    def message_event(self) -> Any:  # type: ignore[override]  # nobody sets it
        """What the protocol sets. No attribute: whatever names itself waits for the collector."""
        return self

    def set(self) -> None:
        """Something has come, or there is nobody left."""
        self._has_news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.disconnected and self.on_leave is not None:
            self.on_leave()

    async def receive(self) -> Any:
        """Return what has come of the request, once there is something new."""
        if not (self._has_news or self.disconnected or self.response_complete):
            self.flow.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """Send a part of the answer. Waits only while there is no room for it."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._start(message["status"], message["headers"])
        elif not self.response_complete:
            self._go_on(message["body"], is_last=not message.get("more_body", False))
        else:
            error = "The answer is over."
            raise RuntimeError(error)

    def _start(self, status: int, headers: Any) -> None:
        self.response_started = True
        parts = [STATUS_LINE[status]]
        for name, value in (*self._default_headers, *headers):
            if name == b"content-length":
                self._missing_bytes = int(value)
            elif name == b"connection":  # nothing but "close" is ever said here
                self.keep_alive = False
                continue
            parts += name, b": ", value, b"\r\n"
        lines = 2 + (len(parts) - 1) // 4
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
            lines += 1
        if status in _BODILESS:
            self._missing_bytes = 0
        elif self._missing_bytes is None:
            parts.append(b"transfer-encoding: chunked\r\n")
            lines += 1
        parts.append(b"\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            self.response_started = False
            error = "A header has a line break in it."
            raise RuntimeError(error)
        self.transport.write(head)

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        missing = self._missing_bytes
        if missing is None:
            if body:
                end = _LAST_CHUNK if is_last else b""
                self.transport.write(b"%x\r\n%b\r\n%b" % (len(body), body, end))
            elif is_last:
                self.transport.write(_LAST_CHUNK)
        else:
            self._missing_bytes = missing = missing - len(body)
            if missing < 0 or (is_last and missing):
                error = "The answer is not as long as it was said to be."
                raise RuntimeError(error)
            if body:
                self.transport.write(body)
        if is_last:
            self.response_complete = True
            self.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
