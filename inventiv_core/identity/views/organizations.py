"""Organizations and their members, as those who belong to them look at them."""

from dataclasses import dataclass
from datetime import datetime

from inventiv_core.identity.access import OrganizationId, Role, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRow:
    """An organization, and what whoever looks is in it."""

    id: OrganizationId
    name: str
    slug: str
    created_at: datetime
    role: Role
    member_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """Somebody who belongs to an organization."""

    user_id: UserId
    username: str
    email: str
    first_name: str | None
    last_name: str | None
    role: Role
    created_at: datetime
    """Of the membership."""
