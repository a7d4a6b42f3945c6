"""What machines cost from when nobody wants them until they are gone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from inventiv_adapters.cloud.memory import FixedClouds
from inventiv_core.action_logs.entities import ActionType
from inventiv_core.cloud.entities import Denied, Unknown, Volume
from inventiv_core.finops.entities.leaks import Leak, LeakReason
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.orchestration.events import MassLossDoubted
from tests.builders import a_number
from tests.core.world import MINUTE, SECOND, World

S = InstanceStatus
HOUR = timedelta(hours=1)
NO = Denied(detail="no")


def leaks(world: World) -> list[Leak]:
    return sorted(world.database.table(Leak).values(), key=lambda leak: leak.since)


async def sweep(world: World) -> None:
    await world.sweep_machines(actor=PLATFORM)


async def test_what_serves_or_was_never_rented_leaks_nothing(world: World) -> None:
    await world.deploy_until(S.READY)
    instance_id = await world.deploy()
    await world.terminate(instance_id)
    await world.run(10 * MINUTE)
    await sweep(world)
    assert not leaks(world)


async def test_a_termination_costs_from_when_nothing_runs_until_it_is_confirmed(
    world: World,
) -> None:
    instance_id = await world.deploy_until(S.READY)
    [machine] = world.cloud.machines.values()
    world.clock.advance(HOUR)
    world.cloud.next_delete.add(*[NO] * 5)
    await world.terminate(instance_id)
    await world.run_until(instance_id, S.TERMINATING)
    unwanted_at = world.instance(instance_id).status_since
    await world.run_until(instance_id, S.TERMINATED)
    [leak] = leaks(world)
    gone_at = world.instance(instance_id).terminated_at
    assert (leak.machine_id, leak.reason) == (machine.id, LeakReason.TERMINATED)
    assert (leak.since, leak.until) == (unwanted_at, gone_at)
    assert leak.cost_per_hour == Decimal("0.75")
    assert gone_at is not None
    seconds = Decimal((gone_at - unwanted_at) // timedelta(microseconds=1)) / 1_000_000
    assert leak.eur(world.clock.now()) == Decimal("0.75") * seconds / 3600
    *_, last = world.logs(ActionType.PROVIDER_TERMINATE)
    assert last.metadata["unwanted_since"] == unwanted_at.isoformat()
    assert Decimal(last.metadata["leaked_eur"]) > 0


async def test_a_stray_has_cost_since_it_was_made_until_it_is_not_listed_any_more(
    world: World,
) -> None:
    stray = world.rent(InstanceId(a_number()))
    made_at = world.clock.now()
    disk = Volume(id="v", volume_type="sbs_volume", size_gb=100, is_boot=False)
    world.cloud.machines[stray.id] = replace(stray, volumes=(disk,))
    kind = replace(world.market.kind, volume_cost_per_gb_month=Decimal("0.073"))
    world.database.table(type(kind))[kind.id] = kind
    world.clock.advance(2 * HOUR)
    world.cloud.next_delete.add(NO)
    await sweep(world)
    [leak] = leaks(world)
    assert (leak.since, leak.until, leak.reason) == (made_at, None, LeakReason.STRAY)
    assert leak.eur_per_hour == Decimal("0.76")
    [log] = world.logs(ActionType.PROVIDER_TERMINATE)
    assert log.metadata["leaked_eur"] == "1.520000"

    world.clock.advance(HOUR)
    await sweep(world)  # now it is deleted, and the list of before still has it
    [leak] = leaks(world)
    assert leak.until is None
    world.clock.advance(HOUR)
    await sweep(world)
    [leak] = leaks(world)
    assert leak.until == made_at + 4 * HOUR
    assert leak.eur(world.clock.now()) == 4 * Decimal("0.76")


async def test_a_machine_of_an_instance_that_is_over_has_cost_since_then(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.terminate(instance_id)
    await world.run_until(instance_id, S.TERMINATED)
    over_at = world.instance(instance_id).terminated_at
    assert over_at is not None
    made = world.rent(instance_id)
    world.cloud.machines[made.id] = replace(made, created_at=over_at - HOUR)
    await sweep(world)
    [_, leak] = leaks(world)
    assert (leak.since, leak.reason) == (over_at, LeakReason.STRAY)


async def test_a_double_has_cost_since_it_was_made(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    double = world.rent(instance_id)
    made_at = world.clock.now()
    world.clock.advance(MINUTE)
    await world.wake(instance_id)
    await world.run(10 * SECOND)
    [leak] = leaks(world)
    assert (leak.machine_id, leak.reason) == (double.id, LeakReason.DUPLICATE)
    assert leak.since == made_at
    assert leak.until is not None
    assert leak.until >= made_at + MINUTE


async def test_what_is_not_known_costs_nothing_that_anybody_could_say(world: World) -> None:
    stray = world.rent(InstanceId(a_number()))
    world.cloud.machines[stray.id] = replace(stray, instance_type="of-another-world")
    await sweep(world)
    [leak] = leaks(world)
    assert (leak.cost_per_hour, leak.eur_per_hour) == (None, ZERO_EUR)


@pytest.mark.parametrize("trouble", [NO, Unknown(detail="?")])
async def test_a_list_that_does_not_come_proves_nothing(
    world: World, trouble: Denied | Unknown
) -> None:
    world.rent(InstanceId(a_number()))
    await sweep(world)
    world.clock.advance(MINUTE)
    world.cloud.next_list.add(trouble)
    await sweep(world)
    [leak] = leaks(world)
    assert leak.until is None
    await sweep(world)
    [leak] = leaks(world)
    assert leak.until == world.clock.now()


async def test_what_is_doubted_is_said_with_what_it_costs(world: World) -> None:
    for _ in range(4):
        world.rent(InstanceId(a_number()))
    code = "renamed"
    provider = replace(world.market.provider, code=code)
    world.database.table(type(provider))[provider.id] = provider
    clouds = FixedClouds({code: world.cloud})
    await replace(world.sweep_machines, clouds=clouds)(actor=PLATFORM)
    [event] = [message.event for message in world.database.outbox]
    assert isinstance(event, MassLossDoubted)
    assert (event.provider_code, event.lost, event.eur_per_hour) == (code, 4, Decimal(3))
    assert not leaks(world), "it may be our own mistake"
