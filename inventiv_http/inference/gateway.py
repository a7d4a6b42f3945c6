"""The way of a call into the gateway: who calls, what for, and what is said if that is refused.

Calls are taken before Litestar's router: its layers would cost more than all that is done here.
"""

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from litestar.exceptions import HTTPException
from litestar.types import HTTPScope, Receive

from inventiv_core.identity.access import Permission
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.use_cases.callers import RecogniseCaller
from inventiv_core.inference.entities.affinity import Affinity
from inventiv_core.inference.use_cases.forwarding import ForwardInference, InferenceCall
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.errors import Invalid
from inventiv_http.connections.line import AsgiLine, Send, call_of
from inventiv_http.inference import wire
from inventiv_http.inference.presence import Presence
from inventiv_http.inference.relaying import Relaying
from inventiv_http.kernel.auth import address_of, presented
from inventiv_http.kernel.lanes import Fields, Lane
from inventiv_http.kernel.request_ids import request_id

CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
PATHS: Final = (CHAT, COMPLETIONS, "/v1/embeddings", "/v1/responses", "/v1/rerank")
"""What is forwarded. An engine that does not know a path says so itself."""

_WITH_USAGE_OPTION: Final = frozenset({CHAT, COMPLETIONS})
"""Where streams say what they have used only if asked to."""

_LONGEST_SESSION: Final = 256


@dataclass(eq=False, kw_only=True)
class InvalidJson(Invalid):
    """The body is not valid JSON, or a field of it is of the wrong kind."""

    reason: str

    def __str__(self) -> str:
        return f"This is not valid JSON: {self.reason}"


@dataclass(slots=True, kw_only=True)
class Gateway:
    """Forwards one call after another; knows nothing of what they say."""

    recognise_caller: RecogniseCaller
    forward_inference: ForwardInference
    clock: Clock
    lane: Lane
    cookie_name: str
    body_limit_bytes: int
    prefix_bytes: int

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        number, fields, began_s = self.lane.enter(scope)
        call = call_of(receive)
        line = call if call is not None and call_of(send) is call else AsgiLine(send)
        relaying = Relaying(self.clock, self.lane.metrics, scope, line, began_s=began_s)
        try:
            shown = presented(fields, cookie_name=self.cookie_name)
            actor = await self.recognise_caller(shown, actor=_calling(address_of(scope)))
            actor.must(Permission.INFER)  # before anything of the body is read
            body = None if call is None else call.take_whole()
            if body is None:
                body = await self._body(fields, receive)
            if len(body) > self.body_limit_bytes:
                raise self._too_large()  # noqa: TRY301 - as everything else that is wrong
            asked = _asked(body)
            wanted = self._call(number, scope, fields, body, asked)
            with Presence(receive, call) as caller:
                exchange = await self.forward_inference(wanted, actor=actor)
                await relaying.relay(exchange, asked, caller)
        except Exception as error:
            if relaying.has_begun:
                raise  # the server cuts the connection: no valid end is faked
            await self.lane.refuse(error, scope, receive, cast("Any", send), began_s)
        finally:
            relaying.end()

    def _call(
        self, number: UUID, scope: HTTPScope, fields: Fields, body: bytes, asked: wire.Head
    ) -> InferenceCall:
        path = scope["path"]
        return InferenceCall(
            id=number,
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
                session=_session(fields),
                beginning=lambda: wire.beginning(asked, size_bytes=self.prefix_bytes),
            ),
        )

    async def _body(self, fields: Fields, receive: Receive) -> bytes:
        """Read the whole request, up to the limit."""
        length = fields.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.body_limit_bytes:
            raise self._too_large()
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
            if size > self.body_limit_bytes:
                raise self._too_large()
            if not message["more_body"]:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> HTTPException:
        return HTTPException(
            status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            detail=f"The body is larger than {self.body_limit_bytes} bytes.",
        )


def _asked(body: bytes) -> wire.Head:
    try:
        return wire.head(body)
    except msgspec.MsgspecError as error:
        raise InvalidJson(reason=str(error)) from error


@lru_cache(1024)
def _calling(address: str | None) -> Caller:
    """Return where a call comes from: mostly, it is where others came from."""
    return Caller(ip_address=address)


def _session(fields: Fields) -> str | None:
    """Return what the caller calls a conversation."""
    session = fields.get(b"x-inventiv-session")
    if session is None:
        return None
    is_one = session.strip() and len(session) <= _LONGEST_SESSION
    return session.decode("latin-1") if is_one else None
