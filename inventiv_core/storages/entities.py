"""A storage: a disk of an instance's machine, from when it was first told of until it is gone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from inventiv_core.cloud.entities import Volume

StorageId = NewType("StorageId", UUID)


class StorageStatus(StrEnum):
    """How a disk stands. Clients know these words."""

    ATTACHED = "attached"
    DETACHED = "detached"
    """The machine no longer has it, and its end is not confirmed."""
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A disk of an instance's machine. It goes with the machine."""

    id: StorageId
    instance_id: UUID
    provider_volume_id: str
    name: str | None
    volume_type: str
    size_gb: int | None
    """In decimal gigabytes; ``None`` if the provider does not say."""
    is_boot: bool
    status: StorageStatus
    created_at: datetime
    """When it was first told of."""
    attached_at: datetime | None
    deleted_at: datetime | None
    reconciled_at: datetime
    """When it was last found to be otherwise than before."""

    @classmethod
    def found(cls, volume: Volume, *, id: StorageId, instance_id: UUID, at: datetime) -> Self:
        """Note a disk that was not known."""
        return cls(
            id=id,
            instance_id=instance_id,
            provider_volume_id=volume.id,
            name=volume.name,
            volume_type=volume.volume_type,
            size_gb=volume.size_gb,
            is_boot=volume.is_boot,
            status=StorageStatus.ATTACHED,
            created_at=at,
            attached_at=at,
            deleted_at=None,
            reconciled_at=at,
        )

    def seen(self, volume: Volume, *, at: datetime) -> Self:
        """Note how it is told of now. A size that is not told stays what it was."""
        is_back = self.status is not StorageStatus.ATTACHED
        now = replace(
            self,
            name=volume.name or self.name,
            volume_type=volume.volume_type,
            size_gb=self.size_gb if volume.size_gb is None else volume.size_gb,
            is_boot=volume.is_boot,
            status=StorageStatus.ATTACHED,
            attached_at=at if is_back else self.attached_at,
            deleted_at=None,
        )
        return self if now == self else replace(now, reconciled_at=at)

    def missed(self, *, at: datetime) -> Self:
        """Note that the machine no longer has it."""
        if self.status is not StorageStatus.ATTACHED:
            return self
        return replace(self, status=StorageStatus.DETACHED, reconciled_at=at)

    def gone(self, *, at: datetime) -> Self:
        """Note that it is gone, with its machine."""
        if self.deleted_at is not None:
            return self
        return replace(self, status=StorageStatus.DELETED, deleted_at=at, reconciled_at=at)


def shown_first(storages: Sequence[Storage]) -> Sequence[Storage]:
    """Return them as they are shown: those that are there first, then the newest."""
    newest = sorted(storages, key=lambda storage: (storage.created_at, storage.id), reverse=True)
    return sorted(newest, key=lambda storage: storage.deleted_at is not None)
