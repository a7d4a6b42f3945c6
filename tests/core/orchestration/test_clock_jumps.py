"""Clocks that are set, forth or back, at any moment in the life of an instance."""

from datetime import timedelta

import pytest

from inventiv_core.instances.entities import InstanceStatus
from tests.core.world import MINUTE, SECOND, World

S = InstanceStatus
HOUR = timedelta(hours=1)
JUMPS = (HOUR, 10 * SECOND, -10 * SECOND, -HOUR)


@pytest.mark.parametrize("by", JUMPS)
async def test_whenever_the_clock_is_set_nothing_is_rented_twice_or_left(by: timedelta) -> None:
    for looks in range(12):
        world = await World.build()
        instance_id = await world.deploy()
        for _ in range(looks):
            await world.run(2 * SECOND)
        world.clock.advance(by)
        await world.run(abs(by) + 10 * MINUTE)
        assert len(world.machines_of(instance_id)) <= 1, looks
        ended = {S.TERMINATED, S.STARTUP_FAILED, S.PROVISIONING_FAILED}
        assert world.status(instance_id) in {S.READY, *ended}, looks
        await world.terminate(instance_id)
        await world.run(5 * MINUTE)
        assert world.status(instance_id) in ended, looks
        assert not world.cloud.machines, looks


@pytest.mark.parametrize("by", JUMPS)
async def test_a_machine_that_serves_goes_on_or_comes_back(by: timedelta) -> None:
    world = await World.build()
    instance_id = await world.deploy_until(S.READY)
    [machine] = world.machines_of(instance_id)
    world.clock.advance(by)
    await world.run(abs(by) + 10 * MINUTE)
    assert world.status(instance_id) is S.READY
    assert world.machines_of(instance_id) == [machine]
