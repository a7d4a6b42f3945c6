"""Users, their sessions, and the organizations they belong to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from inventiv_core.identity.access import OrganizationId, PlatformRole, Role, SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who may sign in."""

    id: UserId
    username: str
    """Lower case, unique."""
    email: str
    """Lower case, unique."""
    password_hash: str
    role: PlatformRole
    first_name: str | None
    last_name: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A team: what it rents is its own, and nobody else's to see."""

    id: OrganizationId
    name: str
    slug: str
    """Lower case, unique; the first part of ``slug/code``."""
    created_by_user_id: UserId
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What one user is in one organization."""

    organization_id: OrganizationId
    user_id: UserId
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in, in one workspace, until it expires or is revoked."""

    id: SessionId
    user_id: UserId
    current_organization_id: OrganizationId | None
    token_hash: str
    """SHA-256 of the token, in lower-case hexadecimal: the token itself is not kept."""
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


LAST_USED_RESOLUTION = timedelta(minutes=1)
"""How exactly ``last_used_at`` is kept: finer would cost a write for every request."""
