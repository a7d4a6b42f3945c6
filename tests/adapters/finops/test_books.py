"""The books of closed hours: what comes late is adjusted, and nothing is ever counted twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.finops.use_cases.closing import CloseHours
from inventiv_core.finops.use_cases.rentals import begin_rental, conclude_rentals
from inventiv_core.finops.views.costs import CostLevel, last_minutes
from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import PostgresAdapters
from tests.builders import (
    ACME,
    NOON,
    OTHER,
    Market,
    a_rental,
    an_instance_type,
    given,
    given_teams,
)

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


class Estate:
    """One instance on the market, whose machines come and go."""

    def __init__(self, adapters: Any) -> None:
        self.adapters = adapters
        self.market = Market()
        self.instance = self.market.instance()
        self.close_hours = CloseHours(
            unit_of_work=adapters.unit_of_work(),
            clock=adapters.clock(),
            new_id=adapters.new_id(),
        )

    async def rent(self, machine: str = "m", *, created: timedelta, at: timedelta) -> None:
        async with self.adapters.unit_of_work()() as work:
            await begin_rental(
                self.instance, machine, work, created_at=NOON + created, at=NOON + at,
                new_id=self.adapters.new_id(),
            )  # fmt: skip

    async def give_up(self, *, at: timedelta) -> None:
        async with self.adapters.unit_of_work()() as work:
            await conclude_rentals(self.instance, work, at=NOON + at, new_id=self.adapters.new_id())

    async def price(self, rate: str, *, at: timedelta) -> None:
        kind = replace(self.market.kind, cost_per_hour=Decimal(rate))
        async with self.adapters.unit_of_work()() as work:
            await work.catalog.save_instance_type(kind, at=NOON + at)

    async def close(self, at: timedelta) -> int:
        self.adapters.clock().advance(NOON + at - self.adapters.clock().now())
        return await self.close_hours(actor=PLATFORM)

    async def hours(self, owner: Any = ACME, *, at: timedelta) -> Decimal:
        """Return how many hours at a euro have been paid for by then, in the last year."""
        span = last_minutes(525_600, NOON + at)
        costs = await self.adapters.cost_queries().spent(owner, span, instances=9)
        assert sum(row.amount for row in costs.at(CostLevel.INSTANCE)) == costs.total
        return Decimal(costs.total / 3600)

    async def adjusted(self) -> list[tuple[float, str, Decimal]]:
        """Return which hours were adjusted, oldest first, why, and by how many euros."""
        rows = await self.adapters.cost_queries().adjustments(None, limit=500)
        return sorted(
            ((row.hour - NOON) / HOUR, str(row.reason), row.amount / 3600) for row in rows
        )


@pytest.fixture
async def estate(adapters: Any) -> Estate:
    estate = Estate(adapters)
    estate.market.kind = replace(estate.market.kind, cost_per_hour=Decimal("1.0000"))
    await given_teams(adapters.unit_of_work(), *estate.market.everything, estate.instance)
    return estate


async def test_an_hour_is_closed_some_minutes_after_its_end_and_only_once(estate: Estate) -> None:
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    assert await estate.close(HOUR + timedelta(minutes=4)) == 0
    assert await estate.close(HOUR + timedelta(minutes=6)) == 1
    assert await estate.close(HOUR + timedelta(minutes=7)) == 0
    assert await estate.hours(at=HOUR + timedelta(minutes=30)) == Decimal("1.5")
    assert await estate.adjusted() == []


async def test_a_week_that_nobody_closed_is_closed_at_once(estate: Estate) -> None:
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    before = await estate.hours(at=7 * DAY)
    assert await estate.close(7 * DAY + timedelta(minutes=6)) == 7 * 24
    assert before == await estate.hours(at=7 * DAY) == 7 * 24


async def test_a_machine_that_nobody_knew_of_is_an_adjustment_of_closed_hours(
    estate: Estate,
) -> None:
    await estate.close(3 * HOUR + timedelta(minutes=6))
    await estate.rent(created=1.5 * HOUR, at=4 * HOUR)
    assert await estate.adjusted() == [
        (1, "rental_began", Decimal("0.5")),
        (2, "rental_began", Decimal(1)),
    ]
    assert await estate.hours(at=5 * HOUR) == Decimal("3.5")
    await estate.close(6 * HOUR + timedelta(minutes=6))
    assert await estate.hours(at=6 * HOUR) == Decimal("4.5")


async def test_a_machine_that_was_gone_in_closed_hours_is_an_adjustment(estate: Estate) -> None:
    """As when the clock was a day ahead for a while."""
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    await estate.close(3 * HOUR + timedelta(minutes=6))
    await estate.give_up(at=1.25 * HOUR)
    assert await estate.adjusted() == [
        (1, "rental_ended", Decimal("-0.75")),
        (2, "rental_ended", Decimal(-1)),
    ]
    assert await estate.hours(at=5 * HOUR) == Decimal("1.25")


async def test_a_price_that_became_known_late_is_an_adjustment_entered_once(
    estate: Estate,
) -> None:
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    await estate.close(3 * HOUR + timedelta(minutes=6))
    await estate.price("3.0000", at=1.5 * HOUR)
    await estate.close(3 * HOUR + timedelta(minutes=7))
    await estate.close(3 * HOUR + timedelta(minutes=8))
    assert await estate.adjusted() == [
        (1, "price_changed", Decimal(1)),
        (2, "price_changed", Decimal(2)),
    ]
    assert await estate.hours(at=4 * HOUR) == Decimal("1.5") + 3 * Decimal("2.5")


async def test_nothing_ends_before_it_began(estate: Estate) -> None:
    await estate.rent(created=2 * HOUR, at=2 * HOUR)
    await estate.give_up(at=1 * HOUR)
    assert await estate.hours(at=5 * HOUR) == 0


async def test_a_machine_is_rented_once_however_often_it_is_seen(estate: Estate) -> None:
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    await estate.rent(created=0 * HOUR, at=1 * HOUR)
    assert await estate.hours(at=2 * HOUR) == 2


async def test_the_dearest_are_those_that_have_cost_most_whatever_an_hour_has_cost_when(
    estate: Estate,
) -> None:
    """One that was cheap at first, and then dear, against one that always cost the same."""
    market = estate.market
    other = an_instance_type(market.provider, code="steady", cost_per_hour=Decimal("5.0000"))
    steady = market.instance(instance_type_id=other.id)
    free = market.instance(instance_type_id=other.id)
    await given(
        estate.adapters.unit_of_work(), other, steady, free,
        a_rental(steady, start=NOON, end=NOON + 2 * HOUR),
        a_rental(free, start=NOON - HOUR, end=NOON),  # when nothing had a price
    )  # fmt: skip
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    await estate.price("9.0000", at=HOUR)
    span = last_minutes(525_600, NOON + 3 * HOUR)
    for most in (1, 2, 3):
        costs = await estate.adapters.cost_queries().spent(ACME, span, instances=most)
        rows = costs.at(CostLevel.INSTANCE)
        assert [(row.instance_id, row.amount / 3600) for row in rows] == [
            (estate.instance.id, 19), (steady.id, 10), (free.id, 0),
        ][:most]  # fmt: skip
        assert costs.total == 29 * 3600


async def test_volumes_cost_beside_the_machine_what_they_did_when_it_was_rented(
    estate: Estate,
) -> None:
    """146 gigabytes at 5 euros a month of 730 hours are a euro an hour."""
    kind = replace(estate.market.kind, volume_cost_per_gb_month=Decimal("5.0000"))
    async with estate.adapters.unit_of_work()() as work:
        await work.catalog.save_instance_type(kind, at=NOON)
        assert await work.catalog.get_instance_type(kind.id) == kind
        assert await work.cost_books.volume_price(kind.id) == 5
    async with estate.adapters.unit_of_work()() as work:
        await begin_rental(
            estate.instance, "m", work, created_at=NOON, at=NOON,
            new_id=estate.adapters.new_id(), volumes_gb=146,
        )  # fmt: skip
        dear = replace(kind, volume_cost_per_gb_month=Decimal("9.0000"), cost_per_hour=None)
        await work.catalog.save_instance_type(dear, at=NOON + 2 * HOUR)
    await estate.close(HOUR + timedelta(minutes=6))
    assert await estate.hours(at=1 * HOUR) == 2
    assert await estate.hours(at=2.5 * HOUR) == Decimal("4.5"), "a machine without a price"
    await estate.close(5 * HOUR + timedelta(minutes=6))
    await estate.give_up(at=4 * HOUR)
    assert await estate.hours(at=5 * HOUR) == 6
    row = await estate.adapters.instance_queries().find(
        estate.instance.id, owner=ACME, now=NOON + 5 * HOUR
    )
    assert row.total_cost == 6


async def test_what_is_free_is_shown_as_such(estate: Estate) -> None:
    await estate.price("0.0000", at=0 * HOUR)
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    span = last_minutes(60, NOON + 3 * HOUR)
    costs = await estate.adapters.cost_queries().spent(ACME, span, instances=9)
    for level in (CostLevel.PROVIDER, CostLevel.INSTANCE_TYPE, CostLevel.INSTANCE):
        assert [row.amount for row in costs.at(level)] == [0]


async def test_others_see_nothing_of_it(estate: Estate) -> None:
    await estate.rent(created=0 * HOUR, at=0 * HOUR)
    assert await estate.hours(OTHER, at=2 * HOUR) == 0
    assert await estate.hours(None, at=2 * HOUR) == 2


async def test_nobody_closes_hours_while_rentals_change(postgres: PostgresAdapters) -> None:
    """Else a machine would be in neither: too late for the hour, too early for an adjustment."""
    estate = Estate(postgres)
    await given_teams(postgres.unit_of_work(), *estate.market.everything, estate.instance)
    await estate.close(HOUR + timedelta(minutes=6))
    async with postgres.unit_of_work()() as work:
        await begin_rental(
            estate.instance, "m", work, created_at=NOON + HOUR, at=NOON + 2 * HOUR,
            new_id=postgres.new_id(),
        )  # fmt: skip
        closing = asyncio.create_task(estate.close(2 * HOUR + timedelta(minutes=6)))
        done, _ = await asyncio.wait({closing}, timeout=0.3)
        assert not done
    assert await closing == 1
    assert await estate.hours(at=2 * HOUR) == Decimal("0.7500")
