"""From a machine that is to go to one that is gone."""

from dataclasses import replace

import pytest

from inventiv_adapters.cloud.memory import AnswerLost
from inventiv_core.action_logs.entities import ActionType
from inventiv_core.cloud.entities import (
    Absent,
    Accepted,
    Denied,
    MachineState,
    Throttled,
    Trouble,
    Unknown,
)
from inventiv_core.instances.entities import TRANSITIONS, InstanceStatus
from inventiv_core.workers.entities import Worker, WorkerToken
from tests.builders import given
from tests.core.world import MINUTE, SECOND, World

S = InstanceStatus
TERMINABLE = sorted(status for status, after in TRANSITIONS.items() if S.TERMINATING in after)


@pytest.mark.parametrize("rented", [True, False])
@pytest.mark.parametrize("status", TERMINABLE)
async def test_whatever_its_status_an_instance_can_be_ended(
    world: World, status: S, *, rented: bool
) -> None:
    instance = world.market.instance(status=status)
    await given(world.unit_of_work, instance)
    if rented:
        world.rent(instance.id, started=True)
    await world.terminate(instance.id)
    await world.run(MINUTE)
    ended = world.instance(instance.id)
    drained = [S.DRAINING] if status is S.READY else []
    assert world.history(instance.id)[1:] == [*drained, S.TERMINATING, S.TERMINATED]
    assert (ended.deletion_reason, ended.deleted_by_provider) == ("requested", False)
    assert ended.terminated_at is not None
    assert not world.cloud.machines
    assert not world.unfinished()
    assert not world.failures()


async def test_the_end_of_a_start_is_a_cancelled_start(world: World) -> None:
    instance_id = await world.deploy_until(S.INSTALLING)
    await world.terminate(instance_id)
    await world.run(MINUTE)
    assert world.failures() == [(ActionType.EXECUTE_CREATE, "CANCELLED")]
    assert not world.unfinished()


async def test_the_end_takes_two_definite_answers(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.terminate(instance_id)
    world.cloud.next_find.add(Absent())
    world.cloud.next_delete.add(*[Accepted()] * 10)
    await world.run(5 * SECOND)
    assert world.status(instance_id) is S.TERMINATING

    world.heal()
    world.cloud.machines.clear()
    await world.run(world.patience.poll)
    assert world.instance(instance_id).missing_since is not None
    assert world.status(instance_id) is S.TERMINATING
    await world.run(world.patience.confirm)
    assert world.status(instance_id) is S.TERMINATED


@pytest.mark.parametrize(
    "trouble", [Denied(detail="no"), Throttled(retry_after=None), Unknown(detail="hm")]
)
async def test_trouble_delays_the_end_and_does_not_prevent_it(
    world: World, trouble: Trouble
) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.terminate(instance_id)
    await world.run_until(instance_id, S.TERMINATING)
    world.cloud.next_find.add(*[trouble] * 3)
    world.cloud.next_delete.add(*[trouble] * 3)
    await world.run(SECOND)
    assert world.status(instance_id) is S.TERMINATING
    assert world.cloud.machines
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.cloud.machines
    assert set(world.failures()) == {(ActionType.PROVIDER_TERMINATE, "PROVIDER_TERMINATE_FAILED")}
    assert not world.unfinished()


async def test_a_deletion_that_was_never_answered_is_noticed(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    world.cloud.next_delete.add(AnswerLost())
    await world.terminate(instance_id)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATED


async def test_a_machine_on_its_way_out_is_not_pushed(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    [machine] = world.cloud.machines.values()
    world.cloud.machines[machine.id] = replace(machine, state=MachineState.STOPPING)
    await world.terminate(instance_id)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATING
    assert not world.logs(ActionType.PROVIDER_TERMINATE)


async def test_every_machine_of_the_instance_goes(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    world.rent(instance_id)
    await world.terminate(instance_id)
    await world.run(MINUTE)
    assert not world.cloud.machines
    assert len(world.logs(ActionType.PROVIDER_TERMINATE)) == 2


async def test_the_worker_is_forgotten_and_its_token_taken_back(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    assert world.database.table(Worker)
    await world.terminate(instance_id)
    await world.run(MINUTE)
    assert not world.database.table(Worker)
    assert world.database.table(WorkerToken)[instance_id].revoked_at is not None


async def test_what_is_over_is_never_looked_at_again(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.terminate(instance_id)
    await world.run(MINUTE)
    async with world.unit_of_work() as work:
        assert await work.leases.next_due(now=world.clock.now()) is None


async def test_an_order_that_was_not_answered_is_waited_for_before_the_end(world: World) -> None:
    instance_id = await world.deploy()
    world.cloud.next_create.add(Unknown(detail="No answer came."))
    await world.look()
    await world.terminate(instance_id)
    await world.run(world.patience.settle - SECOND)
    assert world.status(instance_id) is S.TERMINATING
    late = world.rent(instance_id)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert late.id not in world.cloud.machines
