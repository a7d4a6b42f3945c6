"""The cookie that carries a session."""

from datetime import timedelta
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from inventiv_http.settings import Settings

NO_TIME = timedelta(0)


def session_cookie(
    request: Request[Any, Any, Any],
    settings: Settings,
    token: str,
    *,
    lifetime: timedelta,
) -> Cookie:
    """Return the cookie for ``token``; with no lifetime, the one that clears it.

    Unless the operator says otherwise, it is for TLS only as soon as the caller, or the
    public address of this server, uses TLS.
    """
    return Cookie(
        key=settings.session_cookie_name,
        value=token,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_secure(request, settings),
        max_age=int(lifetime.total_seconds()),
    )


def _is_secure(request: Request[Any, Any, Any], settings: Settings) -> bool:
    if settings.cookie_secure is not None:
        return settings.cookie_secure
    public = settings.public_url or ""
    return request.scope["scheme"] == "https" or public.startswith("https://")
