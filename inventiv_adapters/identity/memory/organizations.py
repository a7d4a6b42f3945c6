"""Organizations, in memory."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.errors.organizations import SlugTaken
from inventiv_core.identity.ports.organizations import OrganizationRepository


@dataclass(frozen=True, slots=True)
class _Members:
    """The memberships of one user, in the order in which they began."""

    memberships: tuple[Membership, ...]


class MemoryOrganizations(OrganizationRepository):
    """The organizations."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, organization: Organization) -> None:
        if await self.find_by_slug(organization.slug) is not None:
            raise SlugTaken(slug=organization.slug)
        self._database.table(Organization)[organization.id] = organization

    async def find_by_slug(self, slug: str) -> Organization | None:
        for organization in self._database.table(Organization).values():
            if organization.slug == slug:
                return organization
        return None

    async def add_member(self, membership: Membership) -> None:
        known = memberships(self._database, membership.user_id)
        if any(other.organization_id == membership.organization_id for other in known):
            return
        self._database.table(_Members)[membership.user_id] = _Members((*known, membership))

    async def find_member(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> Membership | None:
        return membership_of(self._database, user_id, organization_id)

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        known = sorted(
            memberships(self._database, user_id),
            key=lambda membership: (membership.created_at, membership.organization_id),
        )
        return [membership.organization_id for membership in known]


def memberships(database: MemoryDatabase, user_id: UUID) -> tuple[Membership, ...]:
    """Return where a user belongs."""
    members = database.table(_Members).get(user_id)
    return () if members is None else members.memberships


def membership_of(
    database: MemoryDatabase, user_id: UUID, organization_id: UUID | None
) -> Membership | None:
    """Return what a user is in an organization."""
    for membership in memberships(database, user_id):
        if membership.organization_id == organization_id:
            return membership
    return None
