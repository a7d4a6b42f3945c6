"""Organizations, kept."""

from collections.abc import Sequence
from typing import Protocol

from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.identity.entities.organizations import Membership, Organization
from inventiv_core.identity.views.organizations import MemberRow, OrganizationRow


class OrganizationRepository(Protocol):
    """Organizations and who belongs to them. What is deleted cannot be found.

    Whatever changes who belongs to an organization, or as what, locks it first; then
    users, by id; then their sessions. So nobody waits in a circle.
    """

    async def add(self, organization: Organization) -> None:
        """Store a new organization, or raise `SlugTaken`."""
        ...

    async def find_by_slug(self, slug: str) -> Organization | None:
        """Return the organization of that slug."""
        ...

    async def keep(self, organization_id: OrganizationId) -> bool:
        """Tell whether it is there, and let nobody delete it until the end of the work."""
        ...

    async def lock(self, organization_id: OrganizationId) -> Organization | None:
        """Return it, and let nobody else lock it until the end of the work.

        Waits for others who have it locked, and sees what they have done.
        """
        ...

    async def lock_alone(self, organization_id: OrganizationId) -> Organization | None:
        """Like `lock`, and wait for those, too, who `keep` it: to delete it."""
        ...

    async def save(self, organization: Organization) -> None:
        """Replace what is stored of a locked organization, or raise `SlugTaken`."""
        ...

    async def add_member(self, membership: Membership) -> None:
        """Store a membership; one that is already there stays as it is."""
        ...

    async def find_member(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> Membership | None:
        """Return what the user is in the organization."""
        ...

    async def has_member_at(self, organization_id: OrganizationId, email: str) -> bool:
        """Tell whether somebody with that address, in lower case, is a member."""
        ...

    async def save_member(self, membership: Membership) -> None:
        """Replace the role in a membership that is there."""
        ...

    async def remove_member(self, organization_id: OrganizationId, user_id: UserId) -> None:
        """End a membership; one that is not there is no matter."""
        ...

    async def remove_members(self, organization_id: OrganizationId) -> Sequence[UserId]:
        """End all memberships of an organization; return whose, by id."""
        ...

    async def count_owners(self, organization_id: OrganizationId) -> int:
        """Return how many owners there are: true until the end of the work, if it is locked."""
        ...

    async def count_members(self, organization_id: OrganizationId) -> int:
        """Return how many belong to it: true until the end of the work, if it is locked."""
        ...

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        """Return where the user is a member, oldest membership first."""
        ...


class OrganizationQueries(Protocol):
    """Organizations, to look at. Reads only, outside any unit of work, one statement each."""

    async def list(self, user_id: UserId, *, limit: int) -> Sequence[OrganizationRow]:
        """List where the user is a member, the newest organization first, then by id, down."""
        ...

    async def find(
        self, organization_id: OrganizationId, user_id: UserId
    ) -> OrganizationRow | None:
        """Return an organization that the user belongs to."""
        ...

    async def members(self, organization_id: OrganizationId, *, limit: int) -> Sequence[MemberRow]:
        """List the members: owners, admins, managers, users; in each, the oldest first."""
        ...
