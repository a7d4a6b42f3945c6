"""Settings and credentials, in Postgres."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    as_json,
    fetch_all,
    fetch_one,
    fetch_value,
)
from inventiv_core.catalog.entities import ProviderId
from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.kernel.secrets import SealedSecret, SealKeyId
from inventiv_core.settings.entities import Credential, CredentialPlace, Value
from inventiv_core.settings.ports import CredentialRepository, SettingQueries, SettingRepository
from inventiv_core.settings.views import ChosenParams, CredentialFieldsSet

_LOCK_KEY = "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 7007))"

_GLOBAL = "SELECT value FROM global_settings WHERE key = %(key)s"

_PUT_GLOBAL = """
    INSERT INTO global_settings (key, value, updated_at)
    VALUES (%(key)s, %(value)s, %(at)s)
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = EXCLUDED.updated_at
"""

_FORGET_GLOBAL = "DELETE FROM global_settings WHERE key = %(key)s"

_PARAMS = """
    SELECT COALESCE(jsonb_object_agg(key, value), '{}') AS chosen
    FROM provider_settings
    WHERE organization_id = %(owner)s AND provider_id = %(provider_id)s
"""

_PUT_PARAMS = """
    INSERT INTO provider_settings (organization_id, provider_id, key, value, updated_at)
    SELECT %(owner)s, %(provider_id)s, chosen.key, chosen.value, %(at)s
    FROM jsonb_each(%(values)s::jsonb) AS chosen
    ON CONFLICT (organization_id, provider_id, key) DO UPDATE
    SET value = EXCLUDED.value, updated_at = EXCLUDED.updated_at
"""

_FORGET_PARAMS = """
    DELETE FROM provider_settings
    WHERE organization_id = %(owner)s AND provider_id = %(provider_id)s AND key = ANY(%(keys)s)
"""

_CREDENTIALS = """
    SELECT organization_id, provider_id, field, key_id, sealed, last_four, changed_at,
           changed_by_user_id, changed_by_name
    FROM provider_credentials
    WHERE organization_id = %(owner)s AND provider_id = %(provider_id)s
    ORDER BY field
"""

_LOCK_CREDENTIALS = """
    SELECT organization_id, provider_id, field, key_id, sealed, last_four, changed_at,
           changed_by_user_id, changed_by_name
    FROM provider_credentials
    WHERE organization_id = %(owner)s AND provider_id = %(provider_id)s
    ORDER BY field
    FOR UPDATE
"""

_PUT_CREDENTIAL = """
    INSERT INTO provider_credentials
        (organization_id, provider_id, field, key_id, sealed, last_four, changed_at,
         changed_by_user_id, changed_by_name)
    VALUES
        (%(organization_id)s, %(provider_id)s, %(field)s, %(key_id)s, %(sealed)s, %(last_four)s,
         %(changed_at)s, %(changed_by_user_id)s, %(changed_by_name)s)
    ON CONFLICT (organization_id, provider_id, field) DO UPDATE SET
        key_id = EXCLUDED.key_id, sealed = EXCLUDED.sealed, last_four = EXCLUDED.last_four,
        changed_at = EXCLUDED.changed_at, changed_by_user_id = EXCLUDED.changed_by_user_id,
        changed_by_name = EXCLUDED.changed_by_name
"""

_REMOVE_CREDENTIALS = """
    DELETE FROM provider_credentials
    WHERE organization_id = %(owner)s AND provider_id = %(provider_id)s
      AND field = ANY(%(fields)s)
"""

_SEALED_OTHERWISE = """
    SELECT organization_id, provider_id, field, key_id, sealed, last_four, changed_at,
           changed_by_user_id, changed_by_name
    FROM provider_credentials
    WHERE key_id <> %(key_id)s
      AND (%(organization_id)s::uuid IS NULL
           OR (organization_id, provider_id, field)
              > (%(organization_id)s::uuid, %(provider_id)s::uuid, %(field)s::text COLLATE "C"))
    ORDER BY organization_id, provider_id, field
    LIMIT %(limit)s
    FOR UPDATE
"""

_GLOBALS = "SELECT COALESCE(jsonb_object_agg(key, value), '{}') AS chosen FROM global_settings"

_CHOSEN = """
    SELECT p.id AS provider_id, p.name AS provider_name, p.code AS provider_code,
           COALESCE(jsonb_object_agg(s.key, s.value) FILTER (WHERE s.key IS NOT NULL), '{}')
               AS chosen
    FROM providers p
    LEFT JOIN provider_settings s ON s.provider_id = p.id AND s.organization_id = %(owner)s
    GROUP BY p.id
    ORDER BY p.name, p.id
    LIMIT %(limit)s
"""

_CREDENTIAL_FIELDS = """
    SELECT p.id AS provider_id, p.name AS provider_name, p.code AS provider_code,
           COALESCE(array_agg(c.field ORDER BY c.field) FILTER (WHERE c.field IS NOT NULL), '{}')
               AS fields
    FROM providers p
    LEFT JOIN provider_credentials c ON c.provider_id = p.id AND c.organization_id = %(owner)s
    WHERE p.is_active
    GROUP BY p.id
    ORDER BY p.name, p.id
    LIMIT %(limit)s
"""

_CREDENTIALS_AT = """
    SELECT c.organization_id, c.provider_id, c.field, c.key_id, c.sealed, c.last_four,
           c.changed_at, c.changed_by_user_id, c.changed_by_name
    FROM provider_credentials c
    JOIN providers p ON p.id = c.provider_id
    WHERE p.code = %(provider_code)s
      AND (%(owner)s::uuid IS NULL OR c.organization_id = %(owner)s::uuid)
    ORDER BY c.organization_id, c.provider_id, c.field
    LIMIT %(limit)s
"""


class _Chosen(msgspec.Struct):
    chosen: dict[str, Value]


class _CredentialRow(msgspec.Struct):
    organization_id: OrganizationId
    provider_id: ProviderId
    field: str
    key_id: str
    sealed: bytes
    last_four: str | None
    changed_at: datetime
    changed_by_user_id: UserId | None
    changed_by_name: str | None

    def credential(self) -> Credential:
        return Credential(
            organization_id=self.organization_id,
            provider_id=self.provider_id,
            field=self.field,
            sealed=SealedSecret(key_id=SealKeyId(self.key_id), data=self.sealed),
            last_four=self.last_four,
            changed_at=self.changed_at,
            changed_by_user_id=self.changed_by_user_id,
            changed_by_name=self.changed_by_name,
        )


class PostgresSettings(SettingRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock_global(self, key: str) -> Value | None:
        await self._connection.execute(_LOCK_KEY, {"key": key})
        value: Value | None = await fetch_value(self._connection, _GLOBAL, key=key)
        return value

    async def put_global(self, key: str, value: Value | None, *, at: datetime) -> None:
        if value is None:
            await self._connection.execute(_FORGET_GLOBAL, {"key": key})
        else:
            values = {"key": key, "value": as_json(value), "at": at}
            await self._connection.execute(_PUT_GLOBAL, values)

    async def params(self, owner: OrganizationId, provider_id: ProviderId) -> Mapping[str, Value]:
        found = await fetch_one(
            self._connection, _Chosen, _PARAMS, owner=owner, provider_id=provider_id
        )
        return {} if found is None else found.chosen

    async def put_params(
        self,
        owner: OrganizationId,
        provider_id: ProviderId,
        changes: Mapping[str, Value | None],
        *,
        at: datetime,
    ) -> None:
        place: dict[str, Any] = {"owner": owner, "provider_id": provider_id}
        gone = [key for key, value in changes.items() if value is None]
        if gone:
            await self._connection.execute(_FORGET_PARAMS, place | {"keys": gone})
        kept = {key: value for key, value in changes.items() if value is not None}
        if kept:
            values = place | {"values": as_json(kept), "at": at}
            await self._connection.execute(_PUT_PARAMS, values)


class PostgresCredentials(CredentialRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, owner: OrganizationId, provider_id: ProviderId) -> Sequence[Credential]:
        rows = await fetch_all(
            self._connection, _CredentialRow, _CREDENTIALS, owner=owner, provider_id=provider_id
        )
        return [row.credential() for row in rows]

    async def lock(self, owner: OrganizationId, provider_id: ProviderId) -> Sequence[Credential]:
        rows = await fetch_all(
            self._connection,
            _CredentialRow,
            _LOCK_CREDENTIALS,
            owner=owner,
            provider_id=provider_id,
        )
        return [row.credential() for row in rows]

    async def put(self, credentials: Sequence[Credential]) -> None:
        rows = [_columns(credential) for credential in credentials]
        async with self._connection.cursor() as cursor:
            await cursor.executemany(_PUT_CREDENTIAL, rows)

    async def remove(
        self, owner: OrganizationId, provider_id: ProviderId, fields: Collection[str]
    ) -> None:
        if fields:
            values = {"owner": owner, "provider_id": provider_id, "fields": list(fields)}
            await self._connection.execute(_REMOVE_CREDENTIALS, values)

    async def sealed_otherwise(
        self, key_id: SealKeyId, *, after: CredentialPlace | None, limit: int
    ) -> Sequence[Credential]:
        nowhere = {"organization_id": None, "provider_id": None, "field": None}
        place = nowhere if after is None else asdict(after)
        rows = await fetch_all(
            self._connection,
            _CredentialRow,
            _SEALED_OTHERWISE,
            key_id=key_id,
            limit=limit,
            **place,
        )
        return [row.credential() for row in rows]


def _columns(credential: Credential) -> dict[str, Any]:
    sealed = credential.sealed
    return asdict(credential) | {"key_id": sealed.key_id, "sealed": sealed.data}


class PostgresSettingQueries(SettingQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def globals(self) -> Mapping[str, Value]:
        async with self._pool.connection() as connection:
            found = await fetch_one(connection, _Chosen, _GLOBALS)
        return {} if found is None else found.chosen

    async def params(self, owner: OrganizationId, *, limit: int) -> Sequence[ChosenParams]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, ChosenParams, _CHOSEN, owner=owner, limit=limit)

    async def credential_fields(
        self, owner: OrganizationId, *, limit: int
    ) -> Sequence[CredentialFieldsSet]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection, CredentialFieldsSet, _CREDENTIAL_FIELDS, owner=owner, limit=limit
            )

    async def credentials(
        self, provider_code: str, *, owner: OrganizationId | None, limit: int
    ) -> Sequence[Credential]:
        async with self._pool.connection() as connection:
            rows = await fetch_all(
                connection,
                _CredentialRow,
                _CREDENTIALS_AT,
                provider_code=provider_code,
                owner=owner,
                limit=limit,
            )
        return [row.credential() for row in rows]
