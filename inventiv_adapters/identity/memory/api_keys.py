"""API keys, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from inventiv_adapters.identity.memory.organizations import membership_of
from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.identity.entities.api_keys import ApiKey
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.ports.api_keys import ApiKeyQueries, ApiKeyRepository
from inventiv_core.identity.views.api_keys import ApiKeyRow, KeyDetails
from inventiv_core.kernel.pagination import Key, Rows, Window


class MemoryApiKeys(ApiKeyRepository):
    """The keys."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(ApiKey)

    async def add(self, key: ApiKey) -> None:
        self._table[key.id] = key

    async def lock(self, key_id: ApiKeyId, *, user_id: UserId) -> ApiKey | None:
        key = self._table.get(key_id)
        return key if key is not None and key.user_id == user_id else None

    async def lock_in(self, key_id: ApiKeyId, *, owner: OrganizationId) -> ApiKey | None:
        key = self._table.get(key_id)
        return key if key is not None and key.organization_id == owner else None

    async def save(self, key: ApiKey) -> None:
        known = self._table[key.id]
        self._table[key.id] = replace(
            known, name=key.name, scope=key.scope, revoked_at=key.revoked_at
        )

    async def end_membership(
        self, organization_id: OrganizationId, user_id: UserId | None, *, at: datetime
    ) -> int:
        ending = [
            key
            for key in self._table.values()
            if key.organization_id == organization_id
            and user_id in {None, key.user_id}
            and key.revoked_at is None
        ]
        for key in ending:
            self._table[key.id] = replace(key, revoked_at=at)
        return len(ending)

    async def touch(self, seen: Mapping[ApiKeyId, datetime]) -> None:
        for key_id, at in seen.items():
            key = self._table.get(key_id)
            if key is not None and (key.last_used_at is None or key.last_used_at < at):
                self._table[key_id] = replace(key, last_used_at=at)


class MemoryApiKeyQueries(ApiKeyQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, user_id: UserId, *, limit: int) -> Sequence[ApiKeyRow]:
        return within(_newest(limit), map(self._row, self._of(user_id)))

    async def search(self, user_id: UserId, window: Window) -> Rows[ApiKeyRow]:
        keys = self._of(user_id)
        rows = within(window, map(self._row, keys))
        return Rows(rows=rows, total_count=len(keys), filtered_count=len(keys))

    async def of_organization(
        self, organization_id: OrganizationId, *, limit: int
    ) -> Sequence[ApiKeyRow]:
        keys = self._database.table(ApiKey).values()
        theirs = [self._row(key) for key in keys if key.organization_id == organization_id]
        named = [
            replace(row, organization_name=self._database.table(Organization)[organization_id].name)
            for row in theirs
        ]
        return within(_newest(limit), named)

    async def find(self, key_hash: str, *, now: datetime) -> KeyDetails | None:
        for key in self._database.table(ApiKey).values():
            if key.key_hash == key_hash:
                return self._details(key, now)
        return None

    def _details(self, key: ApiKey, now: datetime) -> KeyDetails | None:
        expires_at = key.scope.expires_at
        if key.revoked_at is not None or (expires_at is not None and expires_at <= now):
            return None
        membership = membership_of(self._database, key.user_id, key.organization_id)
        if key.organization_id is not None and membership is None:
            return None
        return KeyDetails(
            api_key_id=key.id,
            user_id=key.user_id,
            username=self._database.table(User)[key.user_id].username,
            organization_id=key.organization_id,
            role=None if membership is None else membership.role,
            models=key.scope.models,
            permissions=key.scope.permissions,
            last_used_at=key.last_used_at,
            expires_at=expires_at,
        )

    def _of(self, user_id: UserId) -> tuple[ApiKey, ...]:
        keys = self._database.table(ApiKey).values()
        return tuple(key for key in keys if key.user_id == user_id)

    def _row(self, key: ApiKey) -> ApiKeyRow:
        scope = key.scope
        membership = membership_of(self._database, key.user_id, key.organization_id)
        organization = None
        if membership is not None:
            organization = self._database.table(Organization)[membership.organization_id]
        return ApiKeyRow(
            id=key.id,
            name=key.name,
            key_prefix=key.key_prefix,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
            expires_at=scope.expires_at,
            models=None if scope.models is None else sorted(scope.models),
            permissions=None if scope.permissions is None else sorted(scope.permissions),
            organization_id=key.organization_id,
            organization_name=None if organization is None else organization.name,
            user_id=key.user_id,
            username=self._database.table(User)[key.user_id].username,
        )


def _newest(limit: int) -> Window:
    return Window(key=Key(name="created_at", kind=datetime), descending=True, limit=limit)
