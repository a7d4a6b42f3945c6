"""What `LeaseRepository` promises, kept by every adapter."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from inventiv_adapters.instances.postgres import PostgresLeases
from inventiv_core.instances.entities import Instance, Lease
from inventiv_core.instances.errors import LeaseLost
from inventiv_http.container import PostgresAdapters
from tests.builders import NOON, Market, given_teams

SECOND = timedelta(seconds=1)
TERM = 30 * SECOND
"""How long a claim lasts here."""


async def deployed(adapters: Any, count: int = 1) -> list[Instance]:
    """Store instances that nobody has scheduled yet."""
    market = Market()
    instances = [market.instance() for _ in range(count)]
    await given_teams(adapters.unit_of_work(), *market.everything, *instances)
    return instances


async def schedule(adapters: Any, instance: Instance, at: datetime) -> None:
    async with adapters.unit_of_work()() as work:
        await work.leases.schedule(instance.id, at=at)


async def claim(adapters: Any, now: datetime = NOON, *, limit: int = 100) -> Sequence[Lease]:
    async with adapters.unit_of_work()() as work:
        leases: Sequence[Lease] = await work.leases.claim(now=now, until=now + TERM, limit=limit)
    return leases


async def release(
    adapters: Any, lease: Lease, due_at: datetime | None = None, *, attempts: int = 0
) -> None:
    async with adapters.unit_of_work()() as work:
        await work.leases.release(lease, due_at=due_at, attempts=attempts)


async def hold(adapters: Any, lease: Lease, now: datetime) -> None:
    async with adapters.unit_of_work()() as work:
        await work.leases.hold(lease, now=now)


async def renew(adapters: Any, lease: Lease, now: datetime) -> None:
    async with adapters.unit_of_work()() as work:
        await work.leases.renew(lease, now=now, until=now + TERM)


async def next_due(adapters: Any, now: datetime = NOON) -> timedelta | None:
    async with adapters.unit_of_work()() as work:
        due: timedelta | None = await work.leases.next_due(now=now)
    return due


async def claimed(adapters: Any) -> tuple[Instance, Lease]:
    """Store one instance, and claim it at noon."""
    [instance] = await deployed(adapters)
    await schedule(adapters, instance, NOON)
    [lease] = await claim(adapters)
    return instance, lease


async def test_nothing_is_claimed_that_nobody_has_scheduled(adapters: Any) -> None:
    await deployed(adapters)
    assert not await claim(adapters)
    assert await next_due(adapters) is None


async def test_an_instance_is_claimed_when_its_time_has_come(adapters: Any) -> None:
    [instance] = await deployed(adapters)
    await schedule(adapters, instance, NOON)
    assert not await claim(adapters, NOON - SECOND)
    assert await claim(adapters, NOON) == [
        Lease(instance_id=instance.id, token=1, until=NOON + TERM, attempts=0)
    ]


@pytest.mark.parametrize("order", [(0, 9), (9, 0)])
async def test_the_earliest_time_counts(adapters: Any, order: tuple[int, int]) -> None:
    [instance] = await deployed(adapters)
    for seconds in order:
        await schedule(adapters, instance, NOON + seconds * SECOND)
    assert await next_due(adapters) == timedelta(0)


async def test_longest_due_comes_first_up_to_a_limit(adapters: Any) -> None:
    instances = await deployed(adapters, 6)
    ages = [2, 5, 0, 5, -1, 1]
    for instance, seconds in zip(instances, ages, strict=True):
        await schedule(adapters, instance, NOON - seconds * SECOND)
    names = {instance.id: place for place, instance in enumerate(instances)}
    first = await claim(adapters, limit=3)
    assert [names[lease.instance_id] for lease in first] == [1, 3, 0]
    rest = await claim(adapters, limit=3)
    assert [names[lease.instance_id] for lease in rest] == [5, 2]


@pytest.mark.parametrize("plan", ["nestloop", "hashjoin", "mergejoin"])
async def test_the_order_is_the_same_however_postgres_plans(
    postgres: PostgresAdapters, plan: str
) -> None:
    instances = await deployed(postgres, 9)
    for seconds, instance in enumerate(instances):
        await schedule(postgres, instance, NOON - seconds * SECOND)
    async with postgres.pool().connection() as connection:
        for other in ("nestloop", "hashjoin", "mergejoin"):
            await connection.execute(
                "SELECT set_config(%s, %s, false)",
                [f"enable_{other}", "on" if other == plan else "off"],
            )
        leases = await PostgresLeases(connection).claim(now=NOON, until=NOON + TERM, limit=9)
    assert [lease.instance_id for lease in leases] == [instance.id for instance in instances[::-1]]


async def test_what_is_claimed_is_nobody_elses_until_it_runs_out(adapters: Any) -> None:
    _, lease = await claimed(adapters)
    assert not await claim(adapters, lease.until - SECOND)
    [taken_over] = await claim(adapters, lease.until)
    assert taken_over == replace(lease, token=2, until=lease.until + TERM)


async def test_claims_at_the_same_time_share_the_work(adapters: Any) -> None:
    instances = await deployed(adapters, 12)
    for instance in instances:
        await schedule(adapters, instance, NOON)
    shares = await asyncio.gather(*(claim(adapters, limit=3) for _ in range(6)))
    taken = [lease.instance_id for share in shares for lease in share]
    assert len(taken) == len(set(taken))
    rest = [lease.instance_id for lease in await claim(adapters)]
    assert sorted(taken + rest) == [instance.id for instance in instances]


async def test_a_released_instance_is_due_when_it_was_said(adapters: Any) -> None:
    _, lease = await claimed(adapters)
    await release(adapters, lease, NOON + 5 * SECOND, attempts=3)
    assert not await claim(adapters, NOON + 4 * SECOND)
    [again] = await claim(adapters, NOON + 5 * SECOND)
    assert (again.token, again.attempts) == (lease.token + 1, 3)


async def test_an_instance_released_for_good_is_never_due_unless_asked_for(adapters: Any) -> None:
    instance, lease = await claimed(adapters)
    await release(adapters, lease)
    assert await next_due(adapters) is None
    await schedule(adapters, instance, NOON + 5 * SECOND)
    assert await next_due(adapters) == 5 * SECOND


@pytest.mark.parametrize("asked_s", [0, 5, 30, 3600])
async def test_what_was_asked_for_during_a_claim_is_done_after_it(
    adapters: Any, asked_s: int
) -> None:
    instance, lease = await claimed(adapters)
    await schedule(adapters, instance, NOON + asked_s * SECOND)
    assert not await claim(adapters, NOON + 6 * SECOND)
    await release(adapters, lease)
    assert await next_due(adapters) == asked_s * SECOND


@pytest.mark.parametrize(("due_s", "expected_s"), [(4, 4), (5, 5), (6, 5)])
async def test_the_earlier_of_asked_and_planned_counts(
    adapters: Any, due_s: int, expected_s: int
) -> None:
    instance, lease = await claimed(adapters)
    await schedule(adapters, instance, NOON + 5 * SECOND)
    await release(adapters, lease, NOON + due_s * SECOND)
    assert await next_due(adapters) == expected_s * SECOND


@pytest.mark.parametrize("asked_s", [1, 3600])
async def test_what_was_asked_for_survives_the_death_of_the_one_who_had_it(
    adapters: Any, asked_s: int
) -> None:
    instance, dead = await claimed(adapters)
    await schedule(adapters, instance, NOON + asked_s * SECOND)
    [heir] = await claim(adapters, dead.until)
    await release(adapters, heir)
    later = None if asked_s == 1 else NOON + asked_s * SECOND - dead.until
    assert await next_due(adapters, dead.until) == later


async def test_whoever_holds_a_lease_may_go_on(adapters: Any) -> None:
    _, lease = await claimed(adapters)
    await hold(adapters, lease, lease.until - SECOND)
    with pytest.raises(LeaseLost):
        await hold(adapters, lease, lease.until)


async def test_a_renewed_lease_lasts_longer(adapters: Any) -> None:
    _, lease = await claimed(adapters)
    await renew(adapters, lease, NOON + 20 * SECOND)
    assert not await claim(adapters, lease.until)
    await hold(adapters, lease, NOON + 49 * SECOND)
    assert await next_due(adapters, NOON + 20 * SECOND) == TERM
    [taken_over] = await claim(adapters, NOON + 50 * SECOND)
    assert taken_over.token == lease.token + 1


async def test_what_was_asked_for_survives_a_renewal(adapters: Any) -> None:
    instance, lease = await claimed(adapters)
    await schedule(adapters, instance, NOON + SECOND)
    await renew(adapters, lease, NOON + 2 * SECOND)
    await release(adapters, lease)
    assert await next_due(adapters) == SECOND


async def test_a_lease_that_ran_out_cannot_be_renewed(adapters: Any) -> None:
    _, lease = await claimed(adapters)
    with pytest.raises(LeaseLost):
        await renew(adapters, lease, lease.until)
    assert len(await claim(adapters, lease.until)) == 1


async def test_a_lease_that_was_given_back_is_lost(adapters: Any) -> None:
    _, lease = await claimed(adapters)
    await release(adapters, lease)
    for use in (hold, renew):
        with pytest.raises(LeaseLost):
            await use(adapters, lease, NOON)


async def test_a_lease_on_what_is_not_there_is_lost(adapters: Any) -> None:
    [stranger] = await deployed(adapters)
    lease = Lease(instance_id=stranger.id, token=0, until=NOON + TERM, attempts=0)
    for use in (hold, renew):
        with pytest.raises(LeaseLost):
            await use(adapters, lease, NOON)
    await release(adapters, lease, NOON)
    assert await next_due(adapters) is None


async def test_an_old_token_opens_nothing(adapters: Any) -> None:
    _, old = await claimed(adapters)
    [new] = await claim(adapters, old.until)
    for use in (hold, renew):
        with pytest.raises(LeaseLost):
            await use(adapters, old, old.until)
    await release(adapters, old, NOON, attempts=7)
    await hold(adapters, new, new.until - SECOND)
    [next_one] = await claim(adapters, new.until)
    assert next_one.attempts == 0


async def test_the_next_turn_is_the_earliest_and_never_in_the_past(adapters: Any) -> None:
    first, second, _ = await deployed(adapters, 3)
    await schedule(adapters, second, NOON + 9 * SECOND)
    await schedule(adapters, first, NOON + 5 * SECOND)
    assert await next_due(adapters) == 5 * SECOND
    assert await next_due(adapters, NOON + 6 * SECOND) == timedelta(0)


async def test_the_turn_of_a_claimed_instance_is_when_the_claim_runs_out(adapters: Any) -> None:
    instance, _ = await claimed(adapters)
    await schedule(adapters, instance, NOON)
    assert await next_due(adapters) == TERM


async def test_a_lease_that_is_held_cannot_be_taken_over_before_the_work_ends(
    postgres: PostgresAdapters,
) -> None:
    _, lease = await claimed(postgres)
    async with postgres.unit_of_work()() as work:
        await work.leases.hold(lease, now=lease.until - SECOND)
        assert not await claim(postgres, lease.until)
    assert len(await claim(postgres, lease.until)) == 1
