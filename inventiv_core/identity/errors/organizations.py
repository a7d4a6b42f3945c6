"""What can go wrong with organizations."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Conflict


@dataclass(eq=False, kw_only=True)
class SlugTaken(Conflict):
    """Another organization has this slug."""

    code = "organization_slug_already_exists"

    slug: str


@dataclass(eq=False, kw_only=True)
class OrganizationHasInstances(Conflict):
    """This organization has machines: give them all back before you give it up."""

    instances: int
    """How many instances are not at rest."""
