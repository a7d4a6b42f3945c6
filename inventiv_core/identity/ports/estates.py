"""What organizations have beyond what identity knows of."""

from typing import Protocol

from inventiv_core.identity.access import OrganizationId


class Estates(Protocol):
    """Looks at what an organization has, before it is given up."""

    async def living_instances(self, owner: OrganizationId) -> int:
        """Return how many of its instances are not at rest: machines that cost, or may."""
        ...
