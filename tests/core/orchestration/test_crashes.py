"""Whoever works on an instance may die, or be overtaken, between any two steps."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from inventiv_adapters.cloud.memory import AnswerLost
from inventiv_core.action_logs.entities import ActionStatus, ActionType
from inventiv_core.cloud.entities import Accepted, MachineState, RefusalReason, Refused
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.instances.errors import LeaseLost, NothingToReinstall
from tests.core.accidents import Accidents, die
from tests.core.world import MINUTE, SECOND, World

S = InstanceStatus
OUT_OF_STOCK = Refused(reason=RefusalReason.OUT_OF_STOCK, detail="None left.")
Story = Callable[[World], Awaitable[InstanceId]]


async def rise(world: World) -> InstanceId:
    """Go from nothing to ready."""
    instance_id = await world.deploy()
    await world.run(2 * MINUTE)
    return instance_id


async def fall(world: World) -> InstanceId:
    """Go from nothing to ready, and to nothing again."""
    instance_id = await rise(world)
    await world.terminate(instance_id)
    await world.run(2 * MINUTE)
    return instance_id


async def renew(world: World) -> InstanceId:
    """Go from nothing to ready, and there once more on the same machine."""
    instance_id = await rise(world)
    await world.reinstall(instance_id)
    await world.run(2 * MINUTE)
    return instance_id


async def rise_by_hand(world: World) -> InstanceId:
    """Rise on one of two machines that somebody else has rented, and that starts only later."""
    instance_id = await world.deploy()
    world.rent(instance_id)
    world.rent(instance_id)
    world.cloud.next_start.add(Accepted())
    await world.run(2 * MINUTE)
    return instance_id


async def places_of(story: Story) -> Accidents:
    world = await World.build()
    await story(world)
    return world.accidents


@pytest.mark.parametrize("story", [rise, rise_by_hand, renew])
async def test_whoever_dies_on_the_way_up_is_succeeded(story: Story) -> None:
    for place in range(len((await places_of(story)).passed)):
        world = await World.build()
        world.accidents.happen(die, at=place)
        instance_id = await story(world)
        await world.run(MINUTE)
        assert world.status(instance_id) is S.READY, place
        assert len(world.cloud.machines) == 1, place
        assert not world.unfinished(), place
        orders = [log.status for log in world.logs(ActionType.PROVIDER_CREATE)]
        assert orders.count(ActionStatus.SUCCESS) == len(world.cloud.orders), place


async def test_a_refusal_ends_what_was_cut_off_before() -> None:
    for place in (await places_of(rise)).outside[:40]:
        world = await World.build()
        world.accidents.happen(die, at=place)
        instance_id = await world.deploy()
        await world.run(timedelta(0))
        world.cloud.machines.clear()
        world.cloud.next_create.add(OUT_OF_STOCK)
        await world.run(MINUTE)
        assert world.status(instance_id) in {S.PROVISIONING_FAILED, S.TERMINATED}, place
        assert not world.unfinished(), place


async def test_whoever_dies_on_the_way_down_is_succeeded() -> None:
    for place in range(len((await places_of(fall)).passed)):
        world = await World.build()
        world.accidents.happen(die, at=place)
        instance_id = await fall(world)
        await world.run(MINUTE)
        assert world.status(instance_id) is S.TERMINATED, place
        assert not world.cloud.machines, place
        assert not world.unfinished(), place


@pytest.mark.parametrize("answer", [None, OUT_OF_STOCK, AnswerLost()])
async def test_termination_may_come_between_any_two_steps(
    answer: Refused | AnswerLost | None,
) -> None:
    for place in (await places_of(rise)).outside:
        world = await World.build()
        if answer is not None:
            world.cloud.next_create.add(answer)
        instance_id = await world.deploy()

        async def terminate(world: World = world, instance_id: InstanceId = instance_id) -> None:
            await world.terminate(instance_id)

        world.accidents.happen(terminate, at=place)
        await world.run(3 * MINUTE)
        if len(world.accidents.passed) <= place:
            break  # a refusal has fewer steps
        await world.run(MINUTE)
        assert world.status(instance_id) is S.TERMINATED, place
        assert not world.cloud.machines, place
        assert not world.unfinished(), place


async def test_a_termination_may_come_between_any_two_steps_of_a_reinstall() -> None:
    begun = len((await places_of(rise)).passed)
    for place in (await places_of(renew)).outside:
        if place < begun:
            continue
        world = await World.build()
        instance_id = await rise(world)

        async def terminate(world: World = world, instance_id: InstanceId = instance_id) -> None:
            await world.terminate(instance_id)

        world.accidents.happen(terminate, at=place)
        await world.reinstall(instance_id)
        await world.run(3 * MINUTE)
        assert world.status(instance_id) is S.TERMINATED, place
        assert not world.cloud.machines, place
        assert not world.unfinished(), place


async def test_a_reinstall_may_come_between_any_two_steps() -> None:
    for place in (await places_of(rise)).outside:
        world = await World.build()
        instance_id = await world.deploy()

        async def reinstall(world: World = world, instance_id: InstanceId = instance_id) -> None:
            with suppress(NothingToReinstall):
                await world.reinstall(instance_id)

        world.accidents.happen(reinstall, at=place)
        await world.run(4 * MINUTE)
        assert world.status(instance_id) is S.READY, place
        assert len(world.cloud.orders) == 1, place
        assert not world.unfinished(), place


async def test_whoever_sleeps_through_its_lease_changes_nothing_on_waking_up() -> None:
    for place in (await places_of(rise)).outside:
        world = await World.build()

        async def oversleep(world: World = world) -> None:
            await world.run(world.patience.lease + MINUTE)

        world.accidents.happen(oversleep, at=place)
        instance_id = await rise(world)
        assert world.status(instance_id) is S.READY, place
        [machine] = world.cloud.machines.values()
        assert machine.id == world.instance(instance_id).provider_instance_id, place
        assert machine.state is MachineState.RUNNING, place


async def test_an_order_that_arrives_after_the_end_is_swept_away() -> None:
    for place in (await places_of(rise)).outside:
        world = await World.build()
        instance_id = await world.deploy()

        async def be_overtaken(world: World = world, instance_id: InstanceId = instance_id) -> None:
            await world.terminate(instance_id)
            await world.run(2 * MINUTE)
            assert world.status(instance_id) is S.TERMINATED

        world.accidents.happen(be_overtaken, at=place)
        await world.run(3 * MINUTE)
        await world.sweep_machines(actor=PLATFORM)
        assert world.status(instance_id) is S.TERMINATED, place
        assert not world.cloud.machines, place


async def test_a_lease_can_be_kept_longer_but_not_taken_back(world: World) -> None:
    await world.deploy()
    lease = await world.take()
    world.clock.advance(world.patience.lease - SECOND)
    await world.renew(lease, actor=PLATFORM)
    world.clock.advance(world.patience.lease - SECOND)
    assert not await world.look()
    world.clock.advance(SECOND)
    with pytest.raises(LeaseLost):
        await world.renew(lease, actor=PLATFORM)


async def test_whoever_has_lost_the_lease_leaves_no_trace(world: World) -> None:
    instance_id = await world.deploy()
    lost = await world.take()
    world.clock.advance(world.patience.lease)
    held = await world.take()
    assert held.token > lost.token
    before, logs = world.instance(instance_id), world.logs()

    await world.reconcile(lost, actor=PLATFORM)
    assert (world.instance(instance_id), world.logs()) == (before, logs)
    assert not world.cloud.machines
    await world.reconcile(held, actor=PLATFORM)
    assert world.cloud.machines


async def test_nobody_works_on_what_somebody_works_on(world: World) -> None:
    await world.deploy()
    await world.take()
    assert not (await world.claim(limit=32, actor=PLATFORM)).leases


async def test_what_is_asked_for_during_a_look_leads_to_another_look(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.run(timedelta(0))
    world.clock.advance(world.patience.watch)
    lease = await world.take()
    await world.terminate(instance_id)
    await world.reconcile(lease, actor=PLATFORM)
    assert (await world.take()).instance_id == instance_id
