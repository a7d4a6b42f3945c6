"""What can go wrong with organizations and their members."""

from dataclasses import dataclass

from inventiv_core.kernel.errors import Conflict


@dataclass(eq=False, kw_only=True)
class SlugTaken(Conflict):
    """Another organization has this slug."""

    code = "organization_slug_already_exists"

    slug: str
