"""Who is signed in, as the rest of the program needs to know it."""

from dataclasses import dataclass
from datetime import datetime

from inventiv_core.identity.access import OrganizationId, PlatformRole, Role, SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetails:
    """A live session, with what the database says now of its user and workspace.

    The workspace counts only while the user is a member: without the membership,
    all ``organization_…`` fields are ``None``.
    """

    session_id: SessionId
    user_id: UserId
    username: str
    email: str
    role: PlatformRole
    first_name: str | None
    last_name: str | None
    last_used_at: datetime
    organization_id: OrganizationId | None
    organization_name: str | None
    organization_slug: str | None
    organization_role: Role | None
