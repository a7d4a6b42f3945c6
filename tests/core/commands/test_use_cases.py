"""What operators trigger is done once, whoever dies of it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_adapters.cloud.memory import FixedClouds
from inventiv_adapters.commands.memory import MemoryCommandQueries
from inventiv_core.catalog.use_cases.syncing import SyncCatalog
from inventiv_core.cloud.entities import Offer, Unknown
from inventiv_core.commands.entities import (
    COMMAND_LEASE,
    KEEP_COMMANDS,
    MOST_ATTEMPTS,
    Command,
    CommandAct,
    CommandId,
    CommandKind,
    CommandState,
)
from inventiv_core.commands.errors import CommandLost, CommandNotFound
from inventiv_core.commands.events import CommandTriggered
from inventiv_core.commands.use_cases import (
    ClaimCommand,
    ForgetCommands,
    GetCommand,
    ListCommands,
    RenewCommand,
    RunCommand,
    TriggerCommand,
)
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, PLATFORM
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.errors.access import AdminRequired
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from tests.builders import a_number, an_actor
from tests.core.world import World

SECOND = timedelta(seconds=1)
OPERATOR = replace(an_actor(role=None), permissions=GLOBAL_PERMISSIONS, name="olga")
RECONCILE, SYNC = CommandKind.RECONCILE, CommandKind.SYNC_CATALOG


class Desk:
    """What operators and those who work for them can do, in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        queries = MemoryCommandQueries(world.database)
        common: dict[str, Any] = {"unit_of_work": world.unit_of_work, "clock": world.clock}
        clouds = FixedClouds({world.market.provider.code: world.cloud})
        sync = SyncCatalog(clouds=clouds, new_id=world.new_id, **common)
        self.trigger = TriggerCommand(new_id=world.new_id, **common)
        self.list = ListCommands(command_queries=queries)
        self.get = GetCommand(command_queries=queries)
        self.claim = ClaimCommand(**common)
        self.renew = RenewCommand(**common)
        self.forget = ForgetCommands(**common)
        self.run = RunCommand(sync_catalog=sync, sweep_machines=world.sweep_machines, **common)

    async def ask(self, kind: CommandKind = RECONCILE) -> Command:
        return await self.trigger(kind, actor=OPERATOR)

    async def take(self) -> Command:
        command = await self.claim(actor=PLATFORM)
        assert command is not None
        return command

    async def do(self, kind: CommandKind) -> Command:
        """Ask for it, carry it out, and return what came of it."""
        command = await self.ask(kind)
        await self.run(await self.take(), actor=PLATFORM)
        return await self.get(command.id, actor=OPERATOR)

    def acts(self, kind: str) -> list[Act]:
        return [act for act in self.world.database.table(Act).values() if act.kind == kind]


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


async def test_what_is_triggered_waits_and_is_in_the_books(desk: Desk, world: World) -> None:
    command = await desk.ask()
    assert (command.state, command.asked_by_name) == (CommandState.WAITING, "olga")
    assert list(await desk.list(limit=10, actor=OPERATOR)) == [command]
    [act] = desk.acts(CommandAct.COMMAND_TRIGGERED)
    assert (act.actor, act.organization_id) == (OPERATOR, None)
    assert (act.subject.id, act.subject.name) == (command.id, "reconcile")
    events = [message.event for message in world.database.outbox]
    assert [event for event in events if isinstance(event, CommandTriggered)]


async def test_what_waits_is_not_triggered_twice(desk: Desk) -> None:
    first = await desk.ask()
    assert await desk.ask() == first
    assert (await desk.ask(SYNC)).id != first.id
    assert len(desk.acts(CommandAct.COMMAND_TRIGGERED)) == 2

    await desk.take()
    again = await desk.ask()
    assert again.id != first.id, "what is under way may have passed what it is asked for"


async def test_of_one_kind_only_one_is_under_way(desk: Desk, world: World) -> None:
    first = await desk.ask()
    await desk.take()
    await desk.ask()
    assert await desk.claim(actor=PLATFORM) is None

    world.clock.advance(COMMAND_LEASE)
    assert (await desk.take()).id == first.id, "the silent one before the next"


async def test_reconciling_wakes_all_that_lives_and_sweeps(desk: Desk, world: World) -> None:
    living = await world.deploy_until(InstanceStatus.READY)
    over = await world.deploy_until(InstanceStatus.READY)
    await world.terminate(over)
    await world.run_until(over, InstanceStatus.TERMINATED)
    await world.run(SECOND)
    world.rent(InstanceId(a_number()))
    assert not (await world.claim(limit=9, actor=PLATFORM)).leases

    command = await desk.do(RECONCILE)
    assert command.state is CommandState.DONE
    assert command.result == {
        "message": "1 instances are looked at; of 2 machines, 1 belonged to nobody.",
        "instances": 1, "machines": 2, "strays": 1, "spared": 0, "unanswered": 0,
    }  # fmt: skip
    claimed = await world.claim(limit=9, actor=PLATFORM)
    assert [lease.instance_id for lease in claimed.leases] == [living]


def an_offer(world: World) -> Offer:
    return Offer(
        instance_type=world.market.kind.code, name="-", region="r", zone=world.market.zone.code,
        gpu_count=1, vram_per_gpu_gb=24, cpu_count=1, ram_gb=1, bandwidth_bps=1,
        cost_per_hour=Decimal("0.1234"), is_available=True,
    )  # fmt: skip


async def test_a_sync_says_what_it_has_changed_and_for_whom(desk: Desk, world: World) -> None:
    world.cloud.offered = (an_offer(world),)
    command = await desk.do(SYNC)
    assert command.state is CommandState.DONE
    assert command.result is not None
    [provider] = command.result["providers"]
    assert (provider["provider_code"], provider["result"]) == ("mock", "synced")
    prices = [change["after"].get("cost_per_hour") for change in provider["changes"]]
    assert 0.1234 in prices
    [act] = desk.acts("CATALOG_SYNCED")
    assert (act.actor.user_id, act.actor.name) == (OPERATOR.user_id, "olga")


async def test_a_sync_to_which_nobody_answers_has_failed(desk: Desk, world: World) -> None:
    world.cloud.next_offers.add(Unknown(detail="?"))
    command = await desk.do(SYNC)
    assert (command.state, command.error_code) == (CommandState.FAILED, "no_provider_answered")
    assert command.result is not None
    assert command.result["providers"] == [
        {"provider_code": "mock", "result": "no_answer", "changes": []}
    ]


async def test_what_is_refused_is_noted_with_its_sentence(desk: Desk, world: World) -> None:
    class Refusing(SyncCatalog):
        async def __call__(self, *, actor: object) -> object:  # type: ignore[override]
            raise CommandNotFound(command_id=a_number())

    refusing = Refusing(
        clouds=world.clouds, new_id=world.new_id, unit_of_work=world.unit_of_work, clock=world.clock
    )
    desk.run = replace(desk.run, sync_catalog=refusing)
    command = await desk.do(SYNC)
    assert (command.state, command.error_code) == (CommandState.FAILED, "command_not_found")
    assert command.error == "There is no such command."


async def test_whoever_falls_silent_is_succeeded_and_changes_nothing(
    desk: Desk, world: World
) -> None:
    command = await desk.ask()
    late = await desk.take()
    world.clock.advance(COMMAND_LEASE - SECOND)
    await desk.renew(late, actor=PLATFORM)
    world.clock.advance(COMMAND_LEASE - SECOND)
    assert await desk.claim(actor=PLATFORM) is None
    world.clock.advance(SECOND)
    with pytest.raises(CommandLost):
        await desk.renew(late, actor=PLATFORM)
    held = await desk.take()
    assert (held.id, held.attempts) == (command.id, 2)

    await desk.run(late, actor=PLATFORM)
    assert (await desk.get(command.id, actor=OPERATOR)).state is CommandState.RUNNING
    await desk.run(held, actor=PLATFORM)
    assert (await desk.get(command.id, actor=OPERATOR)).state is CommandState.DONE


async def test_what_everybody_dies_of_is_given_up(desk: Desk, world: World) -> None:
    command = await desk.ask()
    for _ in range(MOST_ATTEMPTS):
        await desk.take()
        world.clock.advance(COMMAND_LEASE)
    other = await desk.ask(SYNC)
    assert (await desk.take()).id == other.id
    given_up = await desk.get(command.id, actor=OPERATOR)
    assert (given_up.state, given_up.error_code) == (CommandState.FAILED, "interrupted")


async def test_what_ended_long_ago_is_forgotten(desk: Desk, world: World) -> None:
    old = await desk.do(RECONCILE)
    waiting = await desk.ask(SYNC)
    world.clock.advance(KEEP_COMMANDS)
    assert await desk.forget(actor=PLATFORM) == 0
    world.clock.advance(SECOND)
    assert await desk.forget(actor=PLATFORM) == 1
    with pytest.raises(CommandNotFound):
        await desk.get(old.id, actor=OPERATOR)
    assert list(await desk.list(limit=0, actor=OPERATOR)) == [waiting]


async def test_only_administrators_of_the_platform_operate(desk: Desk) -> None:
    for denied in (
        desk.trigger(RECONCILE, actor=an_actor()),
        desk.list(limit=1, actor=an_actor()),
        desk.get(CommandId(a_number()), actor=an_actor()),
    ):
        with pytest.raises(AdminRequired):
            await denied
