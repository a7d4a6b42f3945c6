"""Sessions on the wire."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.identity.entities.users import User
from inventiv_core.identity.views.sessions import SessionDetails, SessionRow


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /auth/login``."""

    email: str
    """A user name or an e-mail address."""
    password: str


class LoginBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who has signed in. The token is in the cookie."""

    user_id: UUID
    email: str
    role: str
    first_name: str | None
    last_name: str | None

    @classmethod
    def of(cls, user: User) -> Self:
        """Show the public part of a user."""
        return cls(
            user_id=user.id,
            email=user.email,
            role=user.role,
            first_name=user.first_name,
            last_name=user.last_name,
        )


class MeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and in which workspace."""

    user_id: UUID
    username: str
    email: str
    role: str
    first_name: str | None
    last_name: str | None
    account_plan: str
    wallet_balance_eur: float
    current_organization_id: UUID | None
    current_organization_name: str | None
    current_organization_slug: str | None
    current_organization_role: str | None
    current_organization_subscription_plan: str | None
    current_organization_wallet_balance_eur: float | None

    @classmethod
    def of(cls, session: SessionDetails) -> Self:
        """Show what the database says of the session's user."""
        wallet = session.organization_wallet_balance_eur
        return cls(
            user_id=session.user_id,
            username=session.username,
            email=session.email,
            role=session.role,
            first_name=session.first_name,
            last_name=session.last_name,
            account_plan=session.account_plan,
            wallet_balance_eur=float(session.wallet_balance_eur),
            current_organization_id=session.organization_id,
            current_organization_name=session.organization_name,
            current_organization_slug=session.organization_slug,
            current_organization_role=session.organization_role,
            current_organization_subscription_plan=session.organization_plan,
            current_organization_wallet_balance_eur=None if wallet is None else float(wallet),
        )


class SessionBody(msgspec.Struct, frozen=True, kw_only=True):
    """One of the caller's sessions."""

    session_id: UUID
    current_organization_id: UUID | None
    current_organization_name: str | None
    organization_role: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_current: bool

    @classmethod
    def of(cls, row: SessionRow, *, current: UUID | None) -> Self:
        """Show a session, and whether it is the one that asks."""
        return cls(
            session_id=row.session_id,
            current_organization_id=row.organization_id,
            current_organization_name=row.organization_name,
            organization_role=row.organization_role,
            ip_address=row.ip_address,
            user_agent=row.user_agent,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=row.expires_at,
            is_current=row.session_id == current,
        )


class StatusBody(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    status: str = "ok"


class RevokedBody(msgspec.Struct, frozen=True, kw_only=True):
    """The session has ended."""

    status: str = "ok"
    message: str = "session_revoked"


class WorkspaceChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /organizations/current``."""

    organization_id: UUID | None = None
    """The organization to work in; without one, the personal workspace."""


class WorkspaceBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where the session works now. Its new token is in the cookie."""

    status: str = "ok"
    current_organization_id: UUID | None
