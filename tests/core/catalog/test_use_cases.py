"""Writing the catalog: who may, what is kept of it, and what moves."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.catalog.entities import RegionId, ZoneId
from inventiv_core.catalog.errors import (
    EntryInUse,
    FieldInvalid,
    InstanceTypeNotFound,
    NameTaken,
    ZoneNotOfProvider,
)
from inventiv_core.catalog.use_cases.exchange import CatalogDocument
from inventiv_core.catalog.use_cases.instance_types import WantedInstanceType
from inventiv_core.catalog.use_cases.providers import WantedProvider
from inventiv_core.catalog.use_cases.regions import WantedRegion
from inventiv_core.catalog.use_cases.zones import WantedZone
from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.errors.access import AdminRequired, PermissionMissing
from tests.builders import Market, a_number, a_provider, a_region, a_zone, an_actor, given
from tests.core.catalog.shop import OPERATOR, Shop


def a_wanted_type(market: Market, **changes: Any) -> WantedInstanceType:
    wanted = WantedInstanceType(
        provider_id=market.provider.id,
        name="New",
        code="new",
        gpu_count=1,
        vram_per_gpu_gb=24,
        cpu_count=0,
        ram_gb=0,
        bandwidth_bps=0,
        cost_per_hour=Decimal("1.5"),
        is_active=True,
        allocation_params={},
    )
    return replace(wanted, **changes)


async def test_only_administrators_of_the_platform_write(shop: Shop) -> None:
    market = Market()
    await given(shop.unit_of_work, *market.everything)
    calls: list[Any] = [
        lambda who: shop.create_provider(
            WantedProvider(name="n", code="c", description=None, is_active=True), actor=who
        ),
        lambda who: shop.update_provider(market.provider.id, {"name": "m"}, actor=who),
        lambda who: shop.create_region(
            WantedRegion(provider_id=market.provider.id, name="n", code="c", is_active=True),
            actor=who,
        ),
        lambda who: shop.update_region(market.region.id, {"name": "m"}, actor=who),
        lambda who: shop.create_zone(
            WantedZone(region_id=market.region.id, name="n", code="c", is_active=True), actor=who
        ),
        lambda who: shop.update_zone(market.zone.id, {"name": "m"}, actor=who),
        lambda who: shop.create_instance_type(a_wanted_type(market), actor=who),
        lambda who: shop.update_instance_type(market.kind.id, {"name": "m"}, actor=who),
        lambda who: shop.set_zones(market.kind.id, [], actor=who),
        lambda who: shop.export(actor=who),
        lambda who: shop.import_(CatalogDocument(providers=[]), actor=who),
        lambda who: shop.sync(actor=who),
    ]
    before = await shop.everything()
    for call in calls:
        for who in (an_actor(), PLATFORM):
            with pytest.raises((AdminRequired, PermissionMissing)):
                await call(who)
    assert await shop.everything() == before
    assert shop.acts() == []
    for call in calls:
        await call(OPERATOR)
    with pytest.raises(PermissionMissing):
        await shop.seed(actor=OPERATOR)


async def test_what_is_added_is_in_the_books(shop: Shop) -> None:
    wanted = WantedProvider(name=" Cloud ", code="cloud", description=None, is_active=True)
    provider = await shop.create_provider(wanted, actor=OPERATOR)
    [act] = shop.acts()
    assert (act.kind, act.actor, act.organization_id) == ("PROVIDER_CREATED", OPERATOR, None)
    assert (act.subject.kind, act.subject.id, act.subject.name) == (
        "provider", provider.id, "Cloud",
    )  # fmt: skip
    assert act.before == {}
    assert act.after == {"name": "Cloud", "code": "cloud", "description": None, "is_active": True}


async def test_what_has_changed_is_in_the_books_and_nothing_else(shop: Shop) -> None:
    market = Market()
    await given(shop.unit_of_work, *market.everything)
    changes: Any = {"cost_per_hour": Decimal("0.9"), "is_active": True}
    await shop.update_instance_type(market.kind.id, changes, actor=OPERATOR)
    await shop.update_instance_type(market.kind.id, changes, actor=OPERATOR)  # no news
    [act] = shop.acts()
    assert act.kind == "INSTANCE_TYPE_UPDATED"
    assert act.before == {"cost_per_hour": Decimal("0.7500")}
    assert act.after == {"cost_per_hour": Decimal("0.9000")}
    assert len(await shop.prices.history(market.kind.id, limit=9)) == 1  # at the same instant


async def test_what_is_refused_leaves_nothing(shop: Shop) -> None:
    market, other = Market(), a_provider()
    await given(shop.unit_of_work, *market.everything, other)
    with pytest.raises(NameTaken):
        await shop.update_provider(other.id, {"name": market.provider.name}, actor=OPERATOR)
    with pytest.raises(FieldInvalid):
        await shop.update_provider(other.id, {"name": " "}, actor=OPERATOR)
    with pytest.raises(FieldInvalid):
        await shop.create_instance_type(a_wanted_type(market, gpu_count=-1), actor=OPERATOR)
    assert shop.acts() == []


async def test_a_region_that_nobody_knows_is_the_fields_fault(shop: Shop) -> None:
    market, nowhere = Market(), RegionId(a_number())
    await given(shop.unit_of_work, *market.everything)
    wanted = WantedZone(region_id=nowhere, name="n", code="c", is_active=True)
    for attempt in (
        shop.create_zone(wanted, actor=OPERATOR),
        shop.update_zone(market.zone.id, {"region_id": nowhere}, actor=OPERATOR),
    ):
        with pytest.raises(FieldInvalid) as refused:
            await attempt
        assert refused.value.field == "region_id"


async def test_a_zone_moves_within_its_provider_and_elsewhere_if_nothing_depends_on_it(
    shop: Shop,
) -> None:
    market, other = Market(), a_provider()
    near, far = a_region(market.provider, code="near"), a_region(other, code="far")
    empty = a_zone(market.region, code="empty")
    await given(shop.unit_of_work, *market.everything, other, near, far, empty)
    moved = await shop.update_zone(market.zone.id, {"region_id": near.id}, actor=OPERATOR)
    assert (moved.region_id, moved.provider_id) == (near.id, market.provider.id)
    with pytest.raises(EntryInUse):
        await shop.update_zone(market.zone.id, {"region_id": far.id}, actor=OPERATOR)
    moved = await shop.update_zone(empty.id, {"region_id": far.id}, actor=OPERATOR)
    assert (moved.region_id, moved.provider_id) == (far.id, other.id)


async def test_a_type_goes_to_another_provider_only_if_it_is_on_sale_nowhere(shop: Shop) -> None:
    market, other = Market(), a_provider()
    await given(shop.unit_of_work, *market.everything, other)
    with pytest.raises(EntryInUse):
        await shop.update_instance_type(market.kind.id, {"provider_id": other.id}, actor=OPERATOR)
    await shop.set_zones(market.kind.id, [], actor=OPERATOR)
    moved = await shop.update_instance_type(
        market.kind.id, {"provider_id": other.id}, actor=OPERATOR
    )
    assert moved.provider_id == other.id


async def test_zones_are_set_all_or_none(shop: Shop) -> None:
    market, theirs = Market("ours", model_id="ours"), Market("theirs", model_id="theirs")
    second = a_zone(market.region, code="second")
    await given(shop.unit_of_work, *market.everything, *theirs.everything, second)
    before = await shop.everything()
    for stranger in (theirs.zone.id, ZoneId(a_number())):
        with pytest.raises(ZoneNotOfProvider) as refused:
            await shop.set_zones(market.kind.id, [second.id, stranger], actor=OPERATOR)
        assert refused.value.zone_id == stranger
    unknown: Any = a_number()
    with pytest.raises(InstanceTypeNotFound):
        await shop.set_zones(unknown, [second.id], actor=OPERATOR)
    assert await shop.everything() == before

    await shop.set_zones(market.kind.id, [second.id, second.id], actor=OPERATOR)
    [act] = shop.acts()
    assert (act.kind, act.before, act.after) == (
        "INSTANCE_TYPE_ZONES_SET", {"zones": ["local"]}, {"zones": ["second"]},
    )  # fmt: skip
