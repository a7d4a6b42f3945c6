"""The way of an answer through the gateway: bytes in, bytes out, as they come."""

import time
from collections.abc import Awaitable
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from litestar.types import HTTPScope

from inventiv_core.inference.entities.usage import Delivery, TokenCounts
from inventiv_core.inference.ports import EngineNotReached, EngineReply
from inventiv_core.inference.use_cases.forwarding import Exchange
from inventiv_core.kernel.clock import Clock
from inventiv_http.connections.line import Line
from inventiv_http.inference import wire
from inventiv_http.inference.admission import headroom_headers
from inventiv_http.inference.presence import Presence
from inventiv_http.kernel.errors import openai_body
from inventiv_http.kernel.metrics import Metrics
from inventiv_http.kernel.request_ids import HEADER, request_id

_EVENTS: Final = "text/event-stream"


class Relaying:
    """Relays one answer, and counts it."""

    __slots__ = (
        "_began_s", "_caller", "_clock", "_exchange", "_first_byte_at", "_first_byte_s", "_head_s",
        "_is_over", "_line", "_metrics", "_relay", "_reply", "_scope", "_status", "_used",
        "has_begun",
    )  # fmt: skip

    _relay: wire.PlainRelay | wire.EventRelay
    _exchange: Exchange
    _reply: EngineReply
    _caller: Presence

    def __init__(
        self, clock: Clock, metrics: Metrics, scope: HTTPScope, line: Line, *, began_s: float
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._scope = scope
        self._line = line
        self._began_s = began_s
        self._head_s = 0.0
        self._first_byte_s: float | None = None
        self._first_byte_at: datetime | None = None
        self._status: int | None = None
        """What the engine has answered, if it has."""
        self._used: TokenCounts | None = None
        self._is_over = False
        self.has_begun = False
        """Whether something has gone out: a status, at least."""
        self._metrics.call_begins()

    def end(self) -> None:
        """The call is over: count what became of it, now that nobody waits for it any more."""
        metrics, path = self._metrics, self._scope["path"]
        metrics.call_ends()
        if self._status is None:
            return
        if self.has_begun:
            metrics.answered(path, self._scope["method"], self._status, self._head_s)
        if self._first_byte_s is not None:
            metrics.first_byte(self._first_byte_s)
        metrics.called(path, self._status, self._used)

    async def relay(self, exchange: Exchange, asked: wire.Head, caller: Presence) -> None:
        """Send the answer as it comes, and finish the exchange, come what may."""
        self._exchange = exchange
        reply = self._reply = exchange.reply
        self._status = reply.status_code
        is_stream = reply.content_type.startswith(_EVENTS)
        self._relay = (
            wire.EventRelay(hide_usage=not wire.wants_usage(asked))
            if is_stream
            else wire.PlainRelay()
        )
        self._caller = caller
        try:
            room = self._start(exchange, is_stream=is_stream)
            if room is not None:
                await room
            try:
                await reply.pour(self._take)
                if not self._is_over:
                    room = self._end(b"")
                    if room is not None:
                        await room
            except EngineNotReached:
                caller.over()
                self._is_over = True
                self._finish(is_whole=False, broke_off=True)
                await self._break_off(is_stream=is_stream)
        finally:
            reply.close()
            if not self._is_over:
                self._finish(is_whole=False, broke_off=False)

    def _start(self, exchange: Exchange, *, is_stream: bool) -> Awaitable[None] | None:
        reply = exchange.reply
        headers = [
            (b"content-type", reply.content_type.encode()),
            (HEADER, request_id(self._scope).encode()),
            (b"x-inventiv-instance", _text(exchange.route.instance_id.int)),
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
        self._head_s = time.perf_counter() - self._began_s
        return self._line.start(reply.status_code, headers, more=reply.has_begun)

    def _take(self, piece: bytes) -> Awaitable[None] | None:
        """Send a piece on; the last one together with the end."""
        now = None
        if self._first_byte_at is None:
            self._first_byte_s = time.perf_counter() - self._began_s
            self._first_byte_at = now = self._clock.now()
        passing = self._relay.feed(piece)
        if self._reply.has_come:
            return self._end(passing, now)
        return self._line.push(passing)  # the head goes with it, even if nothing passes yet

    def _end(self, passing: bytes, now: datetime | None = None) -> Awaitable[None] | None:
        """Send the end. What was used is on its way to the disk before: nothing is free."""
        self._caller.over()
        self._is_over = True
        last = passing + self._relay.rest()
        self._finish(is_whole=True, broke_off=False, now=now)
        return self._line.push(last, is_last=True)

    def _finish(self, *, is_whole: bool, broke_off: bool, now: datetime | None = None) -> None:
        relay = self._relay
        used = self._used = relay.used
        self._exchange.finish(
            Delivery(
                is_whole=is_whole,
                broke_off=broke_off,
                used=used,
                first_byte_at=self._first_byte_at,
                over_at=now or self._clock.now(),
                events=relay.events,
                size_bytes=relay.size_bytes,
            )
        )

    async def _break_off(self, *, is_stream: bool) -> None:
        """End an answer whose status is sent already, and say so where that is possible.

        Half an event, if there is one, is dropped: it would swallow ours.
        """
        if not is_stream:
            message = "the engine broke off in the middle of its answer"
            raise ConnectionError(message)
        body = openai_body(502, "upstream_read_failed", "The worker broke off in mid-answer.")
        room = self._line.push(wire.error_event(body), is_last=True)
        if room is not None:
            await room


@lru_cache(1024)
def _text(instance_number: int) -> bytes:
    """Return an instance's id as it is written; by its number, for which nothing is computed."""
    return str(UUID(int=instance_number)).encode()
