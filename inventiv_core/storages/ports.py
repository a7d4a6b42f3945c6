"""What storages need from the outside."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from inventiv_core.identity.access import OrganizationId
from inventiv_core.storages.entities import Storage


class StorageRepository(Protocol):
    """All disks. Whoever changes those of an instance has locked the instance."""

    async def of(self, instance_id: UUID) -> Sequence[Storage]:
        """Return all disks of an instance, gone or not, by id."""
        ...

    async def put(self, storage: Storage) -> None:
        """Store a disk, new or known."""
        ...


class StorageQueries(Protocol):
    """Disks as people look at them. Reads only, outside any unit of work."""

    async def list(
        self, instance_id: UUID, *, owner: OrganizationId, limit: int
    ) -> Sequence[Storage]:
        """Return the disks of an instance of ``owner``: those that are there first, the newest."""
        ...


class StorageWork(Protocol):
    """What one atomic piece of work on storages may touch."""

    @property
    def storages(self) -> StorageRepository: ...
