"""What the ports of the catalog promise, kept by every adapter."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from inventiv_core.catalog.entities import InstanceType, Zone
from inventiv_core.catalog.errors import (
    CodeTaken,
    EntryInUse,
    FieldInvalid,
    InstanceTypeNotFound,
    NameTaken,
    ProviderNotFound,
    RegionNotFound,
    ZoneNotFound,
)
from inventiv_core.catalog.views import OnSaleFilter, ZoneRow
from inventiv_core.kernel.errors import DomainError
from tests.builders import (
    NOON,
    Market,
    a_number,
    a_provider,
    a_region,
    a_zone,
    an_instance_type,
    given,
    given_teams,
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


class Duplicates:
    """What is there, and everything that cannot be beside it."""

    def __init__(self) -> None:
        self.market = Market()
        provider, region = self.market.provider, self.market.region
        other = a_region(provider, code="other")
        self.cases: list[tuple[str, Any, type[DomainError]]] = [
            ("provider", replace(a_provider(), name=provider.name), NameTaken),
            ("provider", replace(a_provider(), code=provider.code), CodeTaken),
            ("region", replace(a_region(provider, code="r"), name=region.name), NameTaken),
            ("region", replace(a_region(provider, code=region.code), name="r"), CodeTaken),
            ("zone", replace(a_zone(region, code="z"), name=self.market.zone.name), NameTaken),
            ("zone", replace(a_zone(other, code=self.market.zone.code), name="z"), CodeTaken),
            (
                "instance_type",
                replace(an_instance_type(provider, code="t"), name=self.market.kind.name),
                NameTaken,
            ),
            (
                "instance_type",
                replace(an_instance_type(provider, code=self.market.kind.code), name="t"),
                CodeTaken,
            ),
        ]
        self.everything = (*self.market.everything, other)


def put(work: Any, verb: str, kind: str, entry: Any) -> Any:
    dated = {"at": NOON} if kind == "instance_type" else {}
    return getattr(work.catalog, f"{verb}_{kind}")(entry, **dated)


@pytest.mark.parametrize("number", range(8))
async def test_names_and_codes_are_there_once_however_they_come(adapters: Any, number: int) -> None:
    duplicates = Duplicates()
    kind, entry, error = duplicates.cases[number]
    await given(adapters.unit_of_work(), *duplicates.everything)
    with pytest.raises(error) as refused:
        async with adapters.unit_of_work()() as work:
            await put(work, "add", kind, entry)
    field = "name" if error is NameTaken else "code"
    assert refused.value.facts == {"entry": kind, "field": field}

    free = replace(entry, name="free", code="free")
    async with adapters.unit_of_work()() as work:
        await put(work, "add", kind, free)
    with pytest.raises(error):
        async with adapters.unit_of_work()() as work:
            await put(work, "save", kind, entry)
    async with adapters.unit_of_work()() as work:
        assert await getattr(work.catalog, f"get_{kind}")(entry.id) == free


async def test_the_same_names_may_be_in_another_place(adapters: Any) -> None:
    market, provider = Market(), a_provider()
    region, other = a_region(provider, code="local"), a_region(provider, code="other")
    zone = replace(a_zone(other, code="another"), name=market.zone.name)
    await given(adapters.unit_of_work(), *market.everything, provider, region, other, zone)
    await given(adapters.unit_of_work(), an_instance_type(provider, code=market.kind.code))


@pytest.mark.parametrize("kind", ["region", "zone", "instance_type"])
async def test_an_entry_without_a_place_is_refused(adapters: Any, kind: str) -> None:
    nobody = a_provider()
    nowhere = a_region(nobody)
    entry: Any = {
        "region": nowhere,
        "zone": a_zone(nowhere),
        "instance_type": an_instance_type(nobody),
    }[kind]
    with pytest.raises(FieldInvalid) as refused:
        async with adapters.unit_of_work()() as work:
            await put(work, "add", kind, entry)
    assert refused.value.field == ("region_id" if kind == "zone" else "provider_id")


async def test_a_zone_is_its_regions_provider_s(adapters: Any) -> None:
    market, other = Market(), a_provider()
    await given(adapters.unit_of_work(), *market.everything, other)
    with pytest.raises(FieldInvalid):
        async with adapters.unit_of_work()() as work:
            await work.catalog.save_zone(replace(market.zone, provider_id=other.id))


async def test_a_region_with_zones_cannot_leave_its_provider(adapters: Any) -> None:
    market, other = Market(), a_provider()
    empty = a_region(market.provider, code="empty")
    await given(adapters.unit_of_work(), *market.everything, other, empty)
    with pytest.raises(EntryInUse):
        async with adapters.unit_of_work()() as work:
            await work.catalog.save_region(replace(market.region, provider_id=other.id))
    async with adapters.unit_of_work()() as work:
        await work.catalog.save_region(replace(empty, provider_id=other.id))
        assert (await work.catalog.get_region(empty.id)).provider_id == other.id


async def test_what_is_on_sale_or_rented_is_in_use(adapters: Any) -> None:
    market = Market()
    zone, kind = a_zone(market.region, code="z"), an_instance_type(market.provider, code="t")
    await given_teams(adapters.unit_of_work(), *market.everything, zone, kind)
    async with adapters.unit_of_work()() as work:
        is_in_use = work.catalog.is_in_use
        assert [await is_in_use(entry) for entry in (market.zone, market.kind)] == [True, True]
        assert [await is_in_use(entry) for entry in (zone, kind)] == [False, False]
    rented = replace(market.instance(), zone_id=zone.id, instance_type_id=kind.id)
    await given(adapters.unit_of_work(), rented)
    async with adapters.unit_of_work()() as work:
        assert [await work.catalog.is_in_use(entry) for entry in (zone, kind)] == [True, True]


async def test_what_is_not_there_is_not_found(adapters: Any) -> None:
    async with adapters.unit_of_work()() as work:
        for kind, error in (
            ("provider", ProviderNotFound),
            ("region", RegionNotFound),
            ("zone", ZoneNotFound),
            ("instance_type", InstanceTypeNotFound),
        ):
            number = a_number()
            with pytest.raises(error) as refused:
                await getattr(work.catalog, f"get_{kind}")(number)
            assert refused.value.facts == {"id": number}


async def test_all_that_is_said_of_an_entry_is_kept(adapters: Any) -> None:
    market = Market()
    await given(adapters.unit_of_work(), *market.everything)
    params = {"vllm_image": "a:1", "mock": {"data_volume_gb": 100, "deep": [None, 1.5, "é"]}}
    after = replace(
        market.kind,
        name="n",
        code="c",
        gpu_count=2,
        vram_per_gpu_gb=3,
        cpu_count=4,
        ram_gb=5,
        bandwidth_bps=2**62,
        cost_per_hour=None,
        is_active=False,
        allocation_params=params,
    )
    provider = replace(market.provider, name="n", code="c", description="d", is_active=False)
    region = replace(market.region, name="n", code="c", is_active=False)
    zone = replace(market.zone, name="n", code="c", is_active=False)
    async with adapters.unit_of_work()() as work:
        await work.catalog.save_instance_type(after, at=NOON)
        await work.catalog.save_provider(provider)
        await work.catalog.save_region(region)
        await work.catalog.save_zone(zone)
    async with adapters.unit_of_work()() as work:
        assert await work.catalog.get_instance_type(after.id) == after
        assert await work.catalog.get_provider(provider.id) == provider
        assert await work.catalog.get_region(region.id) == region
        assert await work.catalog.get_zone(zone.id) == zone


async def test_zones_are_replaced_and_what_is_removed_is_remembered(adapters: Any) -> None:
    market = Market()
    second, third = (a_zone(market.region, code=code) for code in ("second", "third"))
    sold_out = on_sale(market.kind, second, is_available=False)
    await given(adapters.unit_of_work(), *market.everything, second, third, sold_out)
    kind = market.kind.id

    async def shown() -> tuple[list[tuple[str, bool]], frozenset[Any]]:
        rows = await adapters.catalog_queries().zones_of(kind)
        async with adapters.unit_of_work()() as work:
            whole = await work.catalog.everything()
            assert [z.id for z in await work.catalog.zones_of(kind)] == [r.zone_id for r in rows]
        return [(row.zone_code, row.is_available) for row in rows], whole.withdrawn

    assert await shown() == ([("local", True), ("second", False)], frozenset())
    async with adapters.unit_of_work()() as work:
        await work.catalog.set_zones(kind, [third.id, second.id, second.id])
    withdrawn = frozenset({(kind, market.zone.id)})
    assert await shown() == ([("second", True), ("third", True)], withdrawn)
    async with adapters.unit_of_work()() as work:
        await work.catalog.set_zones(kind, [])
    assert (await shown())[0] == []
    async with adapters.unit_of_work()() as work:
        await work.catalog.put_on_sale(on_sale(market.kind, second))
        await work.catalog.set_zones(kind, [second.id, market.zone.id])
    left = frozenset({(kind, third.id)})
    assert await shown() == ([("local", True), ("second", True)], left)


async def test_only_zones_of_the_provider_are_found(adapters: Any) -> None:
    ours, theirs = Market("ours", model_id="ours"), Market("theirs", model_id="theirs")
    await given(adapters.unit_of_work(), *ours.everything, *theirs.everything)
    async with adapters.unit_of_work()() as work:
        wanted = [theirs.zone.id, ours.zone.id, ours.zone.id, a_number()]
        assert await work.catalog.find_zones(ours.provider.id, wanted) == [ours.zone]


async def test_a_provider_is_found_by_its_code_in_small_letters(adapters: Any) -> None:
    loud, quiet = a_provider(code="OVH"), replace(a_provider(code="Ovh"), name="other")
    await given(adapters.unit_of_work(), loud, quiet)
    async with adapters.unit_of_work()() as work:
        find = work.catalog.find_provider
        assert await find(code="Ovh") == quiet
        assert await find(code="ovh") == loud
        assert await find(code="ovx") is None


async def test_what_a_provider_whose_code_has_capitals_sells_is_found(adapters: Any) -> None:
    market = Market("OVH")
    await given(adapters.unit_of_work(), *market.everything)
    assert await listed(adapters, market.zone, OnSaleFilter(provider_code="ovh")) == [market.kind]


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
