"""Invitations into an organization, and what becomes of them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType, Self
from uuid import UUID

from inventiv_core.identity.access import OrganizationId, Role, UserId
from inventiv_core.identity.errors.invitations import (
    InvalidExpiresInDays,
    InvitationAlreadyAccepted,
    InvitationExpired,
    InvitationNotFound,
)

InvitationId = NewType("InvitationId", UUID)

USUAL_DAYS: Final = 7
"""How long an invitation lasts if nobody says."""
FEWEST_DAYS: Final = 1
MOST_DAYS: Final = 365


class InvitationState(StrEnum):
    """Where an invitation stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    REVOKED = "revoked"


def lifetime_of(days: int | None) -> timedelta:
    """Return how long an invitation of that many days lasts; raises `InvalidExpiresInDays`."""
    days = USUAL_DAYS if days is None else days
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        raise InvalidExpiresInDays(least=FEWEST_DAYS, most=MOST_DAYS)
    return timedelta(days=days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Somebody was asked to join, by address; whoever has the token and the address may."""

    id: InvitationId
    organization_id: OrganizationId
    email: str
    """Lower case. One address has one invitation at a time that waits for an answer."""
    role: Role
    token_hash: str
    """The token is derived from the id and the generation, and not kept."""
    generation: int
    """Grows each time it is sent again: links that were sent before are dead."""
    invited_by_user_id: UserId | None
    """``None`` when that user is gone."""
    invited_by_name: str
    """As it was then."""
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None = None
    revoked_at: datetime | None = None
    """When it was taken back, or, having expired, made room for another one."""

    @property
    def is_open(self) -> bool:
        """Whether it has been neither accepted nor revoked; it may have expired."""
        return self.accepted_at is None and self.revoked_at is None

    def state(self, now: datetime) -> InvitationState:
        """Return where it stands."""
        return state_of(
            expires_at=self.expires_at,
            accepted_at=self.accepted_at,
            revoked_at=self.revoked_at,
            now=now,
        )

    def must_be_pending(self, now: datetime) -> None:
        """Return if it can be accepted.

        Raises:
            InvitationNotFound: It was revoked.
            InvitationAlreadyAccepted: It has been accepted.
            InvitationExpired: It is too late.
        """
        self.must_be_open()
        if self.expires_at <= now:
            raise InvitationExpired

    def must_be_open(self) -> None:
        """Return if it waits for an answer, even in vain; raises like `must_be_pending`."""
        if self.revoked_at is not None:
            raise InvitationNotFound
        if self.accepted_at is not None:
            raise InvitationAlreadyAccepted

    def accept(self, *, at: datetime) -> Self:
        """Return it as one that is accepted; raises like `must_be_pending`."""
        self.must_be_pending(at)
        return replace(self, accepted_at=at)

    def revoke(self, *, at: datetime) -> Self:
        """Return it as one that is taken back; raises like `must_be_open`.

        It also expires, for clients that know no other end.
        """
        self.must_be_open()
        return replace(self, revoked_at=at, expires_at=min(self.expires_at, at))

    def renew(
        self, *, token_hash: str, by: UserId, name: str, lifetime: timedelta, at: datetime
    ) -> Self:
        """Return it as one that is sent again, by somebody else perhaps; for another while."""
        self.must_be_open()
        return replace(
            self,
            token_hash=token_hash,
            generation=self.generation + 1,
            invited_by_user_id=by,
            invited_by_name=name,
            expires_at=at + lifetime,
        )


def state_of(
    *,
    expires_at: datetime,
    accepted_at: datetime | None,
    revoked_at: datetime | None,
    now: datetime,
) -> InvitationState:
    """Return where an invitation with these dates stands."""
    if accepted_at is not None:
        return InvitationState.ACCEPTED
    if revoked_at is not None and revoked_at <= expires_at:
        return InvitationState.REVOKED
    return InvitationState.EXPIRED if expires_at <= now else InvitationState.PENDING
