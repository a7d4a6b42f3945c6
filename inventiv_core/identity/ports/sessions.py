"""Sessions, kept and found; session tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from inventiv_core.identity.access import OrganizationId, SessionId, UserId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.views.sessions import SessionDetails, SessionRow


class SessionRepository(Protocol):
    """Sessions, one at a time."""

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def find(self, session_id: SessionId) -> Session | None:
        """Return a session, whether or not it has ended."""
        ...

    async def last_workspace(self, user_id: UserId) -> OrganizationId | None:
        """Return the organization of the user's most recently used session that had one.

        Sessions that expired count; revoked ones, and organizations the user has left, do not.
        """
        ...

    async def rotate(
        self,
        session_id: SessionId,
        *,
        token_hash: str,
        organization_id: OrganizationId | None,
        grace_until: datetime,
    ) -> None:
        """Give a session another token and workspace.

        The token before stays good until ``grace_until``, and so do, until their own time,
        those before it. All of them mean the session as it is now.
        """
        ...

    async def revoke(self, session_id: SessionId, *, at: datetime) -> None:
        """End a session; one that has ended stays as it is."""
        ...

    async def revoke_all(
        self, user_id: UserId, *, at: datetime, but: SessionId | None = None
    ) -> int:
        """End all the sessions of a user that have not ended; return how many."""
        ...

    async def leave_workspace(self, organization_id: OrganizationId, user_id: UserId) -> None:
        """Put the user's sessions that are in the organization into the personal workspace."""
        ...

    async def close_workspace(self, organization_id: OrganizationId) -> None:
        """Put everybody's sessions that are in the organization into the personal workspace."""
        ...

    async def touch(self, seen: Mapping[SessionId, datetime]) -> None:
        """Note when sessions were used, in one statement; an earlier use than known is no news."""
        ...

    async def forget(self, *, expired_before: datetime) -> int:
        """Drop sessions that expired before that instant; return how many."""
        ...


class SessionQueries(Protocol):
    """Who a token belongs to. Reads only, outside any unit of work, one statement each."""

    async def find(self, token_hash: str, *, now: datetime) -> SessionDetails | None:
        """Return the live session of that token: not revoked, not expired.

        A token that was rotated away counts during its grace.
        """
        ...

    async def list(self, user_id: UserId, *, now: datetime, limit: int) -> Sequence[SessionRow]:
        """List the live sessions of a user, the one used last first."""
        ...


class SessionTokens(Protocol):
    """Makes and checks session tokens (JWT, RFC 7519)."""

    def issue(
        self,
        user: User,
        *,
        session_id: SessionId,
        organization_id: OrganizationId | None,
        issued_at: datetime,
        expires_at: datetime,
    ) -> str:
        """Return a signed token. What it says of the user is a snapshot; the database decides."""
        ...

    def verify(self, token: str, *, now: datetime) -> None:
        """Check the signature, the issuer and the expiry, or raise `InvalidToken`."""
        ...

    def hash(self, token: str) -> str:
        """Return what the database keeps of ``token``."""
        ...
