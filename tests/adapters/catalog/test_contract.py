"""What the ports of the catalog promise, kept by every adapter."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from inventiv_core.catalog.entities import InstanceType, Zone
from inventiv_core.catalog.views import OnSaleFilter, ZoneRow
from tests.builders import (
    Market,
    a_number,
    a_provider,
    a_region,
    a_zone,
    an_instance_type,
    given,
    on_sale,
)

NAMES = ["b", "a", "B", "A", "é"]
BY_NAME = ["A", "B", "a", "b", "é"]
"""By code point, whatever the locale of the server."""


async def find_on_sale(adapters: Any, market: Market) -> InstanceType | None:
    async with adapters.unit_of_work()() as work:
        found: InstanceType | None = await work.catalog.find_on_sale(
            market.provider.id, market.zone.id, market.kind.code
        )
    return found


async def listed(
    adapters: Any, zone: Zone, where: OnSaleFilter | None = None
) -> Sequence[InstanceType]:
    kinds: Sequence[InstanceType] = await adapters.catalog_queries().on_sale(
        zone.id, where or OnSaleFilter()
    )
    return kinds


async def test_everything_is_stored_once_by_its_code(adapters: Any) -> None:
    market = Market()
    things: dict[str, Any] = {
        "add_provider": market.provider,
        "add_region": market.region,
        "add_zone": market.zone,
        "add_instance_type": market.kind,
    }
    async with adapters.unit_of_work()() as work:
        for name, thing in things.items():
            add = getattr(work.catalog, name)
            assert await add(thing) is True
            again = replace(thing, id=a_number(), name="another", is_active=False)
            assert await add(again) is False
    queries = adapters.catalog_queries()
    assert await queries.providers() == [market.provider]
    assert await queries.regions() == [market.region]
    assert [row.id for row in await queries.zones()] == [market.zone.id]
    assert await queries.instance_types() == [market.kind]


async def test_another_provider_may_use_the_same_codes(adapters: Any) -> None:
    ours, theirs = Market("ours", model_id="ours"), Market("theirs", model_id="theirs")
    await given(adapters.unit_of_work(), *ours.everything, *theirs.everything)
    async with adapters.unit_of_work()() as work:
        for market in (ours, theirs):
            zone = await work.catalog.find_zone(market.provider.id, market.zone.code)
            assert zone == market.zone
    assert await find_on_sale(adapters, theirs) == theirs.kind


async def test_a_provider_is_found_by_id_or_by_code_active_or_not(adapters: Any) -> None:
    provider, other = a_provider(is_active=False), replace(a_provider(), description="in Paris")
    await given(adapters.unit_of_work(), provider, other)
    async with adapters.unit_of_work()() as work:
        find = work.catalog.find_provider
        assert await find(id=provider.id) == provider
        assert await find(code=other.code) == other
        assert await find(code="nobody") is None
        assert await find() is None


async def test_with_both_the_id_of_a_provider_decides(adapters: Any) -> None:
    provider, other = a_provider(), a_provider()
    await given(adapters.unit_of_work(), other, provider)
    async with adapters.unit_of_work()() as work:
        find = work.catalog.find_provider
        assert await find(id=provider.id, code=other.code) == provider
        assert await find(id=a_number(), code=other.code) is None


@pytest.mark.parametrize(
    ("zone_is_active", "region_is_active"), [(True, True), (True, False), (False, True)]
)
async def test_a_zone_is_found_if_it_and_its_region_are_active(
    adapters: Any, *, zone_is_active: bool, region_is_active: bool
) -> None:
    provider = a_provider()
    region = a_region(provider, is_active=region_is_active)
    zone = a_zone(region, is_active=zone_is_active)
    await given(adapters.unit_of_work(), provider, region, zone)
    async with adapters.unit_of_work()() as work:
        found = await work.catalog.find_zone(provider.id, zone.code)
        assert found == (zone if zone_is_active and region_is_active else None)
        assert await work.catalog.find_zone(a_provider().id, zone.code) is None
        assert await work.catalog.find_zone(provider.id, "nowhere") is None


async def test_what_is_on_sale_is_found(adapters: Any) -> None:
    market = Market()
    elsewhere = a_zone(market.region, code="elsewhere")
    await given(adapters.unit_of_work(), *market.everything, elsewhere)
    assert await find_on_sale(adapters, market) == market.kind
    async with adapters.unit_of_work()() as work:
        find = work.catalog.find_on_sale
        assert await find(market.provider.id, elsewhere.id, market.kind.code) is None
        assert await find(market.provider.id, market.zone.id, "L40S") is None
        assert await find(a_provider().id, market.zone.id, market.kind.code) is None


async def test_an_inactive_type_is_not_on_sale(adapters: Any) -> None:
    market = Market()
    market.kind = replace(market.kind, is_active=False)
    await given(adapters.unit_of_work(), *market.everything)
    assert await find_on_sale(adapters, market) is None
    assert not await listed(adapters, market.zone)


async def test_a_type_goes_off_sale_and_on_again(adapters: Any) -> None:
    market = Market()
    await given(adapters.unit_of_work(), *market.everything)
    for is_available in (False, True):
        link = on_sale(market.kind, market.zone, is_available=is_available)
        await given(adapters.unit_of_work(), link)
        assert await find_on_sale(adapters, market) == (market.kind if is_available else None)
        assert await listed(adapters, market.zone) == ([market.kind] if is_available else [])


async def test_what_is_on_sale_in_one_zone_is_not_mixed_up_with_another(adapters: Any) -> None:
    provider = a_provider()
    region = a_region(provider)
    zones = [a_zone(region, code=str(number)) for number in range(6)]
    kinds = [an_instance_type(provider, code=str(number)) for number in range(6)]
    await given(adapters.unit_of_work(), provider, region, *zones, *kinds)
    await given(adapters.unit_of_work(), *(on_sale(kind, zone) for zone in zones for kind in kinds))
    for zone in zones:
        assert await listed(adapters, zone) == kinds


async def test_prices_come_back_exact_or_not_at_all(adapters: Any) -> None:
    market = Market()
    gift = an_instance_type(market.provider, code="zero", cost_per_hour=None)
    await given(adapters.unit_of_work(), *market.everything, gift)
    kinds = await adapters.catalog_queries().instance_types()
    assert [str(kind.cost_per_hour) for kind in kinds] == ["0.7500", "None"]


async def test_lists_are_by_name_active_or_not(adapters: Any) -> None:
    provider = a_provider(code="cloud")
    region = a_region(provider)
    await given(adapters.unit_of_work(), provider, region)
    for name in NAMES:
        await given(
            adapters.unit_of_work(),
            replace(a_provider(), name=name, is_active=False),
            replace(a_region(provider, code=name, is_active=False), name=name),
            replace(a_zone(region, code=name, is_active=False), name=name),
            replace(an_instance_type(provider, code=name, is_active=False), name=name),
        )
    queries = adapters.catalog_queries()
    for rows, more in (
        (await queries.providers(), {provider.name}),
        (await queries.regions(), {region.name}),
        (await queries.zones(), set()),
        (await queries.instance_types(), set()),
    ):
        assert [row.name for row in rows if row.name not in more] == BY_NAME
        assert len(rows) == len(NAMES) + len(more)


async def test_a_zone_is_listed_with_its_region(adapters: Any) -> None:
    market = Market()
    await given(adapters.unit_of_work(), *market.everything)
    zone = market.zone
    assert await adapters.catalog_queries().zones() == [
        ZoneRow(
            id=zone.id,
            region_id=market.region.id,
            name=zone.name,
            code=zone.code,
            is_active=True,
        )
    ]


async def test_of_the_same_name_the_older_comes_first(adapters: Any) -> None:
    ours, theirs = a_provider(), a_provider()
    older, newer = an_instance_type(theirs), an_instance_type(ours)
    await given(adapters.unit_of_work(), ours, theirs, newer, older)
    assert await adapters.catalog_queries().instance_types() == [older, newer]


class Bazaar:
    """One zone in which two providers and one inactive one have something to sell."""

    def __init__(self) -> None:
        self.ours, self.theirs = a_provider(), a_provider()
        self.closed = a_provider(is_active=False)
        self.region = a_region(self.ours)
        self.zone = a_zone(self.region)
        self.kinds = [
            an_instance_type(provider, code=name)
            for provider in (self.ours, self.theirs)
            for name in NAMES
        ]
        self.gone = an_instance_type(self.closed)

    async def open(self, adapters: Any) -> None:
        """Put it all on sale."""
        links = [on_sale(kind, self.zone) for kind in (*self.kinds, self.gone)]
        await given(adapters.unit_of_work(), self.ours, self.theirs, self.closed, self.region)
        await given(adapters.unit_of_work(), self.zone, *self.kinds, self.gone, *links)


async def test_what_is_on_sale_is_listed_by_name(adapters: Any) -> None:
    bazaar = Bazaar()
    await bazaar.open(adapters)
    names = [kind.name for kind in await listed(adapters, bazaar.zone)]
    assert names == [name for name in BY_NAME for _ in range(2)]


async def test_the_list_can_be_one_providers_by_id_or_by_code(adapters: Any) -> None:
    bazaar = Bazaar()
    await bazaar.open(adapters)
    for where in (
        OnSaleFilter(provider_id=bazaar.ours.id),
        OnSaleFilter(provider_code=bazaar.ours.code),
        OnSaleFilter(provider_id=bazaar.ours.id, provider_code=bazaar.theirs.code),
        OnSaleFilter(provider_id=bazaar.ours.id, provider_code="nobody"),
    ):
        kinds = await listed(adapters, bazaar.zone, where)
        assert [kind.name for kind in kinds] == BY_NAME
        assert {kind.provider_id for kind in kinds} == {bazaar.ours.id}


async def test_nobody_and_whoever_has_closed_sell_nothing(adapters: Any) -> None:
    bazaar = Bazaar()
    await bazaar.open(adapters)
    for where in (
        OnSaleFilter(provider_code="nobody"),
        OnSaleFilter(provider_code=""),
        OnSaleFilter(provider_id=a_provider().id),
        OnSaleFilter(provider_id=bazaar.closed.id),
        OnSaleFilter(provider_code=bazaar.closed.code),
    ):
        assert not await listed(adapters, bazaar.zone, where)
