"""When far too much seems to be lost, nothing is concluded and nothing deleted."""

import pytest

from inventiv_core.cloud.entities import Denied, MachineState
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.orchestration.entities import Patience
from inventiv_core.orchestration.events import Doubt, MassLossDoubted
from tests.builders import a_number
from tests.core.world import HEARTBEAT_S, MINUTE, SECOND, World

S = InstanceStatus
FLEET = 12


async def a_fleet(world: World, size: int = FLEET) -> list[InstanceId]:
    fleet = [await world.deploy() for _ in range(size)]
    for instance_id in fleet:
        await world.run_until(instance_id, S.READY)
    await world.run(2 * MINUTE)
    return fleet


def serving(world: World, fleet: list[InstanceId]) -> int:
    return sum(world.status(one) in {S.READY, S.UNAVAILABLE} for one in fleet)


async def test_a_provider_that_forgets_everything_is_not_believed(world: World) -> None:
    fleet = await a_fleet(world)
    machines = dict(world.cloud.machines)
    world.cloud.machines.clear()
    await world.run(10 * MINUTE)
    kept = [one for one in fleet if serving(world, [one])]
    assert len(kept) >= FLEET - world.patience.losses_believed

    world.cloud.machines |= machines  # it was mistaken
    await world.run(10 * MINUTE)
    assert {world.status(one) for one in kept} == {S.READY}
    assert not any(world.instance(one).missing_since for one in kept)


async def test_what_nobody_believes_can_still_be_ended_by_hand(world: World) -> None:
    fleet = await a_fleet(world)
    world.cloud.machines.clear()
    await world.run(5 * MINUTE)
    for instance_id in fleet:
        if serving(world, [instance_id]):
            await world.terminate(instance_id)
    await world.run(5 * MINUTE)
    assert {world.status(one) for one in fleet} == {S.TERMINATED}


async def test_a_few_losses_are_losses(world: World) -> None:
    fleet = await a_fleet(world)
    for machine_id in list(world.cloud.machines)[: world.patience.losses_believed]:
        del world.cloud.machines[machine_id]
    await world.run(5 * MINUTE)
    assert serving(world, fleet) == FLEET - world.patience.losses_believed


async def test_when_all_heartbeats_stop_every_machine_stays(world: World) -> None:
    fleet = await a_fleet(world, 5)
    world.agents_work = False
    await world.run(60 * MINUTE)
    assert {world.status(one) for one in fleet} == {S.UNAVAILABLE}
    assert len(world.cloud.machines) == 5
    world.agents_work = True
    await world.run(2 * MINUTE + HEARTBEAT_S * SECOND)
    assert {world.status(one) for one in fleet} == {S.READY}


async def test_when_the_provider_denies_everything_every_machine_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = await a_fleet(world, 5)

    async def deny(*_: object, **__: object) -> Denied:
        return Denied(detail="401")

    for name in ("find", "list", "start", "delete"):
        monkeypatch.setattr(world.cloud, name, deny)
    await world.run(60 * MINUTE)
    swept = await world.sweep_machines(actor=PLATFORM)
    assert (swept.strays, swept.unanswered) == (0, 1)
    assert {world.status(one) for one in fleet} == {S.READY}
    assert len(world.cloud.machines) == 5


async def test_books_that_know_of_nothing_delete_nothing(world: World) -> None:
    for _ in range(world.patience.losses_believed + 1):
        world.rent(InstanceId(a_number()))
    world.database.outbox.clear()
    swept = await world.sweep_machines(actor=PLATFORM)
    assert (swept.machines, swept.strays, swept.spared) == (4, 0, 4)
    assert len(world.cloud.machines) == 4
    [message] = world.database.outbox
    event = message.event
    assert isinstance(event, MassLossDoubted)
    assert (event.doubt, event.lost, event.fleet) == (Doubt.STRAYS, 4, 4)

    world.cloud.machines.popitem()
    swept = await world.sweep_machines(actor=PLATFORM)
    assert (swept.strays, swept.spared) == (3, 0)
    assert not world.cloud.machines


async def test_strays_among_many_machines_are_given_back(world: World) -> None:
    await a_fleet(world, 13)
    for _ in range(4):
        world.rent(InstanceId(a_number()))
    swept = await world.sweep_machines(actor=PLATFORM)
    assert (swept.strays, swept.spared) == (4, 0)
    assert {machine.state for machine in world.cloud.machines.values()} == {MachineState.RUNNING}


@pytest.mark.parametrize(
    ("lost", "fleet", "expected"),
    [(0, 0, False), (3, 3, False), (4, 4, True), (4, 16, True), (4, 17, False), (40, 100, True)],
)
def test_a_few_are_believed_and_a_quarter_is_not(lost: int, fleet: int, *, expected: bool) -> None:
    assert Patience().doubts(lost, fleet=fleet) is expected
