"""The catalog as a document."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from inventiv_core.catalog.errors import ImportRefused
from inventiv_core.catalog.use_cases.exchange import (
    CatalogDocument,
    InstanceTypeDocument,
    ProviderDocument,
    RegionDocument,
    ZoneDocument,
)
from inventiv_core.identity.access import PLATFORM
from tests.builders import (
    Market,
    a_provider,
    a_region,
    a_zone,
    an_instance_type,
    given,
    on_sale,
)
from tests.core.catalog.shop import OPERATOR, Shop

GPU = {"gpu_count": 1, "vram_per_gpu_gb": 24}


def a_type(code: str = "new", **facts: Any) -> InstanceTypeDocument:
    zones = {name: facts.pop(name) for name in ("zones", "sold_out_zones") if name in facts}
    return InstanceTypeDocument(code=code, fields={**GPU, **facts}, **zones)


def a_document(*types: InstanceTypeDocument, code: str = "cloud", **facts: Any) -> CatalogDocument:
    zones = [ZoneDocument(code="z1", fields={}), ZoneDocument(code="z2", fields={"name": "Two"})]
    regions = [RegionDocument(code="r", fields={"is_active": False}, zones=zones)]
    provider = ProviderDocument(
        code=code, fields=facts, regions=regions, instance_types=list(types)
    )
    return CatalogDocument(providers=[provider])


async def codes_of(shop: Shop) -> Any:
    """Return the catalog without its ids."""
    return await shop.export(actor=OPERATOR)


async def test_a_document_is_imported_once(shop: Shop) -> None:
    document = a_document(a_type(cost_per_hour=Decimal("1.5"), zones=["z1"], sold_out_zones=["z2"]))
    changes = await shop.import_(document, actor=OPERATOR)
    assert [(change.action, change.code) for change in changes] == [
        ("created", "cloud"), ("created", "cloud/r"), ("created", "cloud/z1"),
        ("created", "cloud/z2"), ("created", "cloud/new"), ("zones_set", "cloud/new"),
    ]  # fmt: skip
    assert changes[-1].after == {"z1": True, "z2": False}
    [act] = shop.acts()
    assert act.kind == "CATALOG_IMPORTED"
    assert len(act.facts["changes"]) == 6
    whole = await shop.everything()
    assert [(zone.code, zone.name) for zone in whole.zones] == [("z1", "z1"), ("z2", "Two")]
    assert [region.is_active for region in whole.regions] == [False]
    [kind] = whole.instance_types
    assert (kind.name, kind.cost_per_hour, kind.cpu_count) == ("new", Decimal("1.5000"), 0)

    assert await shop.import_(document, actor=OPERATOR) == []
    assert len(shop.acts()) == 1


async def test_what_a_document_does_not_say_stays(shop: Shop) -> None:
    market = Market("cloud")
    await given(shop.unit_of_work, *market.everything)
    said = InstanceTypeDocument(code=market.kind.code, fields={"cost_per_hour": None})
    document = CatalogDocument(
        providers=[ProviderDocument(code="cloud", fields={}, instance_types=[said])]
    )
    shop.clock.advance(timedelta(hours=1))
    [change] = await shop.import_(document, actor=OPERATOR)
    assert (change.before, change.after) == (
        {"cost_per_hour": Decimal("0.7500")}, {"cost_per_hour": None},
    )  # fmt: skip
    whole = await shop.everything()
    assert whole.instance_types == [replace(market.kind, cost_per_hour=None)]
    assert (whole.zones, whole.links) == ([market.zone], [market.link])
    history = await shop.prices.history(market.kind.id, limit=9)
    assert [row.cost_per_hour for row in history] == [None, Decimal("0.7500")]


async def test_a_zone_may_be_said_to_be_in_another_region(shop: Shop) -> None:
    market = Market("cloud")
    await given(shop.unit_of_work, *market.everything)
    zone = ZoneDocument(code=market.zone.code, fields={})
    regions = [RegionDocument(code="elsewhere", fields={}, zones=[zone])]
    document = CatalogDocument(
        providers=[ProviderDocument(code="cloud", fields={}, regions=regions)]
    )
    await shop.import_(document, actor=OPERATOR)
    [region] = [one for one in (await shop.everything()).regions if one.code == "elsewhere"]
    assert (await shop.everything()).zones == [replace(market.zone, region_id=region.id)]


def twice(part: str) -> CatalogDocument:
    provider = a_document(a_type()).providers[0]
    if part == "providers":
        return CatalogDocument(providers=[provider, provider])
    if part == "regions":
        regions = [*provider.regions, RegionDocument(code=" r", fields={})]
        return CatalogDocument(providers=[replace(provider, regions=regions)])
    if part == "zones":
        again = RegionDocument(code="r2", fields={}, zones=[ZoneDocument(code="z1", fields={})])
        return CatalogDocument(providers=[replace(provider, regions=[*provider.regions, again])])
    return CatalogDocument(providers=[replace(provider, instance_types=[a_type(), a_type()])])


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (a_document(code=" "), "providers[0].code"),
        (a_document(name="x" * 51), "providers[0].name"),
        (a_document(name="Taken"), "providers[0].name"),
        (a_document(a_type(), a_type("b", gpu_count=-1)),
         "providers[0].instance_types[1].gpu_count"),
        (a_document(a_type(zones=["z1", "z9"])), "providers[0].instance_types[0].zones[1]"),
        (a_document(a_type(sold_out_zones=["z9"])),
         "providers[0].instance_types[0].sold_out_zones[0]"),
        (a_document(a_type(), a_type("b", name="new")), "providers[0].instance_types[1].name"),
        (a_document(InstanceTypeDocument(code="n", fields={"gpu_count": 1})),
         "providers[0].instance_types[0].vram_per_gpu_gb"),
        (a_document(a_type(cost_per_hour=Decimal(-1))),
         "providers[0].instance_types[0].cost_per_hour"),
        (twice("providers"), "providers[1].code"),
        (twice("regions"), "providers[0].regions[1].code"),
        (twice("zones"), "providers[0].regions[1].zones[0].code"),
        (twice("types"), "providers[0].instance_types[1].code"),
    ],
)  # fmt: skip
async def test_a_mistake_is_told_with_its_place_and_nothing_is_changed(
    shop: Shop, document: CatalogDocument, place: str
) -> None:
    await given(shop.unit_of_work, replace(a_provider(code="taken"), name="Taken"))
    before = await shop.everything()
    with pytest.raises(ImportRefused) as refused:
        await shop.import_(document, actor=OPERATOR)
    assert refused.value.place == place
    assert refused.value.problem.endswith(".")
    assert await shop.everything() == before
    assert shop.acts() == []


async def test_the_seeded_catalog_goes_out_and_comes_in_elsewhere_as_it_was(shop: Shop) -> None:
    await shop.seed(actor=PLATFORM)
    document = await shop.export(actor=OPERATOR)
    assert await shop.import_(document, actor=OPERATOR) == []
    elsewhere = Shop()
    await elsewhere.import_(document, actor=OPERATOR)
    assert await elsewhere.export(actor=OPERATOR) == document


things = st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.booleans()), max_size=4)
prices = st.none() | st.decimals(0, 99, places=4)


@for_all(things, prices, st.dictionaries(st.sampled_from("xy"), st.none() | st.integers()))
async def test_whatever_goes_out_comes_in_elsewhere(
    links: list[tuple[bool, str, bool]], price: Decimal | None, params: dict[str, Any]
) -> None:
    shop = Shop()
    ours, theirs = a_provider(code="ours"), a_provider(code="theirs", is_active=False)
    regions = {who.code: a_region(who, code="r") for who in (ours, theirs)}
    zones = {
        (who, name): a_zone(region, code=name) for who, region in regions.items() for name in "abc"
    }
    kinds = {
        who.code: replace(an_instance_type(who, cost_per_hour=price), allocation_params=params)
        for who in (ours, theirs)
    }
    await given(
        shop.unit_of_work, ours, theirs, *regions.values(), *zones.values(), *kinds.values()
    )
    codes: Callable[[bool], str] = lambda mine: "ours" if mine else "theirs"  # noqa: E731
    for mine, name, is_available in links:
        who = codes(mine)
        link = on_sale(kinds[who], zones[who, name], is_available=is_available)
        await given(shop.unit_of_work, link)
    document = await shop.export(actor=OPERATOR)
    assert await shop.import_(document, actor=OPERATOR) == []
    elsewhere = Shop()
    await elsewhere.import_(document, actor=OPERATOR)
    assert await elsewhere.export(actor=OPERATOR) == document
