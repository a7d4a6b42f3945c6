"""Invitations, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from psycopg.errors import UniqueViolation

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    count_rows,
    fetch_all,
    fetch_one,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.invitations import Invitation, InvitationId
from inventiv_core.identity.errors.invitations import InvitationAlreadyExists
from inventiv_core.identity.ports.invitations import InvitationQueries, InvitationRepository
from inventiv_core.identity.views.invitations import InvitationRow

_ADD = """
    INSERT INTO organization_invitations
        (id, organization_id, email, role, token_hash, generation, invited_by_user_id,
         invited_by_name, created_at, expires_at, accepted_at, revoked_at)
    VALUES
        (%(id)s, %(organization_id)s, %(email)s, %(role)s, %(token_hash)s, %(generation)s,
         %(invited_by_user_id)s, %(invited_by_name)s, %(created_at)s, %(expires_at)s,
         %(accepted_at)s, %(revoked_at)s)
"""

_FIND_BY_HASH = """
    SELECT id, organization_id, email, role, token_hash, generation, invited_by_user_id,
           invited_by_name, created_at, expires_at, accepted_at, revoked_at
    FROM organization_invitations
    WHERE token_hash = %(token_hash)s
"""

_FIND_OPEN = """
    SELECT id, organization_id, email, role, token_hash, generation, invited_by_user_id,
           invited_by_name, created_at, expires_at, accepted_at, revoked_at
    FROM organization_invitations
    WHERE organization_id = %(owner)s AND lower(email) = %(email)s
      AND accepted_at IS NULL AND revoked_at IS NULL
"""

_LOCK = """
    SELECT id, organization_id, email, role, token_hash, generation, invited_by_user_id,
           invited_by_name, created_at, expires_at, accepted_at, revoked_at
    FROM organization_invitations
    WHERE id = %(id)s AND organization_id = %(owner)s
    FOR UPDATE
"""

_SAVE = """
    UPDATE organization_invitations
    SET token_hash = %(token_hash)s, generation = %(generation)s,
        invited_by_user_id = %(invited_by_user_id)s, invited_by_name = %(invited_by_name)s,
        expires_at = %(expires_at)s, accepted_at = %(accepted_at)s, revoked_at = %(revoked_at)s
    WHERE id = %(id)s AND organization_id = %(organization_id)s
"""

_REVOKE_ALL = """
    UPDATE organization_invitations
    SET revoked_at = %(at)s, expires_at = least(expires_at, %(at)s)
    WHERE organization_id = %(owner)s AND accepted_at IS NULL AND revoked_at IS NULL
"""

_LIST = """
    SELECT i.id, i.organization_id, o.name AS organization_name, i.email, i.role, i.created_at,
           i.expires_at, i.accepted_at, i.revoked_at,
           COALESCE(u.username, nullif(i.invited_by_name, '')) AS invited_by_username
    FROM organization_invitations i
    JOIN organizations o ON o.id = i.organization_id
    LEFT JOIN users u ON u.id = i.invited_by_user_id
    WHERE i.organization_id = %(owner)s
    ORDER BY i.created_at DESC, i.id DESC
    LIMIT %(limit)s
"""

_FIND = """
    SELECT i.id, i.organization_id, o.name AS organization_name, i.email, i.role, i.created_at,
           i.expires_at, i.accepted_at, i.revoked_at,
           COALESCE(u.username, nullif(i.invited_by_name, '')) AS invited_by_username
    FROM organization_invitations i
    JOIN organizations o ON o.id = i.organization_id
    LEFT JOIN users u ON u.id = i.invited_by_user_id
    WHERE i.token_hash = %(token_hash)s
"""


class PostgresInvitations(InvitationRepository):
    """The invitations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, invitation: Invitation) -> None:
        try:
            await self._connection.execute(_ADD, asdict(invitation))
        except UniqueViolation as error:
            raise InvitationAlreadyExists from error

    async def find_by_token(self, token_hash: str) -> Invitation | None:
        return await fetch_one(self._connection, Invitation, _FIND_BY_HASH, token_hash=token_hash)

    async def find_open(self, owner: OrganizationId, email: str) -> Invitation | None:
        return await fetch_one(self._connection, Invitation, _FIND_OPEN, owner=owner, email=email)

    async def lock(
        self, invitation_id: InvitationId, *, owner: OrganizationId
    ) -> Invitation | None:
        return await fetch_one(self._connection, Invitation, _LOCK, id=invitation_id, owner=owner)

    async def save(self, invitation: Invitation) -> None:
        await self._connection.execute(_SAVE, asdict(invitation))

    async def revoke_all(self, owner: OrganizationId, *, at: datetime) -> int:
        return await count_rows(self._connection, _REVOKE_ALL, owner=owner, at=at)


class PostgresInvitationQueries(InvitationQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, owner: OrganizationId, *, limit: int) -> Sequence[InvitationRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, InvitationRow, _LIST, owner=owner, limit=limit)

    async def find(self, token_hash: str) -> InvitationRow | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, InvitationRow, _FIND, token_hash=token_hash)
