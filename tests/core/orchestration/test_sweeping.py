"""The provider's side of the books: no machine that nobody should pay for."""

from dataclasses import replace
from uuid import UUID

import pytest

from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_core.action_logs.entities import ActionStatus, ActionType
from inventiv_core.cloud.entities import Denied, MachineState, MachineTag, Throttled, Unknown
from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.instances.entities import AT_REST, InstanceId, InstanceStatus
from inventiv_core.orchestration.use_cases.sweeping import Swept
from tests.builders import ACME, a_number, an_actor, given
from tests.core.world import World

S = InstanceStatus


async def sweep(world: World) -> Swept:
    return await world.sweep_machines(actor=PLATFORM)


async def test_a_machine_of_no_instance_is_a_stray(world: World) -> None:
    stray = world.rent(InstanceId(a_number()))
    assert await sweep(world) == Swept(machines=1, strays=1)
    assert not world.cloud.machines
    [log] = world.logs()
    assert log.status is ActionStatus.SUCCESS
    assert log.action_type is ActionType.PROVIDER_TERMINATE
    assert log.metadata["provider_instance_id"] == stray.id
    assert (log.organization_id, log.instance_id) == (ACME, stray.tag.instance_id)


@pytest.mark.parametrize("status", list(S))
async def test_what_has_a_machine_depends_on_the_status_alone(world: World, status: S) -> None:
    instance = world.market.instance(status=status)
    await given(world.unit_of_work, instance)
    world.rent(instance.id, started=True)
    strays = 1 if status in AT_REST else 0
    assert await sweep(world) == Swept(machines=1, strays=strays)
    assert len(world.cloud.machines) == 1 - strays


async def test_the_machines_of_other_installations_are_not_ours_to_judge(world: World) -> None:
    tag = MachineTag(installation_id=UUID(int=1), organization_id=ACME, instance_id=UUID(int=2))
    world.rent(InstanceId(a_number()), tag=tag)
    assert await sweep(world) == Swept()
    assert world.cloud.machines


@pytest.mark.parametrize(
    "trouble", [Denied(detail="no"), Throttled(retry_after=None), Unknown(detail="hm")]
)
async def test_no_answer_says_nothing_and_others_are_asked_all_the_same(
    world: World, trouble: Denied | Throttled | Unknown
) -> None:
    other = MemoryCloud(clock=world.clock, new_id=world.new_id)
    world.cloud.next_list.add(trouble)
    world.rent(InstanceId(a_number()))
    other.machines = dict(world.cloud.machines)
    both = replace(world.sweep_machines, clouds=FixedClouds({"a": world.cloud, "b": other}))
    assert await both(actor=PLATFORM) == Swept(machines=1, strays=1, unanswered=1)
    assert world.cloud.machines
    assert not other.machines


async def test_a_stray_that_cannot_be_deleted_is_a_stray_the_next_time(world: World) -> None:
    world.rent(InstanceId(a_number()))
    world.cloud.next_delete.add(Denied(detail="no"))
    await sweep(world)
    [log] = world.logs()
    assert (log.status, log.error_code) == (ActionStatus.FAILED, "PROVIDER_TERMINATE_FAILED")
    assert await sweep(world) == Swept(machines=1, strays=1)
    assert not world.cloud.machines


async def test_a_stray_on_its_way_out_is_left_alone(world: World) -> None:
    stray = world.rent(InstanceId(a_number()))
    world.cloud.machines[stray.id] = replace(stray, state=MachineState.STOPPING)
    assert await sweep(world) == Swept(machines=1)
    assert not world.logs()


async def test_an_instance_with_another_machine_than_it_knows_is_looked_at(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await sweep(world)
    assert not await world.look(), "its own machine is no reason"
    world.rent(instance_id)
    assert await sweep(world) == Swept(machines=2)
    assert await world.look()
    assert len(world.cloud.machines) == 1


async def test_only_the_platform_itself_may_work_like_this(world: World) -> None:
    await world.deploy()
    lease = await world.take()
    with pytest.raises(PermissionMissing):
        await world.sweep_machines(actor=an_actor())
    with pytest.raises(PermissionMissing):
        await world.claim(limit=1, actor=an_actor())
    with pytest.raises(PermissionMissing):
        await world.reconcile(lease, actor=an_actor())
    with pytest.raises(PermissionMissing):
        await world.renew(lease, actor=an_actor())
    assert not world.cloud.machines
