"""Somebody changes an instance while somebody else is looking at it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from inventiv_core.action_logs.entities import ActionType
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from tests.core.world import MINUTE, World

S = InstanceStatus
Trouble = Callable[[World], Awaitable[InstanceId]]


async def vanish(world: World) -> InstanceId:
    """Serve, on a machine that is gone."""
    instance_id = await world.deploy_until(S.READY)
    world.cloud.machines.clear()
    world.clock.advance(world.patience.watch)
    return instance_id


async def fall_silent(world: World) -> InstanceId:
    """Serve, with a worker that has not been heard of for long."""
    instance_id = await world.deploy_until(S.READY)
    world.agents_work = False
    world.clock.advance(2 * world.patience.stale_after)
    return instance_id


async def recover(world: World) -> InstanceId:
    """Be out of service, with a worker that has just been heard of again."""
    instance_id = await fall_silent(world)
    await world.run_until(instance_id, S.UNAVAILABLE)
    world.agents_work = True
    return instance_id


async def be_late(world: World) -> InstanceId:
    """Wait for a worker that never comes."""
    world.agents_work = False
    instance_id = await world.deploy_until(S.INSTALLING)
    world.clock.advance(world.patience.startup)
    return instance_id


async def be_too_late(world: World) -> InstanceId:
    """Have waited for the worker for as long as one does, and longer."""
    instance_id = await be_late(world)
    await world.run_until(instance_id, S.STARTUP_FAILED)
    world.clock.advance(world.patience.keep_failed)
    return instance_id


async def be_unrentable(world: World) -> InstanceId:
    """Want a machine for so long that it is time to give up."""
    instance_id = await world.deploy()
    world.clock.advance(world.patience.startup)
    return instance_id


@pytest.mark.parametrize(
    "trouble", [vanish, fall_silent, recover, be_late, be_too_late, be_unrentable]
)
async def test_termination_may_come_while_something_else_goes_wrong(trouble: Trouble) -> None:
    for place in range(24):
        world = await World.build()
        instance_id = await trouble(world)

        async def terminate(world: World = world, instance_id: InstanceId = instance_id) -> None:
            await world.terminate(instance_id)

        world.accidents.happen_soon(terminate, after=place)
        await world.run(3 * MINUTE)
        world.accidents.forget()
        await world.terminate(instance_id)
        await world.run(MINUTE)
        assert world.status(instance_id) is S.TERMINATED, place
        assert not world.cloud.machines, place
        assert not world.unfinished(), place


async def test_once_termination_is_asked_for_nothing_more_is_asked_of_the_provider() -> None:
    for place in range(40):
        world = await World.build()
        instance_id = await world.deploy()
        asked: list[int] = []

        async def terminate(
            world: World = world, instance_id: InstanceId = instance_id, asked: list[int] = asked
        ) -> None:
            await world.terminate(instance_id)
            asked.append(requests(world))

        world.accidents.happen_soon(terminate, after=place)
        await world.run(MINUTE)
        assert asked == [requests(world)], place


def requests(world: World) -> int:
    """Count what the provider was asked for, other than to delete."""
    return len([*world.logs(ActionType.PROVIDER_CREATE), *world.logs(ActionType.PROVIDER_START)])


async def test_a_worker_may_come_at_the_moment_at_which_its_machine_is_given_up() -> None:
    for place in range(12):
        world = await World.build()
        instance_id = await be_too_late(world)
        [machine] = world.cloud.machines.values()

        async def report(world: World = world) -> None:
            world.agents_work = True
            await world.beat()

        world.accidents.happen_soon(report, after=place)
        await world.run(3 * MINUTE)
        status = world.status(instance_id)
        assert status in {S.READY, S.TERMINATED}, place
        assert list(world.cloud.machines) == ([machine.id] if status is S.READY else []), place
        assert not world.unfinished(), place


async def test_a_double_look_is_not_two_definite_answers(world: World) -> None:
    instance_id = await vanish(world)
    for _ in range(2):
        await world.wake(instance_id)
        assert await world.look()
    assert world.status(instance_id) is S.READY
    await world.run(world.patience.confirm + timedelta(seconds=1))
    assert world.instance(instance_id).deleted_by_provider


async def test_to_be_looked_at_early_does_not_shorten_the_time_a_late_worker_has(
    world: World,
) -> None:
    instance_id = await be_late(world)
    await world.run_until(instance_id, S.STARTUP_FAILED)
    await world.wake(instance_id)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.STARTUP_FAILED
