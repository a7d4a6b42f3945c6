"""What holds whatever happens: when books are closed, and who writes at the same time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from dependency_injector.providers import Object
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.finops.use_cases.closing import CloseHours
from inventiv_core.finops.use_cases.rentals import begin_rental, conclude_rentals
from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres as real
from tests.adapters.finops.agreement import Looking
from tests.adapters.finops.test_ledger import ACMES, ALICES, Desk, a_price, a_usage
from tests.adapters.two_worlds import TwoWorlds, two_worlds
from tests.builders import ACME, NOON, Market, given_teams

WEEK = timedelta(days=7)
moments = st.timedeltas(timedelta(0), 3 * WEEK)
lives = st.lists(st.tuples(moments, moments), min_size=1, max_size=4)
"""When machines are ordered, and given up, from noon on; never, if that is before."""


async def lived(
    adapters: Any, lives: Sequence[tuple[timedelta, timedelta]], closings: Sequence[timedelta]
) -> tuple[Decimal, Decimal]:
    """Rent machines, close hours at those moments, in that order, and say what it came to."""
    market, clock = Market(), ManualClock(NOON)
    instances = [market.instance() for _ in lives]
    await given_teams(adapters.unit_of_work(), *market.everything, *instances)
    close = CloseHours(unit_of_work=adapters.unit_of_work(), clock=clock, new_id=adapters.new_id())
    due = list(closings)  # a clock that jumps does not ask for their order
    for instance, (begin, end) in zip(instances, lives, strict=True):
        async with adapters.unit_of_work()() as work:
            await begin_rental(
                instance, str(instance.id), work, created_at=NOON + begin,
                at=NOON + max(begin, end), new_id=adapters.new_id(),
            )  # fmt: skip
        if due:
            await _at(clock, NOON + due.pop(), close)
        if end > begin:
            async with adapters.unit_of_work()() as work:
                await conclude_rentals(instance, work, at=NOON + end, new_id=adapters.new_id())
    for at in due:
        await _at(clock, NOON + at, close)
    await _at(clock, NOON + 4 * WEEK, close)
    return await Looking(adapters, clock, ACME).compare(minutes=43_200, points=180, cuts=[999])


async def _at(clock: ManualClock, at: datetime, close: CloseHours) -> None:
    clock.advance(at - clock.now())
    await close(actor=PLATFORM)


def test_whenever_hours_are_closed_and_however_often_totals_are_the_same(
    database_url: str,
) -> None:
    """Weeks of downtime, restarts, and clocks that jump forth and back included."""
    with two_worlds(database_url) as worlds:

        @settings(max_examples=25)
        @given_any(lives, st.lists(moments, max_size=6), moments)
        def agree(
            lives: list[tuple[timedelta, timedelta]], closings: list[timedelta], once: timedelta
        ) -> None:
            totals = [_told(worlds, lives, each) for each in ([], [once], closings, closings[::-1])]
            assert totals == totals[:1] * 4

        agree()


def _told(worlds: TwoWorlds, lives: Any, closings: Any) -> tuple[Decimal, Decimal]:
    worlds.begin()
    told: tuple[Decimal, Decimal] = worlds.both(lambda adapters: lived(adapters, lives, closings))
    return told


async def test_two_processes_at_once_keep_every_balance_the_sum_of_its_entries(
    database_url: str, postgres: PostgresAdapters
) -> None:
    other = PostgresAdapters(
        settings=Object(Settings(database_url=database_url)), clock=Object(postgres.clock())
    )
    await given_teams(postgres.unit_of_work())
    async with other.pool():
        desks = [Desk(postgres), Desk(other)]
        await desks[0].price(a_price())
        usages = [a_usage(organization_id=(ACME, None)[n % 2]) for n in range(30)]
        work = [
            *(desks[n % 2].charge(*usages[n : n + 6][:: 1 if n % 3 else -1]) for n in range(28)),
            *(desks[n % 2].top_up((ACMES, ALICES)[n // 2 % 2], "0.25") for n in range(24)),
        ]
        await asyncio.gather(*work)
        for desk in desks:
            assert await desk.balance(ACMES) == 3 - 15 * Decimal("0.002")
            assert await desk.balance(ALICES) == 3 - 15 * Decimal("0.002")
        await other.relay().close()
    found = real.rows(
        database_url,
        """
        SELECT bool_and(balance_eur = running) FROM (
            SELECT balance_eur, sum(amount_eur) OVER (
                PARTITION BY user_id, organization_id ORDER BY seq) AS running
            FROM wallet_entries) AS entries
        """,
    )
    assert found == [(True,)], "each entry says what was in the wallet then"
