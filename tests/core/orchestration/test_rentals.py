"""What is rented is written down as it is rented, and ends when its end is confirmed."""

from inventiv_core.finops.entities.rentals import Rental
from inventiv_core.finops.events import InstanceCostStarted, InstanceCostStopped, StopReason
from inventiv_core.instances.entities import InstanceStatus
from tests.core.world import SECOND, World


def rentals(world: World) -> list[Rental]:
    return sorted(world.database.table(Rental).values(), key=lambda rental: rental.id)


def told(world: World) -> list[str]:
    events = [*world.told, *(message.event for message in world.database.outbox)]
    return [
        event.reason if isinstance(event, InstanceCostStopped) else "started"
        for event in events
        if isinstance(event, InstanceCostStarted | InstanceCostStopped)
    ]


async def test_a_machine_costs_from_when_it_was_made_until_its_end_is_confirmed(
    world: World,
) -> None:
    instance_id = await world.deploy_until(InstanceStatus.READY)
    [machine] = world.cloud.machines.values()
    [rental] = rentals(world)
    assert (rental.machine_id, rental.started_at) == (machine.id, machine.created_at)
    assert rental.ended_at is None
    await world.terminate(instance_id)
    await world.run_until(instance_id, InstanceStatus.TERMINATED)
    [rental] = rentals(world)
    instance = world.instance(instance_id)
    assert rental.ended_at == instance.terminated_at
    assert told(world) == ["started", StopReason.TERMINATION_CONFIRMED]


async def test_what_never_had_a_machine_costs_nothing(world: World) -> None:
    instance_id = await world.deploy()
    await world.terminate(instance_id)
    await world.run(60 * SECOND)
    assert world.status(instance_id) is InstanceStatus.TERMINATED
    assert rentals(world) == []
    assert told(world) == [StopReason.NO_PROVIDER_RESOURCE]
