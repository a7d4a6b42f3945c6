"""What the ports of storages promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from inventiv_core.cloud.entities import Volume
from inventiv_core.storages.entities import Storage, StorageId
from tests.builders import ACME, NOON, OTHER, Market, a_number, given_teams

SECOND = timedelta(seconds=1)


def a_storage(instance_id: Any, **facts: Any) -> Storage:
    number = a_number()
    volume = Volume(id=f"v-{number}", volume_type="block", size_gb=20, is_boot=False, name="root")
    storage = Storage.found(volume, id=StorageId(number), instance_id=instance_id, at=NOON)
    return replace(storage, **facts)


async def put(adapters: Any, *storages: Storage) -> None:
    async with adapters.unit_of_work()() as work:
        for storage in storages:
            await work.storages.put(storage)


async def test_disks_are_kept_and_changed(adapters: Any) -> None:
    market = Market()
    mine, other = market.instance(), market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, mine, other)
    disk, theirs = a_storage(mine.id, size_gb=None, name=None), a_storage(other.id)
    await put(adapters, disk, theirs)
    changed = replace(disk, size_gb=2**40, name="n", is_boot=True, volume_type="t")
    for wanted in (changed, changed.missed(at=NOON + SECOND), changed.gone(at=NOON + SECOND)):
        await put(adapters, wanted)
        async with adapters.unit_of_work()() as work:
            assert list(await work.storages.of(mine.id)) == [wanted]
            assert list(await work.storages.of(other.id)) == [theirs]


async def test_disks_are_shown_to_their_owner_those_that_are_there_first(adapters: Any) -> None:
    market = Market()
    instance = market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, instance)
    old, new, newest = (
        a_storage(instance.id, created_at=NOON + place * SECOND) for place in range(3)
    )
    gone = newest.gone(at=NOON + 9 * SECOND)
    await put(adapters, gone, old, new)
    listed = adapters.storage_queries().list
    assert list(await listed(instance.id, owner=ACME, limit=9)) == [new, old, gone]
    assert list(await listed(instance.id, owner=ACME, limit=1)) == [new]
    assert list(await listed(instance.id, owner=OTHER, limit=9)) == []
    assert list(await listed(a_number(), owner=ACME, limit=9)) == []


async def test_lists_say_how_many_there_are_and_how_large(adapters: Any) -> None:
    market = Market()
    instance, bare = market.instance(), market.instance(at=NOON - SECOND)
    await given_teams(adapters.unit_of_work(), *market.everything, instance, bare)
    sizes = (200, None, 20)
    disks = [a_storage(instance.id, size_gb=size_gb) for size_gb in sizes]
    gone = a_storage(instance.id, size_gb=7).gone(at=NOON)
    await put(adapters, *disks, gone)
    rows = await adapters.instance_queries().list(ACME, archived=False, limit=9, now=NOON)
    assert [(row.storage_count, list(row.storage_sizes_gb)) for row in rows] == [
        (3, [20, 200]), (0, []),
    ]  # fmt: skip
