"""The way of an answer through the gateway: bytes in, bytes out, as they come."""

import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias
from uuid import UUID

from litestar.types import HTTPScope

from inventiv_core.inference.entities.usage import Delivery
from inventiv_core.inference.ports import EngineNotReached
from inventiv_core.inference.use_cases.forwarding import Exchange
from inventiv_core.kernel.clock import Clock
from inventiv_http.inference import wire
from inventiv_http.inference.admission import headroom_headers
from inventiv_http.inference.presence import Presence
from inventiv_http.kernel.answers import part
from inventiv_http.kernel.errors import openai_body
from inventiv_http.kernel.lanes import Lane
from inventiv_http.kernel.request_ids import HEADER, request_id

Send: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]
"""Sends ASGI messages: plain dictionaries here, for they are made by the thousand."""

_EVENTS: Final = "text/event-stream"


class Relaying:
    """Relays one answer, and counts it."""

    __slots__ = ("_began_s", "_clock", "_lane", "_metrics", "_scope", "_send", "has_begun")

    def __init__(
        self, clock: Clock, lane: Lane, scope: HTTPScope, send: Send, *, began_s: float
    ) -> None:
        self._clock = clock
        self._lane = lane
        self._metrics = lane.metrics
        self._scope = scope
        self._send = send
        self._began_s = began_s
        self.has_begun = False
        """Whether something has gone out: a status, at least."""
        self._metrics.call_begins()

    def end(self) -> None:
        """The call is over."""
        self._metrics.call_ends()

    async def relay(self, exchange: Exchange, asked: wire.Head, caller: Presence) -> None:
        """Send the answer as it comes, and finish the exchange, come what may."""
        reply = exchange.reply
        is_stream = reply.content_type.startswith(_EVENTS)
        passage = _Passage(
            wire.EventRelay(hide_usage=not wire.wants_usage(asked))
            if is_stream
            else wire.PlainRelay(),
            self,
            exchange,
            caller,
        )
        is_whole = broke_off = False
        try:
            await self._start(exchange, is_stream=is_stream)
            try:
                await reply.pour(passage.take)
                is_whole = True
                await passage.finish()
            except EngineNotReached:
                broke_off = True
                caller.over()
                await self._break_off(is_stream=is_stream)
        finally:
            reply.close()
            relay = passage.relay
            used = relay.used
            exchange.finish(
                Delivery(
                    is_whole=is_whole,
                    broke_off=broke_off,
                    used=used,
                    first_byte_at=passage.first_byte_at,
                    events=relay.events,
                    size_bytes=relay.size_bytes,
                )
            )
            self._metrics.called(self._scope["path"], reply.status_code, used)

    def first_byte(self) -> datetime:
        """Count how long it took until the engine's answer began; return the moment."""
        self._metrics.first_byte(time.perf_counter() - self._began_s)
        return self._clock.now()

    def push(self, body: bytes, *, is_last: bool = False) -> Awaitable[None] | None:
        """Send a part of the answer now; return what to wait for if there is no room for it.

        A server's ``send`` waits only while its buffer is too full, and mostly need not.
        """
        sending = self._send(part(body, is_last=is_last))
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return None
        return _Rest(sending, waits_for)

    async def _start(self, exchange: Exchange, *, is_stream: bool) -> None:
        reply = exchange.reply
        headers = [
            (b"content-type", reply.content_type.encode()),
            (HEADER, request_id(self._scope).encode()),
            (b"x-inventiv-instance", _text(exchange.route.instance_id)),
        ]
        if is_stream:
            headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        elif reply.content_length is not None:
            headers.append((b"content-length", b"%d" % reply.content_length))
        if reply.retry_after is not None:
            headers.append((b"retry-after", reply.retry_after.encode()))
        if exchange.headroom:
            headers += [
                (name.encode(), value.encode())
                for name, value in headroom_headers(exchange.headroom)
            ]
        self.has_begun = True
        self._lane.answered(self._scope, reply.status_code, self._began_s)
        await self._send(
            {"type": "http.response.start", "status": reply.status_code, "headers": headers}
        )

    async def _break_off(self, *, is_stream: bool) -> None:
        """End an answer whose status is sent already, and say so where that is possible.

        Half an event, if there is one, is dropped: it would swallow ours.
        """
        if not is_stream:
            message = "the engine broke off in the middle of its answer"
            raise ConnectionError(message)
        body = openai_body(502, "upstream_read_failed", "The worker broke off in mid-answer.")
        await self._send(part(wire.error_event(body), is_last=True))


class _Passage:
    """What the pieces of one answer pass."""

    __slots__ = ("_caller", "_is_over", "_relaying", "_reply", "first_byte_at", "relay")

    def __init__(
        self,
        relay: wire.PlainRelay | wire.EventRelay,
        relaying: Relaying,
        exchange: Exchange,
        caller: Presence,
    ) -> None:
        self.relay = relay
        self.first_byte_at: datetime | None = None
        self._relaying = relaying
        self._reply = exchange.reply
        self._caller = caller
        self._is_over = False

    def take(self, piece: bytes) -> Awaitable[None] | None:
        """Send a piece on; the last one together with the end."""
        if self.first_byte_at is None:
            self.first_byte_at = self._relaying.first_byte()
        passing = self.relay.feed(piece)
        if self._reply.has_come:
            self._caller.over()
            self._is_over = True
            return self._relaying.push(passing + self.relay.rest(), is_last=True)
        return self._relaying.push(passing) if passing else None

    async def finish(self) -> None:
        """Send the end, if it was not known to be the end."""
        if not self._is_over:
            self._caller.over()
            room = self._relaying.push(self.relay.rest(), is_last=True)
            if room is not None:
                await room


class _Rest:
    """What is left of a coroutine that has begun already, and waits for something."""

    def __init__(self, begun: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._begun = begun
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
        except BaseException:
            self._begun.close()
            raise
        yield from self._begun.__await__()


@lru_cache(1024)
def _text(instance_id: UUID) -> bytes:
    return str(instance_id).encode()
