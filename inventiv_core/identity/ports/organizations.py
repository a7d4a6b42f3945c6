"""Organizations, kept."""

from typing import Protocol

from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.identity.entities.organizations import Membership, Organization


class OrganizationRepository(Protocol):
    """Organizations and who belongs to them."""

    async def add(self, organization: Organization) -> None:
        """Store a new organization, or raise `SlugTaken`."""
        ...

    async def find_by_slug(self, slug: str) -> Organization | None:
        """Return the organization of that slug."""
        ...

    async def add_member(self, membership: Membership) -> None:
        """Store a membership; one that is already there stays as it is."""
        ...

    async def find_member(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> Membership | None:
        """Return what the user is in the organization."""
        ...

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        """Return where the user is a member, oldest membership first."""
        ...
