"""Whatever stores commands keeps these promises."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from inventiv_core.commands.entities import (
    Command,
    CommandId,
    CommandKind,
    CommandState,
    Ending,
)
from inventiv_core.commands.errors import CommandLost
from inventiv_core.identity.access import GLOBAL_PERMISSIONS
from inventiv_core.instances.entities import InstanceStatus
from inventiv_http.container import PostgresAdapters
from tests.builders import NOON, Market, a_number, an_actor, given_teams

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=30)
OPERATOR = replace(an_actor(role=None), permissions=GLOBAL_PERMISSIONS, name="olga")
RECONCILE, SYNC = CommandKind.RECONCILE, CommandKind.SYNC_CATALOG


def a_command(kind: CommandKind = RECONCILE, *, at: datetime = NOON) -> Command:
    return Command.ask(kind, id=CommandId(a_number()), actor=OPERATOR, at=at)


async def ask(adapters: Any, command: Command) -> Command:
    async with adapters.unit_of_work()() as work:
        return await work.commands.ask(command)  # type: ignore[no-any-return]


async def claim(adapters: Any, at: datetime = NOON) -> Command | None:
    async with adapters.unit_of_work()() as work:
        return await work.commands.claim(now=at, until=at + LEASE)  # type: ignore[no-any-return]


async def take(adapters: Any, at: datetime = NOON) -> Command:
    command = await claim(adapters, at)
    assert command is not None
    return command


async def conclude(adapters: Any, command: Command, ending: Ending, at: datetime = NOON) -> Command:
    ended = command.end(ending, at=at)
    async with adapters.unit_of_work()() as work:
        await work.commands.conclude(ended)
    return ended


async def test_a_command_is_kept_from_asking_to_its_end(adapters: Any) -> None:
    wanted = a_command()
    queries = adapters.command_queries()
    assert await ask(adapters, wanted) == wanted
    assert await queries.find(wanted.id) == wanted

    running = await take(adapters, NOON + SECOND)
    assert running == wanted.begin(at=NOON + SECOND, until=NOON + SECOND + LEASE)
    result = {"message": "é", "machines": 2, "price": 0.5, "changes": [{"a": None}]}
    ended = await conclude(adapters, running, Ending(result=result), NOON + 2 * SECOND)
    assert (ended.state, ended.lease_until) == (CommandState.DONE, None)
    assert await queries.find(wanted.id) == ended
    assert await queries.find(CommandId(a_number())) is None
    assert await claim(adapters, NOON + LEASE * 9) is None


async def test_a_failure_is_kept_with_its_sentence(adapters: Any) -> None:
    await ask(adapters, a_command())
    ending = Ending(error_code="c", error="A sentence.")
    ended = await conclude(adapters, await take(adapters), ending)
    assert ended.state is CommandState.FAILED
    assert await adapters.command_queries().find(ended.id) == ended


async def test_one_of_a_kind_waits_at_most(adapters: Any) -> None:
    first = await ask(adapters, a_command())
    assert await ask(adapters, a_command(at=NOON + SECOND)) == first
    other = a_command(SYNC)
    assert await ask(adapters, other) == other

    await take(adapters)
    next_one = a_command(at=NOON + SECOND)
    assert await ask(adapters, next_one) == next_one


async def test_the_oldest_is_taken_first_and_none_beside_another_of_its_kind(
    adapters: Any,
) -> None:
    younger = await ask(adapters, a_command(SYNC, at=NOON + SECOND))
    older = await ask(adapters, a_command())
    assert (await take(adapters)).id == older.id
    assert (await take(adapters)).id == younger.id
    third = await ask(adapters, a_command(at=NOON + 2 * SECOND))
    assert await claim(adapters) is None

    later = NOON + LEASE
    again = await take(adapters, later)
    assert (again.id, again.attempts) == (older.id, 2)
    await conclude(adapters, again, Ending())
    assert (await take(adapters, later)).id == younger.id, "its lease is over, too"
    assert (await take(adapters, later)).id == third.id


async def test_a_lease_is_kept_by_whoever_has_it(adapters: Any) -> None:
    await ask(adapters, a_command())
    held = await take(adapters)

    async def renew(command: Command, at: datetime) -> None:
        async with adapters.unit_of_work()() as work:
            await work.commands.renew(command, now=at, until=at + LEASE)

    await renew(held, NOON + LEASE - SECOND)
    assert await claim(adapters, NOON + LEASE) is None
    with pytest.raises(CommandLost):
        await renew(held, NOON + 2 * LEASE - SECOND)
    taken = await take(adapters, NOON + 2 * LEASE)
    with pytest.raises(CommandLost):
        await renew(held, NOON + 2 * LEASE)
    with pytest.raises(CommandLost):
        await conclude(adapters, held, Ending())
    ended = await conclude(adapters, taken, Ending())
    with pytest.raises(CommandLost):
        await conclude(adapters, ended, Ending(error="twice"))
    with pytest.raises(CommandLost):
        await renew(taken, NOON + 2 * LEASE)


async def test_the_newest_are_listed_first(adapters: Any) -> None:
    asked: list[Command] = []
    for place in range(3):
        await ask(adapters, a_command(at=NOON + place // 2 * SECOND))
        asked.append(await conclude(adapters, await take(adapters), Ending()))
    asked.sort(key=lambda command: (command.asked_at, command.id), reverse=True)
    assert list(await adapters.command_queries().list(limit=2)) == asked[:2]


async def test_what_ended_before_is_forgotten(adapters: Any) -> None:
    for at in (NOON, NOON + SECOND):
        await ask(adapters, a_command(at=at))
        kept = await conclude(adapters, await take(adapters), Ending(), at)
    waiting = await ask(adapters, a_command(SYNC, at=NOON - LEASE))
    async with adapters.unit_of_work()() as work:
        assert await work.commands.forget(ended_before=NOON + SECOND) == 1
    assert list(await adapters.command_queries().list(limit=9)) == [kept, waiting]


async def test_all_that_lives_is_scheduled_and_nothing_else(adapters: Any) -> None:
    market = Market()
    living = [market.instance(status=InstanceStatus.READY) for _ in range(3)]
    over = market.instance(status=InstanceStatus.TERMINATED)
    await given_teams(adapters.unit_of_work(), *market.everything, *living, over)
    async with adapters.unit_of_work()() as work:
        await work.leases.schedule(living[0].id, at=NOON - SECOND)
        await work.leases.schedule(living[1].id, at=NOON + SECOND)
    async with adapters.unit_of_work()() as work:
        assert await work.leases.schedule_living(at=NOON) == 3
        claimed = await work.leases.claim(now=NOON - SECOND, until=NOON + LEASE, limit=9)
        assert [lease.instance_id for lease in claimed] == [living[0].id]
        claimed = await work.leases.claim(now=NOON, until=NOON + LEASE, limit=9)
        assert {lease.instance_id for lease in claimed} == {living[1].id, living[2].id}


async def test_many_who_claim_at_once_get_one_command_each(postgres: PostgresAdapters) -> None:
    for kind in CommandKind:
        await ask(postgres, a_command(kind))
    claimed = await asyncio.gather(*(claim(postgres) for _ in range(6)))
    assert sorted(command.kind for command in claimed if command) == sorted(CommandKind)


async def test_many_who_ask_at_once_get_the_same_command(postgres: PostgresAdapters) -> None:
    asked = await asyncio.gather(*(ask(postgres, a_command()) for _ in range(6)))
    assert len({command.id for command in asked}) == 1
