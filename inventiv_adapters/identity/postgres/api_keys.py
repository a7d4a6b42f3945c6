"""API keys, in Postgres."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    Searches,
    count_rows,
    fetch_all,
    fetch_one,
    search,
    searches,
)
from inventiv_core.identity.access import ApiKeyId, OrganizationId, Permission, UserId
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.ports.api_keys import ApiKeyQueries, ApiKeyRepository
from inventiv_core.identity.views.api_keys import ApiKeyRow, KeyDetails
from inventiv_core.kernel.pagination import Rows, Window

_ADD = """
    INSERT INTO api_keys
        (id, user_id, organization_id, name, key_prefix, key_hash, expires_at, models,
         permissions, created_at, last_used_at, revoked_at)
    VALUES
        (%(id)s, %(user_id)s, %(organization_id)s, %(name)s, %(key_prefix)s, %(key_hash)s,
         %(expires_at)s, %(models)s, %(permissions)s, %(created_at)s, %(last_used_at)s,
         %(revoked_at)s)
"""


def _locks(whose: LiteralString) -> LiteralString:
    return f"""
    SELECT id, user_id, organization_id, name, key_prefix, key_hash, expires_at, models,
           permissions, created_at, last_used_at, revoked_at
    FROM api_keys
    WHERE id = %(id)s AND {whose}
    FOR NO KEY UPDATE
"""


_LOCK = _locks("user_id = %(user_id)s")
_LOCK_IN = _locks("organization_id = %(owner)s")

_SAVE = """
    UPDATE api_keys
    SET name = %(name)s, expires_at = %(expires_at)s, models = %(models)s,
        permissions = %(permissions)s, revoked_at = %(revoked_at)s
    WHERE id = %(id)s
"""

_END_MEMBERSHIP = """
    UPDATE api_keys SET revoked_at = %(at)s
    WHERE organization_id = %(organization_id)s AND revoked_at IS NULL
      AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s)
"""

# It waits for nobody: a key that is being changed at this moment will be used again.
_TOUCH = """
    UPDATE api_keys k SET last_used_at = seen.at
    FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[]) AS seen (id, at)
    WHERE k.id = seen.id AND (k.last_used_at IS NULL OR k.last_used_at < seen.at)
      AND k.id IN (
          SELECT id FROM api_keys WHERE id = ANY(%(ids)s::uuid[])
          FOR NO KEY UPDATE SKIP LOCKED)
"""

_LIST = """
    SELECT k.id, k.name, k.key_prefix, k.created_at, k.last_used_at, k.revoked_at, k.expires_at,
           k.models, k.permissions, k.organization_id, o.name AS organization_name, k.user_id,
           u.username
    FROM api_keys k
    JOIN users u ON u.id = k.user_id
    LEFT JOIN organization_memberships m
           ON m.user_id = k.user_id AND m.organization_id = k.organization_id
    LEFT JOIN organizations o ON o.id = m.organization_id
    WHERE k.user_id = %(user_id)s
    ORDER BY k.created_at DESC, k.id DESC
    LIMIT %(limit)s
"""

_LIST_OF_ORGANIZATION = """
    SELECT k.id, k.name, k.key_prefix, k.created_at, k.last_used_at, k.revoked_at, k.expires_at,
           k.models, k.permissions, k.organization_id, o.name AS organization_name, k.user_id,
           u.username
    FROM api_keys k
    JOIN users u ON u.id = k.user_id
    JOIN organizations o ON o.id = k.organization_id
    WHERE k.organization_id = %(organization_id)s
    ORDER BY k.created_at DESC, k.id DESC
    LIMIT %(limit)s
"""

_COUNT = """
    SELECT count(*) AS total_count, count(*) AS filtered_count FROM api_keys
    WHERE user_id = %(user_id)s
"""

_FIND_WITHIN_S: Final = 1.0
"""How long to wait for a connection to find a key with: calls to models wait for it, whose
callers are mostly known already, and believed while the database is away."""

_FIND = """
    SELECT k.id AS api_key_id, k.user_id, u.username, k.organization_id, m.role, k.models,
           k.permissions, k.last_used_at, k.expires_at
    FROM api_keys k
    JOIN users u ON u.id = k.user_id
    LEFT JOIN organization_memberships m
           ON m.user_id = k.user_id AND m.organization_id = k.organization_id
    WHERE k.key_hash = %(key_hash)s AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > %(now)s)
      AND (k.organization_id IS NULL OR m.role IS NOT NULL)
"""


def _searches(*, never: LiteralString) -> Searches:
    """Return the statements in which what has not happened counts as of ``never``."""
    return searches(
        """
    SELECT k.id, k.name, k.key_prefix, k.created_at, k.last_used_at, k.revoked_at, k.expires_at,
           k.models, k.permissions, k.organization_id, o.name AS organization_name, k.user_id,
           u.username
    FROM api_keys k
    JOIN users u ON u.id = k.user_id
    LEFT JOIN organization_memberships m
           ON m.user_id = k.user_id AND m.organization_id = k.organization_id
    LEFT JOIN organizations o ON o.id = m.organization_id
    WHERE k.user_id = %(user_id)s
      {after}
    {order}
    OFFSET %(offset)s LIMIT %(limit)s
""",
        {
            "created_at": ("k.created_at", "timestamptz"),
            "name": ("k.name", "text"),
            "key_prefix": ("k.key_prefix", "text"),
            "last_used_at": (f"COALESCE(k.last_used_at, {never})", "timestamptz"),
            "revoked_at": (f"COALESCE(k.revoked_at, {never})", "timestamptz"),
        },
        id="k.id",
    )


_UPWARDS: Final = _searches(never="'9999-12-30 00:00+00'")
_DOWNWARDS: Final = _searches(never="'0001-01-02 00:00+00'")


class _Stored(msgspec.Struct):
    """A key, as it is stored."""

    id: ApiKeyId
    user_id: UserId
    organization_id: OrganizationId | None
    name: str
    key_prefix: str
    key_hash: str
    expires_at: datetime | None
    models: frozenset[str] | None
    permissions: frozenset[Permission] | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def key(self) -> ApiKey:
        return ApiKey(
            id=self.id,
            user_id=self.user_id,
            organization_id=self.organization_id,
            name=self.name,
            key_prefix=self.key_prefix,
            key_hash=self.key_hash,
            scope=KeyScope(
                expires_at=self.expires_at, models=self.models, permissions=self.permissions
            ),
            created_at=self.created_at,
            last_used_at=self.last_used_at,
            revoked_at=self.revoked_at,
        )


def _values(key: ApiKey) -> dict[str, Any]:
    scope = key.scope
    return {
        "id": key.id,
        "user_id": key.user_id,
        "organization_id": key.organization_id,
        "name": key.name,
        "key_prefix": key.key_prefix,
        "key_hash": key.key_hash,
        "expires_at": scope.expires_at,
        "models": None if scope.models is None else sorted(scope.models),
        "permissions": None if scope.permissions is None else sorted(scope.permissions),
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


class PostgresApiKeys(ApiKeyRepository):
    """The keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, key: ApiKey) -> None:
        await self._connection.execute(_ADD, _values(key))

    async def lock(self, key_id: ApiKeyId, *, user_id: UserId) -> ApiKey | None:
        stored = await fetch_one(self._connection, _Stored, _LOCK, id=key_id, user_id=user_id)
        return None if stored is None else stored.key

    async def lock_in(self, key_id: ApiKeyId, *, owner: OrganizationId) -> ApiKey | None:
        stored = await fetch_one(self._connection, _Stored, _LOCK_IN, id=key_id, owner=owner)
        return None if stored is None else stored.key

    async def save(self, key: ApiKey) -> None:
        await self._connection.execute(_SAVE, _values(key))

    async def end_membership(
        self, organization_id: OrganizationId, user_id: UserId | None, *, at: datetime
    ) -> int:
        return await count_rows(
            self._connection,
            _END_MEMBERSHIP,
            organization_id=organization_id,
            user_id=user_id,
            at=at,
        )

    async def touch(self, seen: Mapping[ApiKeyId, datetime]) -> None:
        values = {"ids": list(seen), "ats": list(seen.values())}
        await self._connection.execute(_TOUCH, values)


class PostgresApiKeyQueries(ApiKeyQueries):
    """The read side."""

    def __init__(self, pool: Pool, *, find_within_s: float = _FIND_WITHIN_S) -> None:
        self._pool = pool
        self._find_within_s = find_within_s

    async def list(self, user_id: UserId, *, limit: int) -> Sequence[ApiKeyRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, ApiKeyRow, _LIST, user_id=user_id, limit=limit)

    async def search(self, user_id: UserId, window: Window) -> Rows[ApiKeyRow]:
        statements = _DOWNWARDS if window.descending else _UPWARDS
        async with self._pool.connection() as connection:
            return await search(connection, ApiKeyRow, statements, _COUNT, window, user_id=user_id)

    async def of_organization(
        self, organization_id: OrganizationId, *, limit: int
    ) -> Sequence[ApiKeyRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection,
                ApiKeyRow,
                _LIST_OF_ORGANIZATION,
                organization_id=organization_id,
                limit=limit,
            )

    async def find(self, key_hash: str, *, now: datetime) -> KeyDetails | None:
        async with self._pool.connection(timeout=self._find_within_s) as connection:
            return await fetch_one(connection, KeyDetails, _FIND, key_hash=key_hash, now=now)
