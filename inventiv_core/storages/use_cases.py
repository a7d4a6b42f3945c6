"""Noting what is told of disks, inside the work of whoever was told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from inventiv_core.cloud.entities import Volume
from inventiv_core.kernel.ids import NewId
from inventiv_core.storages.entities import Storage, StorageId
from inventiv_core.storages.ports import StorageWork


async def note_storages(
    instance_id: UUID, volumes: Sequence[Volume], work: StorageWork, *, at: datetime, new_id: NewId
) -> None:
    """Note what disks a machine has, says its provider. One that tells of none says nothing."""
    if not volumes:
        return
    known = {storage.provider_volume_id: storage for storage in await work.storages.of(instance_id)}
    told = {volume.id: volume for volume in volumes}
    for volume in told.values():
        storage = known.get(volume.id)
        if storage is None:
            storage_id = StorageId(new_id())
            found = Storage.found(volume, id=storage_id, instance_id=instance_id, at=at)
            await work.storages.put(found)
        else:
            await _replace(storage, storage.seen(volume, at=at), work)
    for volume_id, storage in known.items():
        if volume_id not in told:
            await _replace(storage, storage.missed(at=at), work)


async def conclude_storages(instance_id: UUID, work: StorageWork, *, at: datetime) -> None:
    """Note that all disks of an instance are gone, as its machine is."""
    for storage in await work.storages.of(instance_id):
        await _replace(storage, storage.gone(at=at), work)


async def _replace(before: Storage, after: Storage, work: StorageWork) -> None:
    if after != before:
        await work.storages.put(after)
