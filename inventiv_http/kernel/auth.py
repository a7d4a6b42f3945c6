"""Who may call which route: every route names its permission, and this finds out who calls.

Which credentials a route takes follows from the permission's line in the table of
`inventiv_core.identity.access`: whatever workers hold takes a worker's token, whatever API
keys may hold takes a key, too, and everything else takes a session.
"""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.handlers import BaseRouteHandler

from inventiv_core.identity.access import HOLDERS, Actor, Holder, Permission
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.access import NoCurrentOrganization
from inventiv_core.identity.use_cases.callers import Presented
from inventiv_core.identity.use_cases.recognition import Recognised

_BEARER = "Bearer "
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
        actor = await state.recognise_caller(_presented(connection), actor=caller(connection))
    else:
        token = session_token(connection)
        recognised = await state.recognise_session()(token, actor=caller(connection))
        connection.scope["user"] = recognised
        actor = recognised.actor
    connection.scope["auth"] = actor
    return actor


def _presented(connection: ASGIConnection[Any, Any, Any, Any]) -> Presented:
    return Presented(
        cookie=connection.cookies.get(connection.app.state.settings.session_cookie_name),
        api_key=connection.headers.get("x-api-key", "").strip() or None,
        bearer=bearer_token(connection),
    )


def session_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the session token: the cookie's or, without the cookie, the bearer's."""
    cookie = connection.cookies.get(connection.app.state.settings.session_cookie_name)
    return cookie or bearer_token(connection)


def bearer_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header."""
    header = connection.headers.get("authorization", "")
    return header.removeprefix(_BEARER).strip() if header.startswith(_BEARER) else None


def caller(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return where the call comes from. Only configured proxies can say otherwise."""
    agent = connection.headers.get("user-agent", "").strip()
    client = connection.client
    return Caller(
        ip_address=None if client is None else client.host, user_agent=agent[:512] or None
    )


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
