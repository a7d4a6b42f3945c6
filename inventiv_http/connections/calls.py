"""A request on a short way, and its answer.

What uvicorn's own cycle is, in the same words of ASGI, without what these never need: checks of
names that are ours, an event for each request, a log of accesses.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableSet
from typing import TYPE_CHECKING, Any, Final, cast

from litestar.types import ASGIApp
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
        self._post = connection.outgoing.post
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
        self.task: asyncio.Task[None] | None = None
        """What answers it."""
        self.on_leave: Callable[[], None] | None = None
        """Called when whoever has asked hangs up before the answer is over."""
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        """What waits for the beginning of the body, to be sent together."""
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

    async def run(self, lane: ASGIApp, tasks: MutableSet[asyncio.Task[None]]) -> None:
        """Have the request answered, come what may."""
        try:
            await lane(self.scope, cast("Any", self.receive), cast("Any", self.send))  # type: ignore[arg-type]
            if not self.response_complete and not self.disconnected:
                error = "The answer is not whole."
                raise RuntimeError(error)  # noqa: TRY301 - whoever has made it is no more to be told
        except BaseException:  # whoever has asked is not to wait for ever
            self.logger.exception("Exception in ASGI application\n")
            if self.response_started:
                self.transport.close()
            else:
                await self.send_500_response()
        finally:
            if self.task is not None:
                tasks.discard(self.task)
            self.task = None

    def take_whole(self) -> bytes | None:
        """Return the whole body, if it has come; ``None`` if it is to be `receive`-d."""
        if self.more_body or self.disconnected:
            return None
        body, self.body = self.body, b""
        self._has_news = False
        self.flow.resume_reading()  # else nobody would notice who leaves
        return bytes(body)

    async def receive(self) -> Any:
        """Return what has come of the request, once there is something new."""
        if not (self._has_news or self.disconnected or self.response_complete):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        self.flow.resume_reading()  # for more of it, and to notice who leaves
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """Send a part of the answer. Waits only while there is no room for it."""
        if self.disconnected:
            return
        if not self.response_started:
            self.start(message["status"], message["headers"])
            return
        room = self.push(message["body"], is_last=not message.get("more_body", False))
        if room is not None:
            await room

    def start(self, status: int, headers: Any, *, more: bool = False) -> None:
        """Begin the answer; with ``more``, together with what is pushed next, in one packet."""
        if not self.disconnected:
            head = self._started(status, headers)
            if more:
                self._head = head
            else:
                self.transport.write(head)

    def push(self, body: bytes, *, is_last: bool = False) -> Awaitable[None] | None:
        """Send a part of the answer; return what to wait for, if there is no room for it."""
        if self.disconnected:
            return None
        if self.flow.write_paused:
            return self._push_later(body, is_last=is_last)
        if self.response_complete:
            error = "The answer is over."
            raise RuntimeError(error)
        self._go_on(body, is_last=is_last)
        return None

    async def _push_later(self, body: bytes, *, is_last: bool) -> None:
        await self.flow.drain()
        room = self.push(body, is_last=is_last)
        if room is not None:
            await room

    def _started(self, status: int, headers: Any) -> bytes:
        self.response_started = True
        parts = [STATUS_LINE[status]]
        for name, value in self._default_headers:
            parts.append(b"%b: %b\r\n" % (name, value))
        for name, value in headers:
            if name == b"content-length":
                self._missing_bytes = int(value)
            elif name == b"connection":  # nothing but "close" is ever said here
                self.keep_alive = False
                continue
            parts.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        if status in _BODILESS:
            self._missing_bytes = 0
        elif self._missing_bytes is None:
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n")
        lines = len(parts)
        head = b"".join(parts)
        if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
            self.response_started = False
            error = "A header has a line break in it."
            raise RuntimeError(error)
        return head

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        head, self._head = self._head, b""
        if data := head + self._framed(body, is_last=is_last):
            self._post(data)
        if is_last:
            self.response_complete = True
            self.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _framed(self, body: bytes, *, is_last: bool) -> bytes:
        missing = self._missing_bytes
        if missing is not None:
            self._missing_bytes = missing = missing - len(body)
            if missing < 0 or (is_last and missing):
                error = "The answer is not as long as it was said to be."
                raise RuntimeError(error)
            return body
        end = _LAST_CHUNK if is_last else b""
        return b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
