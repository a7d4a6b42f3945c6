"""The way of a call through the gateway: bytes in, bytes out, as they come."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Receive

from inventiv_core.identity.access import Actor
from inventiv_core.inference.entities.affinity import Affinity
from inventiv_core.inference.entities.usage import Delivery
from inventiv_core.inference.ports import EngineNotReached
from inventiv_core.inference.use_cases.forwarding import Exchange, ForwardInference, InferenceCall
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.errors import Invalid
from inventiv_http.inference import wire
from inventiv_http.inference.admission import headroom_headers
from inventiv_http.inference.presence import Presence
from inventiv_http.kernel.errors import openai_body
from inventiv_http.kernel.metrics import CountedCall, Metrics
from inventiv_http.kernel.request_ids import request_id

CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
PATHS: Final = (CHAT, COMPLETIONS, "/v1/embeddings", "/v1/responses", "/v1/rerank")
"""What is forwarded. An engine that does not know a path says so itself."""

_WITH_USAGE_OPTION: Final = frozenset({CHAT, COMPLETIONS})
"""Where streams say what they have used only if asked to."""

_EVENTS: Final = "text/event-stream"
_LONGEST_SESSION: Final = 256

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

    def __init__(
        self,
        forward_inference: ForwardInference,
        clock: Clock,
        metrics: Metrics,
        *,
        body_limit_bytes: int,
        prefix_bytes: int,
    ) -> None:
        self._forward = forward_inference
        self._clock = clock
        self._metrics = metrics
        self._body_limit_bytes = body_limit_bytes
        self._prefix_bytes = prefix_bytes

    async def handle(self, scope: HTTPScope, receive: Receive, send: Send, actor: Actor) -> None:
        """Answer one request. Errors before the first byte are raised."""
        if scope["method"] != "POST":
            raise HTTPException(
                status_code=HTTPStatus.METHOD_NOT_ALLOWED,
                detail="Use POST.",
                headers={"Allow": "POST"},
            )
        session, length = _headers(scope)
        if length > self._body_limit_bytes:
            raise self._too_large()
        body = await self._body(receive)
        try:
            asked = wire.head(body)
        except msgspec.MsgspecError as error:
            raise InvalidJson(reason=str(error)) from error
        path = scope["path"]
        call = InferenceCall(
            path=path,
            model=asked.model,
            streamed=bool(asked.stream),
            body_for=lambda model_id: wire.rewritten(
                body, model_id=model_id, asked=asked, adds_usage=path in _WITH_USAGE_OPTION
            ),
            size_bytes=len(body),
            request_id=request_id(scope),
            most_output_tokens=wire.most_output_tokens(asked),
            affinity=Affinity(
                session=session,
                beginning=lambda: wire.beginning(asked, size_bytes=self._prefix_bytes),
            ),
        )
        async with Presence(receive) as caller:
            with self._metrics.call(path) as counted:
                exchange = await self._forward(call, actor=actor)
                await self._relay(exchange, asked, caller, send, counted)

    async def _relay(
        self,
        exchange: Exchange,
        asked: wire.Head,
        caller: Presence,
        send: Send,
        counted: CountedCall,
    ) -> None:
        reply = exchange.reply
        is_stream = reply.content_type.startswith(_EVENTS)
        relay = (
            wire.EventRelay(hide_usage=not wire.wants_usage(asked))
            if is_stream
            else wire.PlainRelay()
        )
        first_byte_at: datetime | None = None
        is_whole = broke_off = False
        try:
            await send(_start(exchange, is_stream=is_stream))
            try:
                async for chunk in reply.chunks():
                    if first_byte_at is None:
                        first_byte_at = self._clock.now()
                        counted.first_byte()
                    passing = relay.feed(chunk)
                    if passing:
                        await send(_part(passing))
                is_whole = True
                caller.over()
                await send(_part(relay.rest(), last=True))
            except EngineNotReached:
                broke_off = True
                caller.over()
                await _break_off(send, is_stream=is_stream)
        finally:
            reply.close()
            exchange.finish(
                Delivery(
                    is_whole=is_whole,
                    broke_off=broke_off,
                    used=relay.used,
                    first_byte_at=first_byte_at,
                    events=relay.events,
                    size_bytes=relay.size_bytes,
                )
            )
            counted.answered(reply.status_code, relay.used)

    async def _body(self, receive: Receive) -> bytes:
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
            if size > self._body_limit_bytes:
                raise self._too_large()
            if not message["more_body"]:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> HTTPException:
        return HTTPException(
            status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            detail=f"The body is larger than {self._body_limit_bytes} bytes.",
        )


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
    reply = exchange.reply
    headers = [(b"content-type", reply.content_type.encode())]
    if is_stream:
        headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
    if reply.retry_after is not None:
        headers.append((b"retry-after", reply.retry_after.encode()))
    headers += [
        (name.encode(), value.encode()) for name, value in headroom_headers(exchange.headroom)
    ]
    headers.append((b"x-inventiv-instance", str(exchange.route.instance_id).encode()))
    return {"type": "http.response.start", "status": reply.status_code, "headers": headers}


def _part(body: bytes, *, last: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": not last}


def _headers(scope: HTTPScope) -> tuple[str | None, int]:
    """Return what the caller calls its session, and how long it says the body is."""
    session, length = None, 0
    for name, value in scope["headers"]:
        if name == b"x-inventiv-session":
            is_one = value.strip() and len(value) <= _LONGEST_SESSION
            session = value.decode("latin-1") if is_one else None
        elif name == b"content-length" and value.isdigit():
            length = int(value)
    return session, length
