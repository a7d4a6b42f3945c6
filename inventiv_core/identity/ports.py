"""What identity needs from the outside."""

from datetime import datetime
from typing import Protocol

from inventiv_core.identity.access import OrganizationId, SessionId, UserId
from inventiv_core.identity.entities import Membership, Organization, Session, User
from inventiv_core.identity.views import SessionDetails


class UserRepository(Protocol):
    """All users, one at a time."""

    async def add(self, user: User) -> None:
        """Store a new user, or raise `LoginTaken`."""
        ...

    async def find_by_login(self, login: str) -> User | None:
        """Return whose user name or e-mail address is exactly ``login``."""
        ...

    async def save(self, user: User) -> None:
        """Replace what is stored of this user, or raise `LoginTaken`."""
        ...


class OrganizationRepository(Protocol):
    """Organizations and who belongs to them."""

    async def add(self, organization: Organization) -> None:
        """Store a new organization, or raise `SlugTaken`."""
        ...

    async def find_by_slug(self, slug: str) -> Organization | None:
        """Return the organization of that slug."""
        ...

    async def add_member(self, membership: Membership) -> None:
        """Store a membership; one that is already there stays as it is."""
        ...

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        """Return where the user is a member, oldest membership first."""
        ...


class SessionRepository(Protocol):
    """Sessions, one at a time."""

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def last_workspace(self, user_id: UserId) -> OrganizationId | None:
        """Return the organization of the user's most recently used session that had one.

        Sessions that expired count; revoked ones, and organizations the user has left, do not.
        """
        ...

    async def revoke(self, session_id: SessionId, *, at: datetime) -> None:
        """End a session; one that has ended stays as it is."""
        ...

    async def touch(self, session_id: SessionId, *, at: datetime) -> None:
        """Note that the session was used."""
        ...

    async def forget(self, *, expired_before: datetime) -> int:
        """Drop sessions that expired before that instant; return how many."""
        ...


class SessionQueries(Protocol):
    """Who a token belongs to. Reads only, outside any unit of work."""

    async def find(self, token_hash: str, *, now: datetime) -> SessionDetails | None:
        """Return the live session of that token: not revoked, not expired."""
        ...


class IdentityWork(Protocol):
    """What one atomic piece of identity work may touch."""

    @property
    def users(self) -> UserRepository: ...
    @property
    def organizations(self) -> OrganizationRepository: ...
    @property
    def sessions(self) -> SessionRepository: ...


class PasswordHasher(Protocol):
    """Turns passwords into hashes that cannot be turned back."""

    async def hash(self, password: str) -> str:
        """Return a salted hash, with its parameters inside."""
        ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password has that hash; without one, take as long and say no."""
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
