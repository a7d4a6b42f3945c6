"""What members can do with invitations: send them, see them, send them again, take them back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from inventiv_core.identity.access import Actor, OrganizationId, Permission, Role, UserId
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.attempts import Allowance
from inventiv_core.identity.entities.invitations import (
    Invitation,
    InvitationId,
    InvitationState,
    lifetime_of,
)
from inventiv_core.identity.entities.mails import Mail, MailKind
from inventiv_core.identity.entities.members import must_be_able_to_invite, role_of
from inventiv_core.identity.entities.names import address_of
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.errors.invitations import (
    InvitationAlreadyExists,
    InvitationNotFound,
    UserAlreadyMember,
)
from inventiv_core.identity.ports.invitations import InvitationQueries
from inventiv_core.identity.ports.mails import LinkTokens
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.organizations import lock_as_member
from inventiv_core.identity.views.invitations import InvitationRow
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An invitation, and where it stands at this moment."""

    row: InvitationRow
    state: InvitationState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInvitations:
    """List the invitations into the organization one works in."""

    invitation_queries: InvitationQueries
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Sequence[Invited]:
        """Return them, whatever became of them, the newest first."""
        organization_id = actor.must_in_organization(Permission.USE_ORGANIZATION)
        rows = await self.invitation_queries.list(organization_id, limit=MAX_PAGE_ROWS)
        now = self.clock.now()
        return [Invited(row=row, state=row.state(now)) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An invitation on its way. Its token is shown here and never again."""

    invitation: Invitation
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteMember:
    """Ask somebody to join, by mail."""

    unit_of_work: UnitOfWork[IdentityWork]
    link_tokens: LinkTokens
    clock: Clock
    new_id: NewId
    sending_allowance: Allowance

    async def __call__(
        self,
        email: str,
        role: str | None = None,
        expires_in_days: int | None = None,
        *,
        actor: Actor,
    ) -> Sent:
        """Store the invitation, and have it sent. The order of the checks is part of the API.

        An earlier invitation that has expired makes room for this one.

        Raises:
            EmailRequired: There is no address.
            InvalidEmailFormat: It is not one.
            InvalidRole: There is no such role.
            InvalidExpiresInDays: It would last too long, or not at all.
            NotAMember: The actor does not belong there any more.
            CannotInviteOwnerOrAdminRole: That takes an owner.
            InsufficientPermissionsToInvite: That takes another role.
            UserAlreadyMember: Whoever has the address belongs there.
            InvitationAlreadyExists: The address has an invitation that waits for an answer.
            TooManyAttempts: The actor has sent too many of late.
        """
        organization_id = actor.must_in_organization(Permission.INVITE_MEMBERS)
        user_id = actor.must_be_user(Permission.INVITE_MEMBERS)
        address, wanted = address_of(email), role_of(Role.USER if role is None else role)
        now, lifetime = self.clock.now(), lifetime_of(expires_in_days)
        invitation_id = InvitationId(self.new_id())
        token = self.link_tokens.derive(MailKind.INVITATION, invitation_id, 1)
        invitation = Invitation(
            id=invitation_id,
            organization_id=organization_id,
            email=address,
            role=wanted,
            token_hash=self.link_tokens.hash(token),
            generation=1,
            invited_by_user_id=user_id,
            invited_by_name=actor.name or "",
            created_at=now,
            expires_at=now + lifetime,
        )
        async with self.unit_of_work() as work:
            organization, own = await lock_as_member(organization_id, actor, work)
            must_be_able_to_invite(own.role, wanted)
            if await work.organizations.has_member_at(organization_id, address):
                raise UserAlreadyMember
            await _make_room(invitation, work)
            await _must_be_few(user_id, work, allowance=self.sending_allowance, now=now)
            await work.invitations.add(invitation)
            await work.mails.add(_mail(invitation, organization, id=self.new_id(), at=now))
            act = Act(
                id=self.new_id(),
                kind=ActKind.ORG_INVITATION_CREATED,
                actor=actor,
                organization_id=organization_id,
                subject=Subject.invitation(invitation),
                at=now,
                after={"role": wanted, "expires_at": invitation.expires_at},
                facts=facts_of(invitation),
            )
            await enter(act, work)
        return Sent(invitation=invitation, token=token)


async def _must_be_few(
    user_id: UserId, work: IdentityWork, *, allowance: Allowance, now: datetime
) -> None:
    """Count one more mail to an address that somebody has named; raise if these are too many."""
    made = await work.attempts.count(f"invitations of {user_id}", at=now, window=allowance.window)
    allowance.must_cover(made, now=now)


async def _make_room(invitation: Invitation, work: IdentityWork) -> None:
    """Put away what the address had before, if it has expired; else raise."""
    now = invitation.created_at
    known = await work.invitations.find_open(invitation.organization_id, invitation.email)
    if known is None:
        return
    if known.state(now) is InvitationState.PENDING:
        raise InvitationAlreadyExists
    await work.invitations.save(known.revoke(at=now))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendInvitation:
    """Send an invitation again, in one's own name, with another link."""

    unit_of_work: UnitOfWork[IdentityWork]
    link_tokens: LinkTokens
    clock: Clock
    new_id: NewId
    sending_allowance: Allowance

    async def __call__(
        self, invitation_id: InvitationId, expires_in_days: int | None = None, *, actor: Actor
    ) -> Sent:
        """Begin its time anew; the link that was sent before is dead.

        Raises:
            InvalidExpiresInDays: It would last too long, or not at all.
            NotAMember: The actor does not belong there any more.
            InvitationNotFound: There is none of that id, or it was revoked.
            CannotInviteOwnerOrAdminRole: That takes an owner.
            InsufficientPermissionsToInvite: That takes another role.
            InvitationAlreadyAccepted: There is nothing left to ask.
            UserAlreadyMember: Whoever has the address belongs there.
            TooManyAttempts: The actor has sent too many of late.
        """
        organization_id = actor.must_in_organization(Permission.INVITE_MEMBERS)
        user_id = actor.must_be_user(Permission.INVITE_MEMBERS)
        now, lifetime = self.clock.now(), lifetime_of(expires_in_days)
        async with self.unit_of_work() as work:
            organization, before = await _lock_to_manage(
                invitation_id, organization_id, actor, work
            )
            generation = before.generation + 1
            token = self.link_tokens.derive(MailKind.INVITATION, before.id, generation)
            after = before.renew(
                token_hash=self.link_tokens.hash(token),
                by=user_id,
                name=actor.name or "",
                lifetime=lifetime,
                at=now,
            )
            if await work.organizations.has_member_at(organization_id, before.email):
                raise UserAlreadyMember
            await _must_be_few(user_id, work, allowance=self.sending_allowance, now=now)
            await work.invitations.save(after)
            await work.mails.add(_mail(after, organization, id=self.new_id(), at=now))
            act = Act(
                id=self.new_id(),
                kind=ActKind.ORG_INVITATION_RESENT,
                actor=actor,
                organization_id=organization_id,
                subject=Subject.invitation(after),
                at=now,
                before={"expires_at": before.expires_at},
                after={"expires_at": after.expires_at},
                facts=facts_of(after),
            )
            await enter(act, work)
        return Sent(invitation=after, token=token)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeInvitation:
    """Take an invitation back."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, invitation_id: InvitationId, *, actor: Actor) -> None:
        """Revoke it at once: its link is dead.

        Raises:
            NotAMember: The actor does not belong there any more.
            InvitationNotFound: There is none of that id, or it was revoked.
            CannotInviteOwnerOrAdminRole: That takes an owner.
            InsufficientPermissionsToInvite: That takes another role.
            InvitationAlreadyAccepted: It is too late.
        """
        organization_id = actor.must_in_organization(Permission.INVITE_MEMBERS)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            _, invitation = await _lock_to_manage(invitation_id, organization_id, actor, work)
            await work.invitations.save(invitation.revoke(at=now))
            act = Act(
                id=self.new_id(),
                kind=ActKind.ORG_INVITATION_REVOKED,
                actor=actor,
                organization_id=organization_id,
                subject=Subject.invitation(invitation),
                at=now,
                facts=facts_of(invitation),
            )
            await enter(act, work)


async def _lock_to_manage(
    invitation_id: InvitationId, organization_id: OrganizationId, actor: Actor, work: IdentityWork
) -> tuple[Organization, Invitation]:
    """Return an invitation that the actor might have sent."""
    organization, own = await lock_as_member(organization_id, actor, work)
    invitation = await work.invitations.lock(invitation_id, owner=organization_id)
    if invitation is None:
        raise InvitationNotFound
    must_be_able_to_invite(own.role, invitation.role)
    return organization, invitation


def facts_of(invitation: Invitation) -> dict[str, object]:
    """Return what clients expect to find in the books about an invitation."""
    return {
        "organization_id": invitation.organization_id,
        "invitation_id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
    }


def _mail(invitation: Invitation, organization: Organization, *, id: UUID, at: datetime) -> Mail:
    return Mail(
        id=id,
        kind=MailKind.INVITATION,
        recipient=invitation.email,
        link_id=invitation.id,
        generation=invitation.generation,
        facts={
            "organization_name": organization.name,
            "invited_by": invitation.invited_by_name,
            "role": invitation.role,
            "expires_at": invitation.expires_at.isoformat(),
        },
        created_at=at,
    )
