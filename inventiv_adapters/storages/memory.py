"""Storages, in memory."""

from collections.abc import Sequence
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance
from inventiv_core.storages.entities import Storage, shown_first
from inventiv_core.storages.ports import StorageQueries, StorageRepository


class MemoryStorages(StorageRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(Storage)

    async def of(self, instance_id: UUID) -> Sequence[Storage]:
        found = [storage for storage in self._table.values() if storage.instance_id == instance_id]
        return sorted(found, key=lambda storage: storage.id)

    async def put(self, storage: Storage) -> None:
        self._table[storage.id] = storage


class MemoryStorageQueries(StorageQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(
        self, instance_id: UUID, *, owner: OrganizationId, limit: int
    ) -> Sequence[Storage]:
        instance = self._database.table(Instance).get(instance_id)
        if instance is None or instance.organization_id != owner:
            return []
        return shown_first(await MemoryStorages(self._database).of(instance_id))[:limit]
