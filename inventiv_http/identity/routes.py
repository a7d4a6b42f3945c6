"""``/auth``"""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody

from inventiv_core.identity.use_cases import LogIn, LogOut, Recognised
from inventiv_http.identity.schemas import Credentials, LoginBody, MeBody, StatusBody
from inventiv_http.kernel.auth import PUBLIC, SESSION, caller, session_token
from inventiv_http.settings import Settings


def session_cookie(settings: Settings, token: str, *, lifetime_s: int) -> Cookie:
    """Return the cookie that carries a session; with no lifetime, the one that clears it."""
    return Cookie(
        key=settings.session_cookie_name,
        value=token,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.cookie_secure,
        max_age=lifetime_s,
    )


class Sessions(Controller):
    """Sign in and out."""

    path = "/auth"
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @post("/login", status_code=200, opt=PUBLIC, summary="Sign in")
    async def login(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[Credentials],
        log_in: NamedDependency[LogIn],
        settings: NamedDependency[Settings],
    ) -> Response[LoginBody]:
        signed_in = await log_in(data.email, data.password, actor=caller(request))
        cookie = session_cookie(settings, signed_in.token, lifetime_s=settings.session_lifetime_s)
        return Response(LoginBody.of(signed_in.user), cookies=[cookie])

    @post("/logout", status_code=200, opt=PUBLIC, summary="Sign out")
    async def logout(
        self,
        request: Request[Any, Any, Any],
        log_out: NamedDependency[LogOut],
        settings: NamedDependency[Settings],
    ) -> Response[StatusBody]:
        await log_out(session_token(request), actor=caller(request))
        return Response(StatusBody(), cookies=[session_cookie(settings, "", lifetime_s=0)])

    @get("/me", opt=SESSION, summary="Who am I?")
    async def me(self, session: NamedDependency[Recognised]) -> MeBody:
        return MeBody.of(session.session)
