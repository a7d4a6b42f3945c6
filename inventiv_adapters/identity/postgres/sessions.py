"""Sessions, in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    count_rows,
    fetch_all,
    fetch_one,
    fetch_value,
)
from inventiv_core.identity.access import OrganizationId, SessionId, UserId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.ports.sessions import SessionQueries, SessionRepository
from inventiv_core.identity.views.sessions import SessionDetails, SessionRow

_ADD = """
    INSERT INTO user_sessions
        (id, user_id, current_organization_id, token_hash, ip_address, user_agent, created_at,
         last_used_at, expires_at, revoked_at)
    VALUES
        (%(id)s, %(user_id)s, %(current_organization_id)s, %(token_hash)s, %(ip_address)s,
         %(user_agent)s, %(created_at)s, %(last_used_at)s, %(expires_at)s, %(revoked_at)s)
"""

_FIND = """
    SELECT id, user_id, current_organization_id, token_hash, ip_address, user_agent, created_at,
           last_used_at, expires_at, revoked_at
    FROM user_sessions
    WHERE id = %(session_id)s
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

_LOCK = "SELECT token_hash FROM user_sessions WHERE id = %(id)s FOR NO KEY UPDATE"

_KEEP_BEFORE = """
    INSERT INTO replaced_session_tokens (token_hash, session_id, valid_until)
    VALUES (%(token_hash)s, %(session_id)s, %(valid_until)s)
    ON CONFLICT (token_hash) DO UPDATE SET valid_until = EXCLUDED.valid_until
"""

_RETURN_TO = "DELETE FROM replaced_session_tokens WHERE token_hash = %(token_hash)s"

_ROTATE = """
    UPDATE user_sessions
    SET token_hash = %(token_hash)s, current_organization_id = %(organization_id)s
    WHERE id = %(id)s
"""

_REVOKE = "UPDATE user_sessions SET revoked_at = %(at)s WHERE id = %(id)s AND revoked_at IS NULL"

_REVOKE_ALL = """
    UPDATE user_sessions SET revoked_at = %(at)s
    WHERE user_id = %(user_id)s AND revoked_at IS NULL AND expires_at > %(at)s
      AND (%(but)s::uuid IS NULL OR id <> %(but)s)
"""

_LEAVE = """
    UPDATE user_sessions SET current_organization_id = NULL
    WHERE user_id = %(user_id)s AND current_organization_id = %(organization_id)s
"""

_CLOSE = """
    UPDATE user_sessions SET current_organization_id = NULL
    WHERE current_organization_id = %(organization_id)s
"""

_TOUCH = """
    UPDATE user_sessions s SET last_used_at = seen.at
    FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[]) AS seen (id, at)
    WHERE s.id = seen.id AND s.last_used_at < seen.at
"""

_FORGET = "DELETE FROM user_sessions WHERE expires_at < %(expired_before)s"

_FIND_DETAILS = """
    SELECT s.id AS session_id, u.id AS user_id, u.username, u.email, u.role, u.first_name,
           u.last_name, u.account_plan, u.wallet_balance_eur, s.last_used_at, s.expires_at,
           o.id AS organization_id, o.name AS organization_name, o.slug AS organization_slug,
           m.role AS organization_role, o.subscription_plan AS organization_plan,
           o.wallet_balance_eur AS organization_wallet_balance_eur
    FROM user_sessions s
    JOIN users u ON u.id = s.user_id
    LEFT JOIN organization_memberships m
           ON m.user_id = s.user_id AND m.organization_id = s.current_organization_id
    LEFT JOIN organizations o ON o.id = m.organization_id
    WHERE s.id = (
            SELECT id FROM user_sessions WHERE token_hash = %(token_hash)s
            UNION ALL
            SELECT session_id FROM replaced_session_tokens
            WHERE token_hash = %(token_hash)s AND valid_until > %(now)s
            LIMIT 1)
      AND s.revoked_at IS NULL AND s.expires_at > %(now)s
"""

_LIST = """
    SELECT s.id AS session_id, o.id AS organization_id, o.name AS organization_name,
           m.role AS organization_role, s.ip_address, s.user_agent, s.created_at, s.last_used_at,
           s.expires_at
    FROM user_sessions s
    LEFT JOIN organization_memberships m
           ON m.user_id = s.user_id AND m.organization_id = s.current_organization_id
    LEFT JOIN organizations o ON o.id = m.organization_id
    WHERE s.user_id = %(user_id)s AND s.revoked_at IS NULL AND s.expires_at > %(now)s
    ORDER BY s.last_used_at DESC, s.id DESC
    LIMIT %(limit)s
"""


class PostgresSessions(SessionRepository):
    """The sessions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, session: Session) -> None:
        await self._connection.execute(_ADD, asdict(session))

    async def find(self, session_id: SessionId) -> Session | None:
        return await fetch_one(self._connection, Session, _FIND, session_id=session_id)

    async def last_workspace(self, user_id: UserId) -> OrganizationId | None:
        workspace: OrganizationId | None = await fetch_value(
            self._connection, _LAST_WORKSPACE, user_id=user_id
        )
        return workspace

    async def rotate(
        self,
        session_id: SessionId,
        *,
        token_hash: str,
        organization_id: OrganizationId | None,
        grace_until: datetime,
    ) -> None:
        before = await fetch_value(self._connection, _LOCK, id=session_id)
        kept = {"token_hash": before, "session_id": session_id, "valid_until": grace_until}
        await self._connection.execute(_KEEP_BEFORE, kept)
        await self._connection.execute(_RETURN_TO, {"token_hash": token_hash})
        values = {"id": session_id, "token_hash": token_hash, "organization_id": organization_id}
        await self._connection.execute(_ROTATE, values)

    async def revoke(self, session_id: SessionId, *, at: datetime) -> None:
        await self._connection.execute(_REVOKE, {"id": session_id, "at": at})

    async def revoke_all(
        self, user_id: UserId, *, at: datetime, but: SessionId | None = None
    ) -> int:
        return await count_rows(self._connection, _REVOKE_ALL, user_id=user_id, at=at, but=but)

    async def leave_workspace(self, organization_id: OrganizationId, user_id: UserId) -> None:
        values = {"organization_id": organization_id, "user_id": user_id}
        await self._connection.execute(_LEAVE, values)

    async def close_workspace(self, organization_id: OrganizationId) -> None:
        await self._connection.execute(_CLOSE, {"organization_id": organization_id})

    async def touch(self, seen: Mapping[SessionId, datetime]) -> None:
        values = {"ids": list(seen), "ats": list(seen.values())}
        await self._connection.execute(_TOUCH, values)

    async def forget(self, *, expired_before: datetime) -> int:
        return await count_rows(self._connection, _FORGET, expired_before=expired_before)


class PostgresSessionQueries(SessionQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, token_hash: str, *, now: datetime) -> SessionDetails | None:
        async with self._pool.connection() as connection:
            return await fetch_one(
                connection, SessionDetails, _FIND_DETAILS, token_hash=token_hash, now=now
            )

    async def list(self, user_id: UserId, *, now: datetime, limit: int) -> Sequence[SessionRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection, SessionRow, _LIST, user_id=user_id, now=now, limit=limit
            )
