"""Organizations on the wire."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.identity.views.organizations import OrganizationRow


class NewOrganization(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /organizations``."""

    name: str
    slug: str | None = None
    """By default made of the name."""
    set_as_current: bool | None = None
    """Whether the session works there from now on: yes, if nobody says."""


class OrganizationChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PATCH /organizations/current``: what is absent, or null, stays."""

    name: str | None = None
    slug: str | None = None


class OrganizationBody(msgspec.Struct, frozen=True, kw_only=True):
    """An organization that the caller belongs to."""

    id: UUID
    name: str
    slug: str
    created_at: datetime
    role: str
    """The caller's."""
    member_count: int

    @classmethod
    def of(cls, row: OrganizationRow) -> Self:
        """Show an organization."""
        return cls(
            id=row.id,
            name=row.name,
            slug=row.slug,
            created_at=row.created_at,
            role=row.role,
            member_count=row.member_count,
        )


class RoleBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller is in the organization."""

    organization_id: UUID
    role: str
