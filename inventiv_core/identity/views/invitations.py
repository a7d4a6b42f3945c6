"""Invitations, as those who sent them, and those who have got one, look at them."""

from dataclasses import dataclass
from datetime import datetime

from inventiv_core.identity.access import OrganizationId, Role
from inventiv_core.identity.entities.invitations import InvitationId, InvitationState, state_of


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationRow:
    """An invitation, without its token."""

    id: InvitationId
    organization_id: OrganizationId
    organization_name: str
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    invited_by_username: str | None
    """What the inviter is called now; if they are gone, what they were called then."""

    def state(self, now: datetime) -> InvitationState:
        """Return where it stands."""
        return state_of(
            expires_at=self.expires_at,
            accepted_at=self.accepted_at,
            revoked_at=self.revoked_at,
            now=now,
        )
