"""Sessions, and where calls come from."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from inventiv_core.identity.access import OrganizationId, SessionId, UserId


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class Caller:
    """Where a call comes from, as far as it can be trusted."""

    ip_address: str | None = None
    user_agent: str | None = None


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


LAST_USED_RESOLUTION: Final = timedelta(minutes=1)
"""How exactly ``last_used_at`` is kept: finer would cost a write for every request."""

ROTATION_GRACE: Final = timedelta(seconds=60)
"""How long the token before a rotation is still good: for requests that are under way."""
