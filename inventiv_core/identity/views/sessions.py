"""Who is signed in."""

from dataclasses import dataclass
from datetime import datetime

from inventiv_core.identity.access import OrganizationId, PlatformRole, Role, SessionId, UserId
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.money import Eur


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
    account_plan: Plan
    wallet_balance_eur: Eur
    last_used_at: datetime
    expires_at: datetime
    organization_id: OrganizationId | None
    organization_name: str | None
    organization_slug: str | None
    organization_role: Role | None
    organization_plan: Plan | None
    organization_wallet_balance_eur: Eur | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One of somebody's own sessions, as they look at it."""

    session_id: SessionId
    organization_id: OrganizationId | None
    organization_name: str | None
    organization_role: Role | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
