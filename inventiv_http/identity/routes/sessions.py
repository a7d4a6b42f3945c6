"""``/auth``: signing in and out, and one's sessions."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from inventiv_core.identity.access import Actor, Permission, SessionId
from inventiv_core.identity.use_cases.logins import LogIn, LogOut
from inventiv_core.identity.use_cases.sessions import ListSessions, RevokeSession
from inventiv_http.identity.cookies import NO_TIME, session_cookie
from inventiv_http.identity.schemas.sessions import (
    Credentials,
    LoginBody,
    RevokedBody,
    SessionBody,
    StatusBody,
)
from inventiv_http.kernel.auth import PUBLIC, caller, needs, session_token
from inventiv_http.settings import Settings


class Sessions(Controller):
    """Sign in and out."""

    path = "/auth"
    opt = needs(Permission.USE_ACCOUNT)
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
        lifetime = timedelta(seconds=settings.session_lifetime_s)
        cookie = session_cookie(request, settings, signed_in.token, lifetime=lifetime)
        return Response(LoginBody.of(signed_in.user), cookies=[cookie])

    @post("/logout", status_code=200, opt=PUBLIC, summary="Sign out")
    async def logout(
        self,
        request: Request[Any, Any, Any],
        log_out: NamedDependency[LogOut],
        settings: NamedDependency[Settings],
    ) -> Response[StatusBody]:
        await log_out(session_token(request), actor=caller(request))
        cleared = session_cookie(request, settings, "", lifetime=NO_TIME)
        return Response(StatusBody(), cookies=[cleared])

    @get("/sessions", summary="List one's own sessions")
    async def list(
        self, actor: NamedDependency[Actor], list_sessions: NamedDependency[ListSessions]
    ) -> list[SessionBody]:
        rows = await list_sessions(actor=actor)
        return [SessionBody.of(row, current=actor.session_id) for row in rows]

    @post("/sessions/{session_id:str}/revoke", status_code=200, summary="End another session")
    async def revoke(
        self,
        session_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        revoke_session: NamedDependency[RevokeSession],
    ) -> RevokedBody:
        await revoke_session(SessionId(session_id), actor=actor)
        return RevokedBody()
