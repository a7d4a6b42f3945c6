"""What it costs that nobody wants something."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from inventiv_adapters.finops.memory.leaks import MemoryLeakQueries
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.finops.entities.leaks import Rates
from inventiv_core.finops.use_cases.leaks import CountLeaks, ListLeaks
from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.errors.access import PermissionMissing
from tests.builders import NOON, a_leak, an_actor

HOUR = timedelta(hours=1)


def test_it_is_the_interval_times_the_price_to_the_microsecond() -> None:
    leak = a_leak(cost_per_hour=Decimal("0.75"), volumes_per_hour=Decimal("0.05"))
    assert leak.eur(NOON) == 0
    assert leak.eur(NOON + HOUR) == Decimal("0.8")
    assert leak.eur(NOON + 90 * HOUR / 60) == Decimal("1.2")
    micro = leak.eur(NOON + timedelta(microseconds=1))
    assert micro == Decimal("0.8") / 3_600_000_000
    over = replace(leak, until=NOON + HOUR)
    assert over.eur(NOON + 5 * HOUR) == Decimal("0.8")
    assert leak.eur(NOON - HOUR) == 0, "a clock that ran backwards makes nothing negative"


def test_where_the_price_is_not_known_only_the_volumes_count() -> None:
    leak = a_leak(cost_per_hour=None, volumes_per_hour=Decimal("0.05"))
    assert leak.eur(NOON + 2 * HOUR) == Decimal("0.1")


def test_volumes_cost_by_the_month_of_730_hours() -> None:
    rates = Rates(cost_per_hour=None, volume_cost_per_gb_month=Decimal("0.073"))
    assert rates.of_volumes(100) == Decimal("0.01")
    assert Rates(cost_per_hour=None, volume_cost_per_gb_month=None).of_volumes(100) == 0


async def test_only_those_look_who_see_the_costs_of_all() -> None:
    queries = MemoryLeakQueries(MemoryDatabase())
    clock = ManualClock(NOON)
    assert await CountLeaks(leak_queries=queries, clock=clock)(actor=PLATFORM) == []
    for use_case in (CountLeaks, ListLeaks):
        more = {} if use_case is CountLeaks else {"limit": 10}
        with pytest.raises(PermissionMissing):
            await use_case(leak_queries=queries, clock=clock)(actor=an_actor(), **more)
