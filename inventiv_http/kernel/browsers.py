"""What browsers are told, and what pages of other sites may not do with their visitors' sessions.

Calls to models are left alone, unless a browser makes them: those carry an ``Origin``.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from inventiv_http.kernel.answers import reply
from inventiv_http.kernel.auth import fields_of
from inventiv_http.kernel.errors import openai_body
from inventiv_http.kernel.lanes import Lane
from inventiv_http.kernel.metrics import NO_ROUTE
from inventiv_http.kernel.request_ids import HEADER, request_id
from inventiv_http.settings import Settings

Header = tuple[bytes, bytes]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_MODELS: Final = "/v1/"
_DOCUMENTATION: Final = ("/docs", "/swagger-ui", "/api-docs")
_POLICY: Final = b"content-security-policy"

_FOR_ALL: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_FOR_ANSWERS: Final = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")
# Its page is Swagger UI, which comes from where the framework has it, with a script of its own
# in the page; what it calls is here.
_FOR_DOCUMENTATION: Final = (
    _POLICY,
    (
        b"default-src 'none'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
        b"style-src 'unsafe-inline' https://cdn.jsdelivr.net; "
        b"img-src data: https://cdn.jsdelivr.net; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
)
_TLS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")

_READABLE: Final = (
    b"idempotency-replayed, location, retry-after, x-request-id, x-ratelimit-limit-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, "
    b"x-ratelimit-reset-requests, x-ratelimit-reset-tokens"
)
_METHODS: Final = b"DELETE, GET, HEAD, PATCH, POST, PUT"
_REMEMBERED_S: Final = b"600"


def careful_with_browsers(settings: Settings, lane: Lane) -> Callable[[ASGIApp], ASGIApp]:
    """Return a middleware that sets headers, answers to CORS, and refuses foreign pages.

    Raises:
        SettingsInvalid: What is said of other origins is wrong.
    """
    return _Browsers(settings, lane).around


class _Browsers:
    """What an operator has chosen, made ready."""

    def __init__(self, settings: Settings, lane: Lane) -> None:
        self._lane = lane
        allowed = settings.allowed_origins()
        self._takes_all = b"*" in {origin.encode() for origin in allowed}
        self._named = frozenset(origin.encode() for origin in allowed - {"*"})
        self._own = self._named | {origin.encode() for origin in settings.own_origins()}
        self._cookie = settings.session_cookie_name.encode()
        always = (*_FOR_ALL, _TLS_ONLY) if settings.is_behind_tls else _FOR_ALL
        self._for_answers = (*always, _FOR_ANSWERS)
        self._for_documentation = (*always, _FOR_DOCUMENTATION)

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the application, with care taken."""

        # no coroutine of its own: a call to a model passes through here, and no more
        def handle(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if scope["type"] != ScopeType.HTTP:
                return app(scope, receive, send)
            origin = fields_of(scope).get(b"origin")
            if origin is not None:
                return self._visit(app, scope, receive, send, origin)
            if scope["method"] == "POST" and scope["path"].startswith(_MODELS):
                return app(scope, receive, send)
            return app(scope, receive, _with(send, self._headers(scope)))

        return handle

    def _headers(self, scope: Scope) -> tuple[Header, ...]:
        path = scope["path"]
        return self._for_documentation if path.startswith(_DOCUMENTATION) else self._for_answers

    async def _visit(
        self, app: ASGIApp, scope: Any, receive: Receive, send: Send, origin: bytes
    ) -> None:
        """Answer to a page, ours or not."""
        headers = dict(scope["headers"])
        permission = self._permission(origin)
        send = _with(send, (*self._headers(scope), *permission))
        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        if is_preflight and (self._takes_all or origin in self._named):
            await self._say(scope, send, 204, _preflight(headers))
        elif scope["method"] not in _SAFE and self._is_foreign(origin, headers):
            await self._refuse(scope, send, origin)
        else:
            await app(scope, receive, send)

    async def _refuse(self, scope: Any, send: Send, origin: bytes) -> None:
        code, detail = "foreign_origin", "A page of another site may not act with this session."
        if scope["path"].startswith(_MODELS):
            body = openai_body(403, code, detail)
        else:
            page = origin.decode("ascii", "replace")
            body = {"error": "forbidden", "message": code, "detail": detail, "origin": page}
        await self._say(scope, send, 403, [(b"content-type", b"application/json")], body)

    async def _say(
        self,
        scope: Any,
        send: Send,
        status: int,
        headers: Iterable[Header],
        body: dict[str, Any] | None = None,
    ) -> None:
        """Answer to what goes no further, with an id, and counted, as all else."""
        _, _, began_s = self._lane.enter(scope)
        known = request_id(scope)
        text = b"" if body is None else msgspec.json.encode({**body, "request_id": known})
        self._lane.answered(scope, status, began_s, route=NO_ROUTE)
        await reply(send, status, [*headers, (HEADER, known.encode())], text)

    def _permission(self, origin: bytes) -> tuple[Header, ...]:
        """Return what tells the browser that the page may read the answer; nothing if not."""
        if origin in self._named:
            return (
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", _READABLE),
                (b"vary", b"Origin"),
            )
        if self._takes_all:
            return (
                (b"access-control-allow-origin", b"*"),
                (b"access-control-expose-headers", _READABLE),
            )
        return ((b"vary", b"Origin"),) if self._named else ()

    def _is_foreign(self, origin: bytes, headers: dict[bytes, bytes]) -> bool:
        """Tell whether a page of another site acts with nothing but its visitor's cookie.

        What carries a token or a key was made by somebody who has it: no page can add one
        without having asked first.
        """
        if b"authorization" in headers or b"x-api-key" in headers:
            return False
        if not _has_cookie(headers.get(b"cookie", b""), self._cookie):
            return False
        return origin not in self._own and _host(origin) != headers.get(b"host", b"").lower()


def _has_cookie(cookies: bytes, name: bytes) -> bool:
    return any(cookie.partition(b"=")[0].strip() == name for cookie in cookies.split(b";"))


def _host(origin: bytes) -> bytes | None:
    """Return host and port of an origin as a ``Host`` header has them; none of ``null``."""
    return urlsplit(origin.lower()).netloc or None


def _preflight(headers: dict[bytes, bytes]) -> tuple[Header, ...]:
    asked = headers.get(b"access-control-request-headers", b"")
    return (
        (b"access-control-allow-methods", _METHODS),
        *([(b"access-control-allow-headers", asked)] if asked else []),
        (b"access-control-max-age", _REMEMBERED_S),
    )


def _with(send: Send, headers: tuple[Header, ...]) -> Send:
    async def reply(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return reply
