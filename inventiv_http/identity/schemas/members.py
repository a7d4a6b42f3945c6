"""Members on the wire."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.identity.views.organizations import MemberRow


class MemberBody(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who belongs to the organization."""

    user_id: UUID
    username: str
    email: str
    first_name: str | None
    last_name: str | None
    role: str
    created_at: datetime
    """Of the membership."""

    @classmethod
    def of(cls, row: MemberRow) -> Self:
        """Show a member."""
        return cls(
            user_id=row.user_id,
            username=row.username,
            email=row.email,
            first_name=row.first_name,
            last_name=row.last_name,
            role=row.role,
            created_at=row.created_at,
        )


class RoleChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /organizations/current/members/{user_id}``."""

    role: str


class ChangedMemberBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the member is now."""

    status: str = "ok"
    member_user_id: UUID
    role: str
