"""Storages, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from inventiv_adapters.kernel.postgres import Connection, Pool, fetch_all
from inventiv_core.identity.access import OrganizationId
from inventiv_core.storages.entities import Storage
from inventiv_core.storages.ports import StorageQueries, StorageRepository

_OF = """
    SELECT id, instance_id, provider_volume_id, name, volume_type, size_gb, is_boot, status,
           created_at, attached_at, deleted_at, reconciled_at
    FROM instance_volumes
    WHERE instance_id = %(instance_id)s
    ORDER BY id
"""

_PUT = """
    INSERT INTO instance_volumes
        (id, instance_id, provider_volume_id, name, volume_type, size_gb, is_boot, status,
         created_at, attached_at, deleted_at, reconciled_at)
    VALUES
        (%(id)s, %(instance_id)s, %(provider_volume_id)s, %(name)s, %(volume_type)s, %(size_gb)s,
         %(is_boot)s, %(status)s, %(created_at)s, %(attached_at)s, %(deleted_at)s,
         %(reconciled_at)s)
    ON CONFLICT (id) DO UPDATE SET
        name = EXCLUDED.name, volume_type = EXCLUDED.volume_type, size_gb = EXCLUDED.size_gb,
        is_boot = EXCLUDED.is_boot, status = EXCLUDED.status, attached_at = EXCLUDED.attached_at,
        deleted_at = EXCLUDED.deleted_at, reconciled_at = EXCLUDED.reconciled_at
"""

_LIST = """
    SELECT v.id, v.instance_id, v.provider_volume_id, v.name, v.volume_type, v.size_gb, v.is_boot,
           v.status, v.created_at, v.attached_at, v.deleted_at, v.reconciled_at
    FROM instance_volumes v
    JOIN instances i ON i.id = v.instance_id
    WHERE v.instance_id = %(instance_id)s AND i.organization_id = %(owner)s
    ORDER BY v.deleted_at IS NOT NULL, v.created_at DESC, v.id DESC
    LIMIT %(limit)s
"""


class PostgresStorages(StorageRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, instance_id: UUID) -> Sequence[Storage]:
        return await fetch_all(self._connection, Storage, _OF, instance_id=instance_id)

    async def put(self, storage: Storage) -> None:
        await self._connection.execute(_PUT, asdict(storage))


class PostgresStorageQueries(StorageQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(
        self, instance_id: UUID, *, owner: OrganizationId, limit: int
    ) -> Sequence[Storage]:
        values = {"instance_id": instance_id, "owner": owner, "limit": limit}
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Storage, _LIST, **values)
