"""Users, organizations and sessions, in memory."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import OrganizationId, SessionId, UserId
from inventiv_core.identity.entities import Membership, Organization, Session, User
from inventiv_core.identity.errors import LoginTaken, SlugTaken
from inventiv_core.identity.ports import (
    OrganizationRepository,
    SessionQueries,
    SessionRepository,
    UserRepository,
)
from inventiv_core.identity.views import SessionDetails


@dataclass(frozen=True, slots=True)
class _Members:
    """The memberships of one user, in the order in which they began."""

    memberships: tuple[Membership, ...]


class MemoryUsers(UserRepository):
    """The users."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, user: User) -> None:
        self._put(user)

    async def find_by_login(self, login: str) -> User | None:
        for user in self._database.table(User).values():
            if login in {user.username, user.email}:
                return user
        return None

    async def save(self, user: User) -> None:
        self._put(user)

    def _put(self, user: User) -> None:
        for other in self._database.table(User).values():
            same = other.username == user.username or other.email == user.email
            if same and other.id != user.id:
                raise LoginTaken
        self._database.table(User)[user.id] = user


class MemoryOrganizations(OrganizationRepository):
    """The organizations."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, organization: Organization) -> None:
        if await self.find_by_slug(organization.slug) is not None:
            raise SlugTaken(slug=organization.slug)
        self._database.table(Organization)[organization.id] = organization

    async def find_by_slug(self, slug: str) -> Organization | None:
        for organization in self._database.table(Organization).values():
            if organization.slug == slug:
                return organization
        return None

    async def add_member(self, membership: Membership) -> None:
        known = memberships(self._database, membership.user_id)
        if any(other.organization_id == membership.organization_id for other in known):
            return
        self._database.table(_Members)[membership.user_id] = _Members((*known, membership))

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        known = sorted(
            memberships(self._database, user_id),
            key=lambda membership: (membership.created_at, membership.organization_id),
        )
        return [membership.organization_id for membership in known]


def memberships(database: MemoryDatabase, user_id: UUID) -> tuple[Membership, ...]:
    """Return where a user belongs."""
    members = database.table(_Members).get(user_id)
    return () if members is None else members.memberships


class MemorySessions(SessionRepository):
    """The sessions."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, session: Session) -> None:
        self._database.table(Session)[session.id] = session

    async def last_workspace(self, user_id: UserId) -> OrganizationId | None:
        mine = {membership.organization_id for membership in memberships(self._database, user_id)}
        candidates = [
            session
            for session in self._database.table(Session).values()
            if session.user_id == user_id
            and session.revoked_at is None
            and session.current_organization_id in mine
        ]
        if not candidates:
            return None
        last = max(candidates, key=lambda session: (session.last_used_at, session.id))
        return last.current_organization_id

    async def revoke(self, session_id: SessionId, *, at: datetime) -> None:
        session = self._database.table(Session).get(session_id)
        if session is not None and session.revoked_at is None:
            self._database.table(Session)[session_id] = replace(session, revoked_at=at)

    async def touch(self, session_id: SessionId, *, at: datetime) -> None:
        session = self._database.table(Session).get(session_id)
        if session is not None:
            self._database.table(Session)[session_id] = replace(session, last_used_at=at)

    async def forget(self, *, expired_before: datetime) -> int:
        table = self._database.table(Session)
        expired = [key for key, session in table.items() if session.expires_at < expired_before]
        for key in expired:
            del table[key]
        return len(expired)


class MemorySessionQueries(SessionQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def find(self, token_hash: str, *, now: datetime) -> SessionDetails | None:
        for session in self._database.table(Session).values():
            if session.token_hash == token_hash:
                live = session.revoked_at is None and session.expires_at > now
                return self._details(session) if live else None
        return None

    def _details(self, session: Session) -> SessionDetails:
        user = self._database.table(User)[session.user_id]
        membership = next(
            (
                membership
                for membership in memberships(self._database, user.id)
                if membership.organization_id == session.current_organization_id
            ),
            None,
        )
        organization = (
            None
            if membership is None
            else self._database.table(Organization)[membership.organization_id]
        )
        return SessionDetails(
            session_id=session.id,
            user_id=user.id,
            username=user.username,
            email=user.email,
            role=user.role,
            first_name=user.first_name,
            last_name=user.last_name,
            last_used_at=session.last_used_at,
            organization_id=None if organization is None else organization.id,
            organization_name=None if organization is None else organization.name,
            organization_slug=None if organization is None else organization.slug,
            organization_role=None if membership is None else membership.role,
        )
