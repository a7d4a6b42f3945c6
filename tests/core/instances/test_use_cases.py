"""What people can do with instances."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventiv_adapters.instances.memory import MemoryInstanceQueries
from inventiv_adapters.storages.memory import MemoryStorageQueries
from inventiv_core.action_logs.entities import ActionStatus, ActionType, Component
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.identity.access import Actor, Role
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.instances.events import InstanceChanged, TerminationRequested
from inventiv_core.instances.use_cases import GetInstance, ListInstances, Termination
from inventiv_core.kernel.errors import DomainError
from tests.builders import NOON, OTHER, a_number, an_actor, given
from tests.core.world import World

S = InstanceStatus


async def an_instance(world: World, status: S = S.READY) -> Instance:
    instance = world.market.instance(status=status)
    await given(world.unit_of_work, instance)
    return instance


@pytest.mark.parametrize("status", [s for s in S if s not in {S.TERMINATED, S.ARCHIVED}])
async def test_whatever_it_is_doing_an_instance_can_be_given_up(world: World, status: S) -> None:
    instance = await an_instance(world, status)
    over = await world.terminate_instance(instance.id, actor=an_actor())
    assert over is Termination.UNDER_WAY
    going = S.DRAINING if status in {S.READY, S.DRAINING} else S.TERMINATING
    assert world.status(instance.id) is going
    assert (await world.take()).instance_id == instance.id
    [log] = world.logs()
    assert (log.action_type, log.status) == (ActionType.REQUEST_TERMINATE, ActionStatus.SUCCESS)
    assert (log.instance_status_before, log.instance_status_after) == (status, going)
    assert (log.component, log.user_id) == (Component.API, an_actor().user_id)


async def test_an_orchestrator_of_others_waits_for_no_calls(world: World) -> None:
    instance = await an_instance(world)
    terminate = replace(world.terminate_instance, orchestrator_is_external=True)
    await terminate(instance.id, actor=an_actor())
    assert world.status(instance.id) is S.TERMINATING


@pytest.mark.parametrize("status", [S.TERMINATED, S.ARCHIVED])
async def test_what_is_over_cannot_be_ended_again(world: World, status: S) -> None:
    instance = await an_instance(world, status)
    over = await world.terminate_instance(instance.id, actor=an_actor())
    assert over is Termination.ALREADY_OVER
    assert world.instance(instance.id) == instance
    assert not await world.look()
    [log] = world.logs()
    assert log.metadata["already_terminated"] is True
    assert not world.unfinished()


async def test_asking_twice_changes_nothing_and_is_on_record(world: World) -> None:
    instance = await an_instance(world)
    await world.terminate(instance.id)
    ending = world.instance(instance.id)
    world.clock.advance(timedelta(seconds=1))
    await world.terminate(instance.id)
    assert world.instance(instance.id) == ending
    assert len(world.logs()) == 2


async def test_those_who_watch_are_told(world: World) -> None:
    instance = await an_instance(world)
    await world.terminate(instance.id)
    told = [message.event for message in world.database.outbox]
    assert told[0] == InstanceChanged.of(world.instance(instance.id), at=NOON)
    [log] = world.logs()
    assert told[1:] == [
        TerminationRequested(
            instance_id=instance.id,
            organization_id=instance.organization_id,
            correlation_id=log.id,
            occurred_at=NOON,
        ),
        ActionLogged.of(log),
    ]


@pytest.mark.parametrize(
    ("actor", "refusal"),
    [
        (an_actor(organization=OTHER), InstanceNotFound),
        (an_actor(None), NoCurrentOrganization),
    ],
)
async def test_what_is_not_ones_own_is_not_there(
    world: World, actor: Actor, refusal: type[DomainError]
) -> None:
    instance = await an_instance(world)
    with pytest.raises(refusal):
        await world.terminate_instance(instance.id, actor=actor)
    assert world.instance(instance.id) == instance
    assert not world.logs()
    assert not world.database.outbox


@pytest.mark.parametrize("role", [Role.MANAGER, Role.USER])
async def test_giving_up_takes_the_right_role(world: World, role: Role) -> None:
    instance = await an_instance(world)
    with pytest.raises(PermissionMissing):
        await world.terminate_instance(instance.id, actor=an_actor(role))
    assert world.instance(instance.id) == instance


async def test_what_never_was_cannot_be_given_up(world: World) -> None:
    with pytest.raises(InstanceNotFound):
        await world.terminate_instance(InstanceId(a_number()), actor=an_actor())


async def test_everyone_of_the_organization_sees_its_instances(world: World) -> None:
    instance = await an_instance(world)
    queries = MemoryInstanceQueries(world.database)
    look = GetInstance(
        instance_queries=queries,
        storage_queries=MemoryStorageQueries(world.database),
        clock=world.clock,
    )
    everything = ListInstances(instance_queries=queries, clock=world.clock)
    for role in Role:
        row = (await look(instance.id, actor=an_actor(role))).row
        assert (row.id, row.as_of) == (instance.id, NOON)
        assert list(await everything(archived=False, actor=an_actor(role))) == [row]
    stranger, nobody = an_actor(organization=OTHER), an_actor(None)
    for actor in (stranger, nobody):
        assert not await everything(archived=False, actor=actor)
        with pytest.raises(InstanceNotFound):
            await look(instance.id, actor=actor)
