"""The way of a call through the gateway: bytes in, bytes out, as they come."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Receive

from inventiv_core.identity.access import Actor
from inventiv_core.inference.ports import EngineNotReached
from inventiv_core.inference.use_cases import Exchange, ForwardInference, InferenceCall
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.errors import Invalid
from inventiv_http.inference import wire
from inventiv_http.kernel.errors import openai_body
from inventiv_http.kernel.metrics import CountedCall, Metrics

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Long contexts and pictures are large; nothing larger than this is read."""

_EVENTS: Final = "text/event-stream"

Send: TypeAlias = Callable[[Any], Awaitable[None]]
"""Sends ASGI messages: plain dictionaries here, for they are made by the thousand."""


@dataclass(eq=False, kw_only=True)
class InvalidJson(Invalid):
    """The body is not valid JSON, or a field of it is of the wrong kind."""

    reason: str

    def __str__(self) -> str:
        return f"This is not valid JSON: {self.reason}"


class Gateway:
    """Forwards one call after another; knows nothing of what they say."""

    def __init__(self, forward_inference: ForwardInference, clock: Clock, metrics: Metrics) -> None:
        self._forward = forward_inference
        self._clock = clock
        self._metrics = metrics

    async def handle(self, scope: HTTPScope, receive: Receive, send: Send, actor: Actor) -> None:
        """Answer one request. Errors before the first byte are raised."""
        if scope["method"] != "POST":
            raise HTTPException(
                status_code=HTTPStatus.METHOD_NOT_ALLOWED,
                detail="Use POST.",
                headers={"Allow": "POST"},
            )
        body = await _body(receive)
        try:
            asked = wire.head(body)
        except msgspec.MsgspecError as error:
            raise InvalidJson(reason=str(error)) from error
        call = InferenceCall(
            path=scope["path"],
            model=asked.model,
            streamed=bool(asked.stream),
            body_for=lambda model_id: wire.rewritten(body, model_id=model_id, asked=asked),
        )
        gone = asyncio.create_task(_gone(receive), name="caller left")
        try:
            with self._metrics.call(call.path) as counted:
                exchange = await _unless(gone, self._forward(call, actor=actor))
                if exchange is not None:
                    await self._relay(exchange, asked, gone, send, counted)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _relay(
        self,
        exchange: Exchange,
        asked: wire.Head,
        gone: asyncio.Task[None],
        send: Send,
        counted: CountedCall,
    ) -> None:
        is_stream = exchange.reply.content_type.startswith(_EVENTS)
        relay = (
            wire.EventRelay(hide_usage=not wire.wants_usage(asked))
            if is_stream
            else wire.PlainRelay()
        )
        first_byte_at: datetime | None = None
        hang_up = asyncio.ensure_future(_hang_up(exchange, gone))
        try:
            await send(_start(exchange, is_stream=is_stream))
            try:
                async for chunk in exchange.reply.chunks():
                    if first_byte_at is None:
                        first_byte_at = self._clock.now()
                        counted.first_byte()
                    passing = relay.feed(chunk)
                    if passing:
                        await send(_part(passing))
                await send(_part(relay.rest(), last=True))
            except EngineNotReached:
                if not gone.done():
                    await _break_off(send, is_stream=is_stream)
        finally:
            hang_up.cancel()
            with suppress(asyncio.CancelledError):
                await hang_up
            await exchange.reply.close()
            exchange.finish(relay.used, first_byte_at)
            counted.answered(exchange.reply.status_code, relay.used)


async def _break_off(send: Send, *, is_stream: bool) -> None:
    """End an answer whose status is sent already, and say so where that is possible.

    Half an event, if there is one, is dropped: it would swallow ours.
    """
    if not is_stream:
        message = "the engine broke off in the middle of its answer"
        raise ConnectionError(message)  # the server cuts the connection: no valid end is faked
    body = openai_body(502, "upstream_read_failed", "The worker broke off in mid-answer.")
    await send(_part(wire.error_event(body), last=True))


def _start(exchange: Exchange, *, is_stream: bool) -> dict[str, object]:
    headers = [(b"content-type", exchange.reply.content_type.encode())]
    if is_stream:
        headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
    headers.append((b"x-inventiv-instance", str(exchange.route.instance_id).encode()))
    return {
        "type": "http.response.start",
        "status": exchange.reply.status_code,
        "headers": headers,
    }


def _part(body: bytes, *, last: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": not last}


async def _body(receive: Receive) -> bytes:
    """Read the whole request, up to the limit."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(status_code=HTTPStatus.BAD_REQUEST, detail="The caller left.")
        if message["type"] != "http.request":
            continue
        parts.append(message["body"])
        size += len(message["body"])
        if size > MAX_BODY_BYTES:
            raise HTTPException(
                status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                detail=f"The body is larger than {MAX_BODY_BYTES} bytes.",
            )
        if not message["more_body"]:
            return b"".join(parts)


async def _gone(receive: Receive) -> None:
    """Return when the caller has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _hang_up(exchange: Exchange, gone: asyncio.Task[None]) -> None:
    """Stop the engine's work when the caller leaves."""
    await asyncio.wait({gone})
    await exchange.reply.close()


async def _unless(gone: asyncio.Task[None], answer: Awaitable[Exchange]) -> Exchange | None:
    """Return the answer, or ``None`` if the caller left before there was one."""
    waiting = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not waiting.done():
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
    return None if waiting.cancelled() else waiting.result()
