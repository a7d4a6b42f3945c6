"""Users, organizations and sessions, in Postgres."""

from dataclasses import asdict
from datetime import datetime
from typing import LiteralString

from psycopg.errors import UniqueViolation

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    count_rows,
    fetch_all,
    fetch_one,
    fetch_value,
)
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

_ADD_USER = """
    INSERT INTO users
        (id, username, email, password_hash, role, first_name, last_name, created_at, updated_at)
    VALUES
        (%(id)s, %(username)s, %(email)s, %(password_hash)s, %(role)s, %(first_name)s,
         %(last_name)s, %(created_at)s, %(updated_at)s)
"""

_FIND_USER = """
    SELECT id, username, email, password_hash, role, first_name, last_name, created_at, updated_at
    FROM users
    WHERE username = %(login)s OR email = %(login)s
"""

_SAVE_USER = """
    UPDATE users
    SET username = %(username)s, email = %(email)s, password_hash = %(password_hash)s,
        role = %(role)s, first_name = %(first_name)s, last_name = %(last_name)s,
        updated_at = %(updated_at)s
    WHERE id = %(id)s
"""

_ADD_ORGANIZATION = """
    INSERT INTO organizations (id, name, slug, created_by_user_id, created_at)
    VALUES (%(id)s, %(name)s, %(slug)s, %(created_by_user_id)s, %(created_at)s)
"""

_FIND_ORGANIZATION = """
    SELECT id, name, slug, created_by_user_id, created_at FROM organizations WHERE slug = %(slug)s
"""

_ADD_MEMBER = """
    INSERT INTO organization_memberships (organization_id, user_id, role, created_at)
    VALUES (%(organization_id)s, %(user_id)s, %(role)s, %(created_at)s)
    ON CONFLICT DO NOTHING
"""

_OF_MEMBER = """
    SELECT organization_id FROM organization_memberships
    WHERE user_id = %(user_id)s
    ORDER BY created_at, organization_id
"""

_ADD_SESSION = """
    INSERT INTO user_sessions
        (id, user_id, current_organization_id, token_hash, ip_address, user_agent, created_at,
         last_used_at, expires_at, revoked_at)
    VALUES
        (%(id)s, %(user_id)s, %(current_organization_id)s, %(token_hash)s, %(ip_address)s,
         %(user_agent)s, %(created_at)s, %(last_used_at)s, %(expires_at)s, %(revoked_at)s)
"""

_LAST_WORKSPACE = """
    SELECT s.current_organization_id
    FROM user_sessions s
    JOIN organization_memberships m
      ON m.user_id = s.user_id AND m.organization_id = s.current_organization_id
    WHERE s.user_id = %(user_id)s AND s.revoked_at IS NULL
    ORDER BY s.last_used_at DESC, s.id DESC
    LIMIT 1
"""

_REVOKE = "UPDATE user_sessions SET revoked_at = %(at)s WHERE id = %(id)s AND revoked_at IS NULL"

_TOUCH = "UPDATE user_sessions SET last_used_at = %(at)s WHERE id = %(id)s"

_FORGET = "DELETE FROM user_sessions WHERE expires_at < %(expired_before)s"

_FIND_SESSION = """
    SELECT s.id AS session_id, u.id AS user_id, u.username, u.email, u.role, u.first_name,
           u.last_name, s.last_used_at, o.id AS organization_id, o.name AS organization_name,
           o.slug AS organization_slug, m.role AS organization_role
    FROM user_sessions s
    JOIN users u ON u.id = s.user_id
    LEFT JOIN organization_memberships m
           ON m.user_id = s.user_id AND m.organization_id = s.current_organization_id
    LEFT JOIN organizations o ON o.id = m.organization_id
    WHERE s.token_hash = %(token_hash)s AND s.revoked_at IS NULL AND s.expires_at > %(now)s
"""


class PostgresUsers(UserRepository):
    """The users."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, user: User) -> None:
        await self._put(_ADD_USER, user)

    async def find_by_login(self, login: str) -> User | None:
        return await fetch_one(self._connection, User, _FIND_USER, login=login)

    async def save(self, user: User) -> None:
        await self._put(_SAVE_USER, user)

    async def _put(self, statement: LiteralString, user: User) -> None:
        try:
            await self._connection.execute(statement, asdict(user))
        except UniqueViolation as error:
            raise LoginTaken from error


class PostgresOrganizations(OrganizationRepository):
    """The organizations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, organization: Organization) -> None:
        try:
            await self._connection.execute(_ADD_ORGANIZATION, asdict(organization))
        except UniqueViolation as error:
            raise SlugTaken(slug=organization.slug) from error

    async def find_by_slug(self, slug: str) -> Organization | None:
        return await fetch_one(self._connection, Organization, _FIND_ORGANIZATION, slug=slug)

    async def add_member(self, membership: Membership) -> None:
        await self._connection.execute(_ADD_MEMBER, asdict(membership))

    async def of_member(self, user_id: UserId) -> list[OrganizationId]:
        rows = await fetch_all(
            self._connection, dict[str, OrganizationId], _OF_MEMBER, user_id=user_id
        )
        return [row["organization_id"] for row in rows]


class PostgresSessions(SessionRepository):
    """The sessions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, session: Session) -> None:
        await self._connection.execute(_ADD_SESSION, asdict(session))

    async def last_workspace(self, user_id: UserId) -> OrganizationId | None:
        workspace: OrganizationId | None = await fetch_value(
            self._connection, _LAST_WORKSPACE, user_id=user_id
        )
        return workspace

    async def revoke(self, session_id: SessionId, *, at: datetime) -> None:
        await self._connection.execute(_REVOKE, {"id": session_id, "at": at})

    async def touch(self, session_id: SessionId, *, at: datetime) -> None:
        await self._connection.execute(_TOUCH, {"id": session_id, "at": at})

    async def forget(self, *, expired_before: datetime) -> int:
        return await count_rows(self._connection, _FORGET, expired_before=expired_before)


class PostgresSessionQueries(SessionQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, token_hash: str, *, now: datetime) -> SessionDetails | None:
        async with self._pool.connection() as connection:
            return await fetch_one(
                connection, SessionDetails, _FIND_SESSION, token_hash=token_hash, now=now
            )
