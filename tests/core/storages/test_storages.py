"""Disks are known from when they are told of until their machine is gone."""

from dataclasses import replace
from datetime import timedelta

from inventiv_core.cloud.entities import Volume
from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.storages.entities import Storage, StorageStatus, shown_first
from inventiv_core.storages.use_cases import conclude_storages, note_storages
from tests.core.world import MINUTE, SECOND, World

ROOT = Volume(id="v-root", volume_type="sbs_volume", size_gb=None, is_boot=True)
DATA = Volume(id="v-data", volume_type="l_ssd", size_gb=200, is_boot=False, name="data")


def known(world: World) -> dict[str, Storage]:
    storages = world.database.table(Storage).values()
    return {storage.provider_volume_id: storage for storage in storages}


async def note(world: World, instance_id: object, *volumes: Volume) -> dict[str, Storage]:
    async with world.unit_of_work() as work:
        await note_storages(
            instance_id,  # type: ignore[arg-type]
            volumes,
            work,
            at=world.clock.now(),
            new_id=world.new_id,
        )
    return known(world)


async def test_the_disks_of_a_machine_are_known_while_it_lives_and_afterwards(
    world: World,
) -> None:
    world.cloud.volumes = (ROOT,)
    instance_id = await world.deploy_until(InstanceStatus.BOOTING)
    rented = known(world)
    assert (rented["v-root"].status, rented["v-root"].is_boot) == (StorageStatus.ATTACHED, True)
    [machine] = world.cloud.machines.values()
    world.cloud.machines[machine.id] = replace(machine, volumes=(ROOT, DATA))
    await world.run_until(instance_id, InstanceStatus.READY)
    running = known(world)
    assert {storage.instance_id for storage in running.values()} == {instance_id}
    assert running["v-root"] == rented["v-root"], "there is no news of it"
    assert (running["v-data"].size_gb, running["v-data"].name) == (200, "data")

    await world.terminate(instance_id)
    await world.run_until(instance_id, InstanceStatus.TERMINATED)
    for storage in known(world).values():
        assert storage.status is StorageStatus.DELETED
        assert storage.deleted_at == world.instance(instance_id).terminated_at


async def test_what_is_told_is_noted_with_its_time_and_no_news_is_not(world: World) -> None:
    instance_id = await world.deploy()
    first = await note(world, instance_id, ROOT, DATA)
    began_at = world.clock.now()
    world.clock.advance(MINUTE)
    assert await note(world, instance_id, DATA, ROOT) == first
    assert await note(world, instance_id) == first, "whoever tells of none says nothing"

    larger = replace(ROOT, size_gb=100)
    second = await note(world, instance_id, larger)
    assert second["v-root"] == replace(
        first["v-root"], size_gb=100, reconciled_at=began_at + MINUTE
    )
    assert second["v-data"] == replace(
        first["v-data"], status=StorageStatus.DETACHED, reconciled_at=began_at + MINUTE
    )
    world.clock.advance(MINUTE)
    assert await note(world, instance_id, larger) == second
    assert (await note(world, instance_id, ROOT, DATA))["v-root"].size_gb == 100, "it was told once"
    assert known(world)["v-data"].attached_at == began_at + 2 * MINUTE


async def test_what_is_gone_is_gone_once(world: World) -> None:
    instance_id = await world.deploy()
    await note(world, instance_id, ROOT)
    for _ in range(2):
        async with world.unit_of_work() as work:
            await conclude_storages(instance_id, work, at=world.clock.now())
        first = known(world)
        world.clock.advance(SECOND)
    assert known(world) == first
    assert first["v-root"].deleted_at is not None
    back = (await note(world, instance_id, ROOT))["v-root"]
    assert (back.status, back.deleted_at) == (StorageStatus.ATTACHED, None)


async def test_those_that_are_there_are_shown_first_and_then_the_newest(world: World) -> None:
    instance_id = await world.deploy()
    old = (await note(world, instance_id, ROOT))["v-root"]
    new = replace(old, created_at=old.created_at + SECOND)
    gone = new.gone(at=new.created_at + timedelta(days=1))
    assert shown_first([old, gone, new]) == [new, old, gone]
