"""Invitations on the wire."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.identity.use_cases.acceptances import Joined, NewAccount
from inventiv_core.identity.use_cases.invitations import Invited, Sent


class NewInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /organizations/current/invitations``."""

    email: str
    role: str | None = None
    """By default ``user``."""
    expires_in_days: int | None = None
    """From 1 to 365; by default 7."""


class Resending(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /organizations/current/invitations/{invitation_id}/resend``."""

    expires_in_days: int | None = None
    """From 1 to 365, from now on; by default 7."""


class SentBody(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that is on its way. The token is shown this once."""

    id: UUID
    token: str
    email: str
    role: str
    expires_at: datetime

    @classmethod
    def of(cls, sent: Sent) -> Self:
        """Show what was sent, with its token."""
        invitation = sent.invitation
        return cls(
            id=invitation.id,
            token=sent.token,
            email=invitation.email,
            role=invitation.role,
            expires_at=invitation.expires_at,
        )


class InvitationBody(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation into the organization."""

    id: UUID
    organization_id: UUID
    organization_name: str
    email: str
    role: str
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    invited_by_username: str | None
    state: str
    """``pending``, ``accepted``, ``expired`` or ``revoked``."""

    @classmethod
    def of(cls, invited: Invited) -> Self:
        """Show an invitation."""
        row = invited.row
        return cls(
            id=row.id,
            organization_id=row.organization_id,
            organization_name=row.organization_name,
            email=row.email,
            role=row.role,
            expires_at=row.expires_at,
            accepted_at=row.accepted_at,
            revoked_at=row.revoked_at,
            created_at=row.created_at,
            invited_by_username=row.invited_by_username,
            state=invited.state,
        )


class PreviewBody(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever has the link may know before they sign in."""

    organization_name: str
    email: str
    role: str
    expires_at: datetime
    invited_by_username: str | None
    state: str
    """``pending``, ``accepted``, ``expired`` or ``revoked``."""

    @classmethod
    def of(cls, invited: Invited) -> Self:
        """Show an invitation to whom it was sent."""
        row = invited.row
        return cls(
            organization_name=row.organization_name,
            email=row.email,
            role=row.role,
            expires_at=row.expires_at,
            invited_by_username=row.invited_by_username,
            state=invited.state,
        )


class JoinedBody(msgspec.Struct, frozen=True, kw_only=True):
    """The caller belongs to the organization now."""

    status: str = "ok"
    organization_id: UUID
    organization_name: str
    role: str

    @classmethod
    def of(cls, joined: Joined) -> Self:
        """Show where somebody belongs, and as what."""
        return cls(
            organization_id=joined.organization.id,
            organization_name=joined.organization.name,
            role=joined.role,
        )


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /invitations/{token}/register``."""

    password: str
    username: str | None = None
    """By default the invited address."""
    first_name: str | None = None
    last_name: str | None = None

    def account(self) -> NewAccount:
        """Return what the use case takes."""
        return NewAccount(
            password=self.password,
            username=self.username,
            first_name=self.first_name,
            last_name=self.last_name,
        )
