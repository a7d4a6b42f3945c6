"""What people can do with organizations: found them, look at them, change them, give them up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from inventiv_core.identity.access import Actor, OrganizationId, Permission, Role
from inventiv_core.identity.entities.acts import Act, ActKind, Subject
from inventiv_core.identity.entities.names import name_of
from inventiv_core.identity.entities.organizations import (
    LONGEST_NAME,
    Membership,
    Organization,
    slug_of,
)
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.identity.errors.organizations import OrganizationHasInstances
from inventiv_core.identity.errors.sessions import NotAMember
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.ports.organizations import OrganizationQueries
from inventiv_core.identity.ports.sessions import SessionTokens
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.identity.use_cases.sessions import Switched, switch
from inventiv_core.identity.views.organizations import OrganizationRow
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrganizations:
    """List the organizations one belongs to."""

    organization_queries: OrganizationQueries

    async def __call__(self, *, actor: Actor) -> Sequence[OrganizationRow]:
        """Return them, the newest first."""
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        return await self.organization_queries.list(user_id, limit=MAX_PAGE_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrganization:
    """Look at the organization one works in."""

    organization_queries: OrganizationQueries

    async def __call__(self, *, actor: Actor) -> OrganizationRow:
        """Return it, with one's role.

        Raises:
            NotAMember: One does not belong there any more.
        """
        organization_id = actor.must_in_organization(Permission.USE_ORGANIZATION)
        user_id = actor.must_be_user(Permission.USE_ORGANIZATION)
        row = await self.organization_queries.find(organization_id, user_id)
        if row is None:
            raise NotAMember
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """A new organization."""

    organization: OrganizationRow
    switched: Switched | None
    """The session, if it works in the new organization now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrganization:
    """Found an organization, and own it."""

    unit_of_work: UnitOfWork[IdentityWork]
    session_tokens: SessionTokens
    clock: Clock
    new_id: NewId

    async def __call__(
        self, name: str, slug: str | None = None, *, set_as_current: bool = True, actor: Actor
    ) -> Founded:
        """Store it with its owner and, if wanted, work there: all of it, or nothing.

        Without a ``slug``, the name makes one.

        Raises:
            NameRequired: The name is blank.
            NameTooLong: It is too long.
            SlugTaken: Another organization has the slug.
            SessionMissing: It is to be the workspace, and there is no session.
        """
        user_id = actor.must_be_user(Permission.USE_ACCOUNT)
        name, now = name_of(name, longest=LONGEST_NAME), self.clock.now()
        organization_id = OrganizationId(self.new_id())
        organization = Organization(
            id=organization_id,
            name=name,
            slug=slug_of(slug if slug and slug.strip() else name, organization_id),
            created_by_user_id=user_id,
            created_at=now,
        )
        owner = Membership(
            organization_id=organization_id, user_id=user_id, role=Role.OWNER, created_at=now
        )
        async with self.unit_of_work() as work:
            await work.organizations.add(organization)
            await work.organizations.add_member(owner)
            act = Act(
                id=self.new_id(),
                kind=ActKind.ORG_CREATED,
                actor=actor,
                organization_id=organization_id,
                subject=Subject.organization(organization),
                at=now,
                after={"name": name, "slug": organization.slug},
                facts={"organization_id": organization_id},
            )
            await enter(act, work)
            switched = None
            if set_as_current:
                switched = await switch(
                    organization_id, actor, work, tokens=self.session_tokens, clock=self.clock
                )
        row = OrganizationRow(
            id=organization_id,
            name=name,
            slug=organization.slug,
            created_at=now,
            role=Role.OWNER,
            member_count=1,
        )
        return Founded(organization=row, switched=switched)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOrganization:
    """Give an organization another name, or another slug."""

    unit_of_work: UnitOfWork[IdentityWork]
    organization_queries: OrganizationQueries
    clock: Clock
    new_id: NewId

    async def __call__(
        self, *, name: str | None = None, slug: str | None = None, actor: Actor
    ) -> OrganizationRow:
        """Change what is given; return what it is now.

        Raises:
            NameRequired: The name is blank.
            NameTooLong: It is too long.
            NotAMember: One does not belong there any more.
            SlugTaken: Another organization has the slug.
        """
        organization_id = actor.must_in_organization(Permission.MANAGE_ORGANIZATION)
        user_id = actor.must_be_user(Permission.MANAGE_ORGANIZATION)
        async with self.unit_of_work() as work:
            before, _ = await lock_as_owner(organization_id, actor, work)
            after = replace(
                before,
                name=before.name if name is None else name_of(name, longest=LONGEST_NAME),
                slug=before.slug if slug is None else slug_of(slug, organization_id),
            )
            if after != before:
                await self._save(before, after, actor, work)
        row = await self.organization_queries.find(organization_id, user_id)
        if row is None:
            raise NotAMember
        return row

    async def _save(
        self, before: Organization, after: Organization, actor: Actor, work: IdentityWork
    ) -> None:
        await work.organizations.save(after)
        changes = [
            field for field in ("name", "slug") if getattr(before, field) != getattr(after, field)
        ]
        act = Act(
            id=self.new_id(),
            kind=ActKind.ORG_UPDATED,
            actor=actor,
            organization_id=after.id,
            subject=Subject.organization(after),
            at=self.clock.now(),
            before={field: getattr(before, field) for field in changes},
            after={field: getattr(after, field) for field in changes},
            facts={"organization_id": after.id},
        )
        await enter(act, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOrganization:
    """Give an organization up.

    It stays as history, and so do its acts, its usage and its costs; its slug is free again.
    Whatever lets somebody into it ends.
    """

    unit_of_work: UnitOfWork[IdentityWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> None:
        """Delete it, unless it has machines.

        Raises:
            NotAMember: One does not belong there any more.
            OrganizationHasInstances: Some of its instances are not at rest.
        """
        organization_id = actor.must_in_organization(Permission.MANAGE_ORGANIZATION)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            organization, _ = await lock_as_owner(organization_id, actor, work, alone=True)
            instances = await work.estates.living_instances(organization_id)
            if instances:
                raise OrganizationHasInstances(instances=instances)
            await give_up(organization, actor, work, act_id=self.new_id(), now=now)


async def give_up(
    organization: Organization, actor: Actor, work: IdentityWork, *, act_id: UUID, now: datetime
) -> None:
    """Make history of an organization that is locked alone, and end every way into it."""
    organization_id = organization.id
    await work.organizations.save(replace(organization, deleted_at=now))
    invitations = await work.invitations.revoke_all(organization_id, at=now)
    members = await work.organizations.remove_members(organization_id)
    await work.api_keys.end_membership(organization_id, None, at=now)
    await work.sessions.close_workspace(organization_id)
    for user_id in members:
        await work.outbox.add(AccessChanged(user_id=user_id, occurred_at=now))
    act = Act(
        id=act_id,
        kind=ActKind.ORG_DELETED,
        actor=actor,
        organization_id=None,  # nobody is left to read the organization's own books
        subject=Subject.organization(organization),
        at=now,
        before={"name": organization.name, "slug": organization.slug},
        facts={
            "organization_id": organization_id,
            "members": len(members),
            "invitations": invitations,
        },
    )
    await enter(act, work)


async def lock_as_member(
    organization_id: OrganizationId, actor: Actor, work: IdentityWork, *, alone: bool = False
) -> tuple[Organization, Membership]:
    """Lock an organization, and return it with what the actor is in it now.

    That may be less than what the actor was when the request came in.

    Raises:
        NotAMember: The actor does not belong there any more, or it was deleted.
    """
    lock = work.organizations.lock_alone if alone else work.organizations.lock
    organization = await lock(organization_id)
    membership = None
    if organization is not None and actor.user_id is not None:
        membership = await work.organizations.find_member(organization_id, actor.user_id)
    if organization is None or membership is None:
        raise NotAMember
    return organization, membership


async def lock_as_owner(
    organization_id: OrganizationId, actor: Actor, work: IdentityWork, *, alone: bool = False
) -> tuple[Organization, Membership]:
    """Like `lock_as_member`, for what takes an owner.

    Raises:
        NotAMember: The actor does not belong there any more, or it was deleted.
        PermissionMissing: The actor is no owner any more.
    """
    organization, membership = await lock_as_member(organization_id, actor, work, alone=alone)
    if membership.role is not Role.OWNER:
        raise PermissionMissing(permission=Permission.MANAGE_ORGANIZATION)
    return organization, membership
