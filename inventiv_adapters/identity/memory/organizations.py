"""Organizations, in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import OrganizationId, Role, UserId
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.organizations import SlugTaken
from inventiv_core.identity.ports.organizations import OrganizationQueries, OrganizationRepository
from inventiv_core.identity.views.organizations import MemberRow, OrganizationRow

_RANKS = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class _Members:
    """The memberships of one user, in the order in which they began."""

    memberships: tuple[Membership, ...]


class MemoryOrganizations(OrganizationRepository):
    """The organizations."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, organization: Organization) -> None:
        await self.save(organization)

    async def find_by_slug(self, slug: str) -> Organization | None:
        for organization in self._database.table(Organization).values():
            if organization.slug == slug and organization.deleted_at is None:
                return organization
        return None

    async def keep(self, organization_id: OrganizationId) -> bool:
        return await self.lock(organization_id) is not None

    async def lock(self, organization_id: OrganizationId) -> Organization | None:
        organization = self._database.table(Organization).get(organization_id)
        return None if organization is None or organization.deleted_at else organization

    async def lock_alone(self, organization_id: OrganizationId) -> Organization | None:
        return await self.lock(organization_id)

    async def save(self, organization: Organization) -> None:
        other = await self.find_by_slug(organization.slug)
        if other is not None and other.id != organization.id and organization.deleted_at is None:
            raise SlugTaken(slug=organization.slug)
        self._database.table(Organization)[organization.id] = organization

    async def add_member(self, membership: Membership) -> None:
        known = memberships(self._database, membership.user_id)
        if any(other.organization_id == membership.organization_id for other in known):
            return
        self._put(membership.user_id, (*known, membership))

    async def find_member(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> Membership | None:
        return membership_of(self._database, user_id, organization_id)

    async def has_member_at(self, organization_id: OrganizationId, email: str) -> bool:
        users = self._database.table(User)
        return any(
            users[membership.user_id].email == email
            for membership in members_of(self._database, organization_id)
        )

    async def save_member(self, membership: Membership) -> None:
        known = memberships(self._database, membership.user_id)
        changed = tuple(
            replace(other, role=membership.role)
            if other.organization_id == membership.organization_id
            else other
            for other in known
        )
        self._put(membership.user_id, changed)

    async def remove_member(self, organization_id: OrganizationId, user_id: UserId) -> None:
        known = memberships(self._database, user_id)
        self._put(
            user_id, tuple(other for other in known if other.organization_id != organization_id)
        )

    async def remove_members(self, organization_id: OrganizationId) -> Sequence[UserId]:
        members = sorted(
            membership.user_id for membership in members_of(self._database, organization_id)
        )
        for user_id in members:
            await self.remove_member(organization_id, user_id)
        return members

    async def count_owners(self, organization_id: OrganizationId) -> int:
        members = members_of(self._database, organization_id)
        return sum(membership.role is Role.OWNER for membership in members)

    async def count_members(self, organization_id: OrganizationId) -> int:
        return len(list(members_of(self._database, organization_id)))

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        known = sorted(
            memberships(self._database, user_id),
            key=lambda membership: (membership.created_at, membership.organization_id),
        )
        return [membership.organization_id for membership in known]

    def _put(self, user_id: UserId, known: tuple[Membership, ...]) -> None:
        self._database.table(_Members)[user_id] = _Members(known)


class MemoryOrganizationQueries(OrganizationQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, user_id: UserId, *, limit: int) -> Sequence[OrganizationRow]:
        rows = [self._row(membership) for membership in memberships(self._database, user_id)]
        rows.sort(key=lambda row: (row.created_at, row.id), reverse=True)
        return rows[:limit]

    async def find(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> OrganizationRow | None:
        membership = membership_of(self._database, user_id, organization_id)
        return None if membership is None else self._row(membership)

    async def members(self, organization_id: OrganizationId, *, limit: int) -> Sequence[MemberRow]:
        users = self._database.table(User)
        members = sorted(
            members_of(self._database, organization_id),
            key=lambda member: (_RANKS[member.role], member.created_at, member.user_id),
        )
        return [_member(users[membership.user_id], membership) for membership in members[:limit]]

    def _row(self, membership: Membership) -> OrganizationRow:
        organization = self._database.table(Organization)[membership.organization_id]
        return OrganizationRow(
            id=organization.id,
            name=organization.name,
            slug=organization.slug,
            created_at=organization.created_at,
            role=membership.role,
            member_count=len(list(members_of(self._database, organization.id))),
        )


def _member(user: User, membership: Membership) -> MemberRow:
    return MemberRow(
        user_id=user.id,
        username=user.username,
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        role=membership.role,
        created_at=membership.created_at,
    )


def memberships(database: MemoryDatabase, user_id: UUID) -> tuple[Membership, ...]:
    """Return where a user belongs."""
    members = database.table(_Members).get(user_id)
    return () if members is None else members.memberships


def members_of(database: MemoryDatabase, organization_id: UUID) -> Iterator[Membership]:
    """Yield who belongs to an organization."""
    for known in database.table(_Members).values():
        for membership in known.memberships:
            if membership.organization_id == organization_id:
                yield membership


def membership_of(
    database: MemoryDatabase, user_id: UUID, organization_id: UUID | None
) -> Membership | None:
    """Return what a user is in an organization."""
    for membership in memberships(database, user_id):
        if membership.organization_id == organization_id:
            return membership
    return None


def forget_member(database: MemoryDatabase, user_id: UUID) -> None:
    """Drop the memberships of a user who is gone."""
    database.table(_Members).pop(user_id, None)
