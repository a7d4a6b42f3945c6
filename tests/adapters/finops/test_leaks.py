"""What the ports of leaks promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from inventiv_core.finops.entities.leaks import LeakReason, Rates
from inventiv_core.finops.views.leaks import LeakTotal
from tests.builders import (
    NOON,
    Market,
    a_leak,
    a_number,
    a_provider,
    an_instance_type,
    given_teams,
)

HOUR = timedelta(hours=1)


async def test_rates_are_those_of_the_type_or_as_far_as_the_provider_says(adapters: Any) -> None:
    market, other = Market(), a_provider(code="other")
    dear = replace(
        an_instance_type(market.provider, code="dear"), volume_cost_per_gb_month=Decimal("0.1")
    )
    free = an_instance_type(market.provider, code="free", cost_per_hour=None)
    namesake = an_instance_type(other, code="dear", cost_per_hour=Decimal(9))
    await given_teams(adapters.unit_of_work(), *market.everything, dear, free, other, namesake)
    async with adapters.unit_of_work()() as work:
        for kind, rates in (
            ("dear", Rates(cost_per_hour=Decimal("0.75"), volume_cost_per_gb_month=Decimal("0.1"))),
            ("free", Rates(cost_per_hour=None, volume_cost_per_gb_month=None)),
            ("disk", Rates(cost_per_hour=None, volume_cost_per_gb_month=Decimal("0.1"))),
        ):
            assert await work.leaks.rates("mock", kind) == rates
        nothing = Rates(cost_per_hour=None, volume_cost_per_gb_month=None)
        assert await work.leaks.rates("nobody", "dear") == nothing


async def test_there_is_one_leak_of_each_machine_and_it_may_open_again(adapters: Any) -> None:
    leak = a_leak(cost_per_hour=Decimal("1.25"), volumes_per_hour=Decimal("0.000001"))
    again = a_leak(machine_id=leak.machine_id, reason=LeakReason.DUPLICATE, since=NOON + HOUR)
    elsewhere = a_leak(machine_id=leak.machine_id, provider_code="other")
    async with adapters.unit_of_work()() as work:
        assert await work.leaks.begin(leak) == leak
        assert await work.leaks.begin(again) == leak
        await work.leaks.end(leak.instance_id, machine_id=None, at=NOON + HOUR)
        assert await work.leaks.begin(elsewhere) == elsewhere
    newest = adapters.leak_queries().newest
    over = replace(leak, until=NOON + HOUR)
    assert await newest(limit=10) == [elsewhere, over]
    async with adapters.unit_of_work()() as work:
        assert await work.leaks.begin(again) == leak, "it was not gone"
    assert {one.id for one in await newest(limit=10)} == {leak.id, elsewhere.id}
    assert len(await newest(limit=1)) == 1


async def test_one_machine_of_an_instance_ends_or_all_and_none_before_it_began(
    adapters: Any,
) -> None:
    instance_id = a_number()
    one, other = a_leak(instance_id=instance_id), a_leak(instance_id=instance_id)
    stranger = a_leak()
    async with adapters.unit_of_work()() as work:
        for leak in (one, other, stranger):
            await work.leaks.begin(leak)
        await work.leaks.end(instance_id, machine_id=one.machine_id, at=NOON - HOUR)
        await work.leaks.end(instance_id, machine_id=None, at=NOON + HOUR)
    until = {leak.id: leak.until for leak in await adapters.leak_queries().newest(limit=10)}
    assert until == {one.id: NOON, other.id: NOON + HOUR, stranger.id: None}


async def test_what_was_there_and_is_not_seen_any_more_is_gone(adapters: Any) -> None:
    seen, gone, elsewhere = a_leak(), a_leak(), a_leak(provider_code="other")
    new = a_leak(since=NOON + HOUR)
    listed_at, at = NOON + HOUR, NOON + 2 * HOUR
    async with adapters.unit_of_work()() as work:
        for leak in (seen, gone, elsewhere, new):
            await work.leaks.begin(leak)
        await work.leaks.end_unseen("mock", [seen.machine_id], listed_at=listed_at, at=at)
    until = {leak.id: leak.until for leak in await adapters.leak_queries().newest(limit=10)}
    assert until == {seen.id: None, gone.id: at, elsewhere.id: None, new.id: None}
    async with adapters.unit_of_work()() as work:
        await work.leaks.end_unseen("mock", [], listed_at=listed_at, at=at + HOUR)
    until = {leak.id: leak.until for leak in await adapters.leak_queries().newest(limit=10)}
    assert until[seen.id] == at + HOUR
    assert until[gone.id] == at, "it ends once"


async def test_sums_are_by_provider(adapters: Any) -> None:
    totals = adapters.leak_queries().totals
    assert await totals(at=NOON) == []
    price = Decimal("0.75")
    open_, over = a_leak(cost_per_hour=price), a_leak(cost_per_hour=None)
    over = replace(over, until=NOON + HOUR, volumes_per_hour=Decimal("0.25"))
    other = a_leak(provider_code="Other", cost_per_hour=Decimal(1))
    async with adapters.unit_of_work()() as work:
        for leak in (open_, over, other):
            await work.leaks.begin(leak)
    assert await totals(at=NOON + 2 * HOUR) == [
        LeakTotal(provider_code="Other", eur=Decimal(2), open=1, eur_per_hour=Decimal(1)),
        LeakTotal(provider_code="mock", eur=Decimal("1.75"), open=1, eur_per_hour=price),
    ]
    [_, mock] = await totals(at=NOON - HOUR)
    assert mock.eur == Decimal("0.25"), "what is over has cost what it has"
