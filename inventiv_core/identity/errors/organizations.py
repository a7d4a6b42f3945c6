"""What can go wrong with organizations."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Conflict, Invalid


@dataclass(eq=False, kw_only=True)
class SlugTaken(Conflict):
    """Another organization has this slug."""

    code = "organization_slug_already_exists"

    slug: str


@dataclass(eq=False, kw_only=True)
class OrganizationNameMissing(Invalid):
    """An organization needs a name."""

    code = "name_required"


@dataclass(eq=False, kw_only=True)
class OrganizationNameTooLong(Invalid):
    """This name is too long for an organization."""

    code = "name_too_long"

    longest: int
    """In characters."""


@dataclass(eq=False, kw_only=True)
class OrganizationHasInstances(Conflict):
    """This organization has machines: give them all back before you give it up."""

    instances: int
    """How many instances are not at rest."""
