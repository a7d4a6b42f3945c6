"""Who may call which route: every route names its permission, and this finds out who calls.

Which credentials a route takes follows from the permission's line in the table of
`inventiv_core.identity.access`: whatever workers hold takes a worker's token, whatever API
keys may hold takes a key, too, and everything else takes a session.
"""

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.handlers import BaseRouteHandler

from inventiv_core.identity.access import HOLDERS, Actor, Holder, Permission
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.access import NoCurrentOrganization
from inventiv_core.identity.use_cases.callers import Presented
from inventiv_core.identity.use_cases.recognition import Recognised

_BEARER: Final = "Bearer "
_AUTHORIZATION: Final = b"authorization"
_API_KEY: Final = b"x-api-key"
_COOKIE: Final = b"cookie"
_USER_AGENT: Final = b"user-agent"
_FIELDS: Final = "inventiv_fields"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

_RULE = "permission"

PUBLIC = {_RULE: None}
"""Anybody may call this."""


def needs(permission: Permission) -> dict[str, Any]:
    """Return the option of a route that takes ``permission``."""
    return {_RULE: permission}


def has_rule(handler: BaseRouteHandler) -> bool:
    """Tell whether a route says who may call it."""
    return _RULE in handler.opt


def permission_of(handler: BaseRouteHandler) -> Permission | None:
    """Return what it takes to call a route; ``None`` if nothing does."""
    permission: Permission | None = handler.opt[_RULE]
    return permission


async def check_access(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Let in who may come in, before anything of the body is read."""
    if not has_rule(handler):  # documentation: Litestar's own routes
        return
    _must_be_exact(connection, handler)
    permission = permission_of(handler)
    if permission is not None and Holder.WORKER not in HOLDERS[permission]:
        actor = await _recognise(connection, permission)
        with suppress(NoCurrentOrganization):  # an answer of the use case's, in its route's words
            actor.must(permission)
    _must_be_json(connection, handler)


async def _recognise(
    connection: ASGIConnection[Any, Any, Any, Any], permission: Permission
) -> Actor:
    """Find out who calls, by the credentials that a route with this permission takes."""
    state = connection.app.state
    actor: Actor
    if Holder.KEY in HOLDERS[permission]:
        actor = await state.recognise_caller(_of(connection), actor=caller(connection))
    else:
        token = session_token(connection)
        recognised = await state.recognise_session()(token, actor=caller(connection))
        connection.scope["user"] = recognised
        actor = recognised.actor
    connection.scope["auth"] = actor
    return actor


def fields_of(scope: Any) -> Mapping[bytes, bytes]:
    """Return a request's headers by name. Of two of one name, the first counts.

    They are put together once for each request: several look at them on its way.
    """
    fields: Mapping[bytes, bytes] | None = scope.get(_FIELDS)
    if fields is None:
        fields = scope[_FIELDS] = dict(reversed(scope["headers"]))
    return fields


def presented(fields: Mapping[bytes, bytes], *, cookie_name: str) -> Presented:
    """Return the credentials among a request's headers."""
    cookies, key = fields.get(_COOKIE), fields.get(_API_KEY)
    return Presented(
        cookie=None if cookies is None else _cookie(cookies, cookie_name),
        api_key=None if key is None else key.decode("latin-1").strip() or None,
        bearer=bearer_of(fields),
    )


def bearer_of(fields: Mapping[bytes, bytes]) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header."""
    header = fields.get(_AUTHORIZATION, b"").decode("latin-1")
    return header.removeprefix(_BEARER).strip() if header.startswith(_BEARER) else None


def _cookie(cookies: bytes, wanted: str) -> str | None:
    """Return one cookie of a header (RFC 6265, section 5.4); of two with one name, the last."""
    found = None
    for cookie in cookies.decode("latin-1").split(";"):
        name, _, value = cookie.partition("=")
        if name.strip() == wanted:
            found = unquote(value.strip().strip('"'))
    return found


def _of(connection: ASGIConnection[Any, Any, Any, Any]) -> Presented:
    name: str = connection.app.state.settings.session_cookie_name
    return presented(fields_of(connection.scope), cookie_name=name)


def session_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the session token: the cookie's or, without the cookie, the bearer's."""
    shown = _of(connection)
    return shown.cookie or shown.bearer


def bearer_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header."""
    return bearer_of(fields_of(connection.scope))


def caller(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return where the call comes from. Only configured proxies can say otherwise."""
    agent = fields_of(connection.scope).get(_USER_AGENT, b"").decode("latin-1").strip()
    return Caller(ip_address=address_of(connection.scope), user_agent=agent[:512] or None)


def address_of(scope: Any) -> str | None:
    """Return the address that a request comes from."""
    client: tuple[str, int] | None = scope.get("client")
    return None if client is None else client[0]


def current_session(request: Request[Recognised, Any, Any]) -> Recognised:
    """Return who was recognised."""
    return request.user


def current_actor(request: Request[Recognised, Actor, Any]) -> Actor:
    """Return who acts."""
    return request.auth


def _must_be_exact(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Know no path with a slash at its end, which Litestar would take for the one without."""
    path = connection.scope.get("raw_path", b"")
    if path != b"/" and path.endswith(b"/") and not handler.opt.get("slash"):
        raise NotFoundException


def _must_be_json(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    if connection.scope.get("method") not in _WITH_BODY:
        return
    if "data" not in handler.parsed_fn_signature.parameters:
        return
    media_type = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise HTTPException(
            status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            detail="Send JSON, with Content-Type: application/json.",
        )
    is_chunked = "transfer-encoding" in connection.headers
    if not is_chunked and connection.headers.get("content-length", "0") == "0":
        raise ClientException(detail="Send JSON: the body is empty.")
