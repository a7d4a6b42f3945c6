"""Every request has an id: the caller's, or one of ours. It is in the answer and in the log."""

import re
from typing import Any, Final
from uuid import UUID

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from inventiv_core.kernel.ids import NewId

HEADER: Final = b"x-request-id"
_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_KEY: Final = "inventiv_request_id"


def request_id(scope: Any) -> str:
    """Return the id of the request."""
    return str(scope.get(_KEY, ""))


def assign(scope: Any, given: bytes, otherwise: UUID) -> str:
    """Give the request its id: the one it was given, if that is fit to be one."""
    known = given.decode() if given and _ACCEPTED.fullmatch(given) else _text(otherwise)
    scope[_KEY] = known
    return known


def _text(number: UUID) -> str:
    """Return ``str(number)``, at half the price: one for each call."""
    digits = number.bytes.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def with_request_ids(new_id: NewId) -> Any:
    """Return a middleware that gives ids to requests."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            given = next((value for name, value in scope["headers"] if name == HEADER), b"")
            known = assign(scope, given, new_id()).encode()

            async def reply(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (HEADER, known)]
                await send(message)

            with structlog.contextvars.bound_contextvars(request_id=request_id(scope)):
                await app(scope, receive, reply)

        return handle

    return middleware
