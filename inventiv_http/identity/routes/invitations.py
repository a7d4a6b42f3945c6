"""Invitations: sent from ``/organizations/current/invitations``, received at ``/invitations``."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.invitations import InvitationId
from inventiv_core.identity.use_cases.acceptances import (
    AcceptInvitation,
    PreviewInvitation,
    RegisterInvited,
)
from inventiv_core.identity.use_cases.invitations import (
    InviteMember,
    ListInvitations,
    ResendInvitation,
    RevokeInvitation,
)
from inventiv_http.identity.cookies import session_cookie
from inventiv_http.identity.schemas.invitations import (
    InvitationBody,
    JoinedBody,
    NewInvitation,
    PreviewBody,
    Registration,
    Resending,
    SentBody,
)
from inventiv_http.identity.schemas.sessions import LoginBody, StatusBody
from inventiv_http.kernel.auth import PUBLIC, caller, needs
from inventiv_http.settings import Settings


class Invitations(Controller):
    """Invitations into the current organization."""

    path = "/organizations/current/invitations"
    opt = needs(Permission.INVITE_MEMBERS)
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get(opt=needs(Permission.USE_ORGANIZATION), summary="List the invitations")
    async def list(
        self, actor: NamedDependency[Actor], list_invitations: NamedDependency[ListInvitations]
    ) -> list[InvitationBody]:
        return [InvitationBody.of(invited) for invited in await list_invitations(actor=actor)]

    @post(status_code=200, summary="Invite somebody")
    async def invite(
        self,
        data: JSONBody[NewInvitation],
        actor: NamedDependency[Actor],
        invite_member: NamedDependency[InviteMember],
    ) -> SentBody:
        return SentBody.of(
            await invite_member(data.email, data.role, data.expires_in_days, actor=actor)
        )

    @post("/{invitation_id:str}/resend", status_code=200, summary="Send an invitation again")
    async def resend(
        self,
        invitation_id: FromPath[UUID],
        data: JSONBody[Resending],
        actor: NamedDependency[Actor],
        resend_invitation: NamedDependency[ResendInvitation],
    ) -> SentBody:
        wanted = InvitationId(invitation_id)
        return SentBody.of(await resend_invitation(wanted, data.expires_in_days, actor=actor))

    @delete("/{invitation_id:str}", status_code=200, summary="Take an invitation back")
    async def revoke(
        self,
        invitation_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        revoke_invitation: NamedDependency[RevokeInvitation],
    ) -> StatusBody:
        await revoke_invitation(InvitationId(invitation_id), actor=actor)
        return StatusBody()


class Acceptances(Controller):
    """Invitations, to whoever has got one."""

    opt = PUBLIC
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/invitations/{token:str}", summary="Look at an invitation")
    async def preview(
        self,
        request: Request[Any, Any, Any],
        token: FromPath[str],
        preview_invitation: NamedDependency[PreviewInvitation],
    ) -> PreviewBody:
        return PreviewBody.of(await preview_invitation(token, actor=caller(request)))

    @post(
        "/organizations/invitations/{token:str}/accept",
        status_code=200,
        opt=needs(Permission.USE_ACCOUNT),
        summary="Accept an invitation",
    )
    async def accept(
        self,
        token: FromPath[str],
        actor: NamedDependency[Actor],
        accept_invitation: NamedDependency[AcceptInvitation],
    ) -> JoinedBody:
        return JoinedBody.of(await accept_invitation(token, actor=actor))

    @post(
        "/invitations/{token:str}/register",
        status_code=200,
        summary="Make an account for the invited address, and accept",
    )
    async def register(
        self,
        request: Request[Any, Any, Any],
        token: FromPath[str],
        data: JSONBody[Registration],
        register_invited: NamedDependency[RegisterInvited],
        settings: NamedDependency[Settings],
    ) -> Response[LoginBody]:
        signed_in = await register_invited(token, data.account(), actor=caller(request))
        lifetime = timedelta(seconds=settings.session_lifetime_s)
        cookie = session_cookie(request, settings, signed_in.token, lifetime=lifetime)
        return Response(LoginBody.of(signed_in.user), cookies=[cookie])
