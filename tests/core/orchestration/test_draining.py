"""From a machine that serves to one that is to go: what runs on it may end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventiv_adapters.cloud.memory import FixedClouds
from inventiv_core.instances.entities import DeletionReason, InstanceId, InstanceStatus
from inventiv_core.workers.entities import Worker, engine_url
from tests.core.world import MINUTE, SECOND, World

S = InstanceStatus


async def serving(world: World, *, busy: int | None = 0) -> InstanceId:
    """Return an instance that serves, with so many calls on its machine."""
    instance_id = await world.deploy_until(S.READY)
    instance = world.instance(instance_id)
    worker = world.database.table(Worker)[instance_id]
    assert instance.ip_address is not None
    world.engines.busy[engine_url(instance.ip_address, worker.vllm_port)] = busy
    return instance_id


async def test_a_machine_that_has_nothing_to_do_goes_once_gateways_have_heard_of_it(
    world: World,
) -> None:
    instance_id = await serving(world)
    await world.terminate(instance_id)
    assert world.status(instance_id) is S.DRAINING
    await world.run(world.patience.told - SECOND)
    assert world.status(instance_id) is S.DRAINING
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.cloud.machines
    assert world.history(instance_id)[-3:] == [S.DRAINING, S.TERMINATING, S.TERMINATED]


async def test_calls_may_end(world: World) -> None:
    instance_id = await serving(world, busy=3)
    await world.terminate(instance_id)
    await world.run(world.patience.drain - 2 * SECOND)
    assert world.status(instance_id) is S.DRAINING
    assert world.cloud.machines
    world.engines.busy.clear()
    await world.run(10 * SECOND)
    assert world.status(instance_id) is S.TERMINATED
    assert world.instance(instance_id).deletion_reason is DeletionReason.REQUESTED


@pytest.mark.parametrize("busy", [1, None], ids=["without end", "as far as known"])
async def test_nobody_is_waited_for_for_ever(world: World, busy: int | None) -> None:
    instance_id = await serving(world, busy=busy)
    await world.terminate(instance_id)
    await world.run(world.patience.drain - SECOND)
    assert world.status(instance_id) is S.DRAINING
    await world.run(timedelta(seconds=10))
    assert world.status(instance_id) is S.TERMINATED


async def test_to_ask_again_changes_nothing(world: World) -> None:
    instance_id = await serving(world, busy=1)
    await world.terminate(instance_id)
    since = world.instance(instance_id).status_since
    await world.run(5 * SECOND)
    await world.terminate(instance_id)
    assert world.status(instance_id) is S.DRAINING
    assert world.instance(instance_id).status_since == since


async def test_a_machine_that_vanishes_meanwhile_is_gone(world: World) -> None:
    instance_id = await serving(world, busy=None)
    await world.terminate(instance_id)
    world.cloud.machines.clear()
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATED


async def test_it_takes_no_cloud_to_wait_for_calls(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id = await serving(world)
    monkeypatch.setattr(world, "reconcile", replace(world.reconcile, clouds=FixedClouds({})))
    await world.terminate(instance_id)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATING
