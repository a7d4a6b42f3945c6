"""What members of an organization can do with each other: look, change roles, remove, leave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inventiv_core.identity.access import Actor, OrganizationId, Permission, Role, UserId
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.members import (
    must_be_able_to_change,
    must_be_able_to_remove,
    role_of,
)
from inventiv_core.identity.entities.organizations import Membership
from inventiv_core.identity.errors.members import (
    LastOwnerCannotBeChanged,
    LastOwnerCannotBeRemoved,
    MemberNotFound,
)
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.organizations import OrganizationQueries
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.organizations import lock_as_member
from inventiv_core.identity.views.organizations import MemberRow
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMembers:
    """List who belongs to the organization one works in."""

    organization_queries: OrganizationQueries

    async def __call__(self, *, actor: Actor) -> Sequence[MemberRow]:
        """Return them, owners first."""
        organization_id = actor.must_in_organization(Permission.USE_ORGANIZATION)
        return await self.organization_queries.members(organization_id, limit=MAX_PAGE_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMemberRole:
    """Make something else of a member."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, user_id: UserId, role: str, *, actor: Actor) -> Role:
        """Return the role that the member has now; it counts from the next request on.

        Raises:
            NotAMember: The actor does not belong there any more.
            MemberNotFound: The user does not belong there.
            InvalidRole: There is no such role.
            RoleChangeNotAllowed: The actor's role does not allow it.
            LastOwnerCannotBeChanged: The organization would be left without an owner.
        """
        organization_id = actor.must_in_organization(Permission.USE_ORGANIZATION)
        async with self.unit_of_work() as work:
            _, own = await lock_as_member(organization_id, actor, work)
            member = await _member(organization_id, user_id, work)
            wanted = role_of(role)
            must_be_able_to_change(own.role, member.role, wanted)
            if wanted is member.role:
                return wanted
            if await _is_last_owner(member, work):
                raise LastOwnerCannotBeChanged
            await work.organizations.save_member(replace(member, role=wanted))
            now = self.clock.now()
            await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
            act = Act(
                id=self.new_id(),
                kind=ActKind.ORG_MEMBER_ROLE_UPDATED,
                actor=actor,
                organization_id=organization_id,
                subject=await _subject(user_id, work),
                at=now,
                before={"role": member.role},
                after={"role": wanted},
                facts={
                    "organization_id": organization_id,
                    "member_user_id": user_id,
                    "from_role": member.role,
                    "to_role": wanted,
                },
            )
            await enter(act, work)
        return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember:
    """End somebody's membership, or one's own."""

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, user_id: UserId | None = None, *, actor: Actor) -> None:
        """Remove the user, who loses access at once; without one, the actor leaves.

        Raises:
            NotAMember: The actor does not belong there any more.
            MemberNotFound: The user does not belong there.
            MemberRemoveNotAllowed: The actor's role does not allow it.
            LastOwnerCannotBeRemoved: The organization would be left without an owner.
        """
        organization_id = actor.must_in_organization(Permission.USE_ORGANIZATION)
        async with self.unit_of_work() as work:
            _, own = await lock_as_member(organization_id, actor, work)
            user_id = own.user_id if user_id is None else user_id
            member = await _member(organization_id, user_id, work)
            is_self = member.user_id == own.user_id
            must_be_able_to_remove(own.role, member.role, is_self=is_self)
            if await _is_last_owner(member, work):
                raise LastOwnerCannotBeRemoved
            await work.organizations.remove_member(organization_id, user_id)
            await work.sessions.leave_workspace(organization_id, user_id)
            now = self.clock.now()
            await work.api_keys.end_membership(organization_id, user_id, at=now)
            await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
            act = Act(
                id=self.new_id(),
                kind=ActKind.ORG_MEMBER_REMOVED,
                actor=actor,
                organization_id=organization_id,
                subject=await _subject(user_id, work),
                at=now,
                before={"role": member.role},
                facts={
                    "organization_id": organization_id,
                    "member_user_id": user_id,
                    "member_role": member.role,
                    "is_self": is_self,
                },
            )
            await enter(act, work)


async def _member(
    organization_id: OrganizationId, user_id: UserId, work: IdentityWork
) -> Membership:
    member = await work.organizations.find_member(organization_id, user_id)
    if member is None:
        raise MemberNotFound
    return member


async def _is_last_owner(member: Membership, work: IdentityWork) -> bool:
    """Tell whether nobody else owns the organization, which is locked."""
    if member.role is not Role.OWNER:
        return False
    return await work.organizations.count_owners(member.organization_id) <= 1


async def _subject(user_id: UserId, work: IdentityWork) -> Subject:
    user = await work.users.find(user_id)
    return Subject.user(user_id, "" if user is None else user.username)
