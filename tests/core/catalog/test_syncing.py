"""What providers say they have."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_adapters.cloud.mock.provider import OFFER as MOCK_OFFER
from inventiv_core.catalog.entities import InstanceType
from inventiv_core.catalog.use_cases.syncing import SyncedProvider, SyncResult
from inventiv_core.cloud.entities import Denied, Offer, Throttled, Unknown
from inventiv_core.identity.access import PLATFORM
from tests.builders import Market, a_provider, a_zone, given, on_sale
from tests.core.catalog.shop import OPERATOR, Shop


def an_offer(market: Market, **changes: Any) -> Offer:
    """Return what the catalog has already, but for ``changes``."""
    kind = market.kind
    offer = Offer(
        instance_type=kind.code,
        name="As the provider calls it",
        region=market.region.code,
        zone=market.zone.code,
        gpu_count=kind.gpu_count,
        vram_per_gpu_gb=kind.vram_per_gpu_gb,
        cpu_count=kind.cpu_count,
        ram_gb=kind.ram_gb,
        bandwidth_bps=kind.bandwidth_bps,
        cost_per_hour=kind.cost_per_hour,
        is_available=True,
    )
    return replace(offer, **changes)


@pytest.fixture
async def market(shop: Shop) -> Market:
    market = Market()
    await given(shop.unit_of_work, *market.everything)
    return market


async def sync(shop: Shop, *offers: Offer) -> SyncedProvider:
    """Have the mock provider offer this; return what became of it."""
    shop.cloud.offered = offers
    [mock, _] = await shop.sync(actor=OPERATOR)
    return mock


async def kind_of(shop: Shop, code: str) -> InstanceType:
    [kind] = [kind for kind in (await shop.everything()).instance_types if kind.code == code]
    return kind


async def links_of(shop: Shop, code: str) -> dict[str, bool]:
    whole = await shop.everything()
    zones = {zone.id: zone.code for zone in whole.zones}
    kind = await kind_of(shop, code)
    return {
        zones[link.zone_id]: link.is_available
        for link in whole.links
        if link.instance_type_id == kind.id
    }


async def test_what_is_as_the_provider_says_stays(shop: Shop, market: Market) -> None:
    before = await shop.everything()
    synced = await sync(shop, an_offer(market))
    assert (synced.result, list(synced.changes)) == (SyncResult.SYNCED, [])
    assert await shop.everything() == before


async def test_the_seeds_of_the_mock_provider_are_what_it_offers(shop: Shop) -> None:
    await shop.seed(actor=PLATFORM)
    before = await shop.everything()
    assert (await sync(shop, MOCK_OFFER)).changes == []
    assert await shop.everything() == before


async def test_shape_and_price_are_as_the_provider_says_and_the_name_is_ours(
    shop: Shop, market: Market
) -> None:
    shop.clock.advance(timedelta(hours=1))
    offer = an_offer(market, gpu_count=2, ram_gb=96, cost_per_hour=Decimal("0.5"))
    [change] = (await sync(shop, offer)).changes
    assert change.after == {"gpu_count": 2, "ram_gb": 96, "cost_per_hour": Decimal("0.5000")}
    expected = replace(market.kind, gpu_count=2, ram_gb=96, cost_per_hour=Decimal("0.5000"))
    assert await kind_of(shop, market.kind.code) == expected
    assert len(await shop.prices.history(market.kind.id, limit=9)) == 2
    [act] = shop.acts()
    assert act.kind == "CATALOG_SYNCED"
    assert act.facts["providers"] == {"mock": "synced", "rival": "not_in_catalog"}
    assert len(act.facts["changes"]) == 1


async def test_a_price_that_is_not_said_is_the_one_that_is_known(
    shop: Shop, market: Market
) -> None:
    assert (await sync(shop, an_offer(market, cost_per_hour=None))).changes == []


async def test_where_prices_differ_by_zone_the_highest_counts(shop: Shop, market: Market) -> None:
    low, high = Decimal("0.1"), Decimal("0.9")
    offers = [
        an_offer(market, zone=f"z{number}", cost_per_hour=price)
        for number, price in enumerate([low, high, None, low])
    ]
    await sync(shop, *offers)
    assert (await kind_of(shop, market.kind.code)).cost_per_hour == Decimal("0.9000")


async def test_what_is_sold_out_is_marked_and_so_is_what_is_back(
    shop: Shop, market: Market
) -> None:
    for is_available in (False, True):
        await sync(shop, an_offer(market, is_available=is_available))
        assert await links_of(shop, market.kind.code) == {"local": is_available}


async def test_what_is_gone_is_marked_and_never_removed(shop: Shop, market: Market) -> None:
    await sync(shop, an_offer(market, instance_type="other", name="Other"))
    assert await links_of(shop, market.kind.code) == {"local": False}
    assert await kind_of(shop, market.kind.code) == market.kind


async def test_what_is_new_is_added_switched_off(shop: Shop, market: Market) -> None:
    offer = an_offer(market, instance_type="new", name="New", region="there", zone="there-1")
    synced = await sync(shop, an_offer(market), offer)
    assert [(change.action, change.code) for change in synced.changes] == [
        ("created", "mock/new"), ("created", "mock/there"), ("created", "mock/there-1"),
        ("zones_set", "mock/new"),
    ]  # fmt: skip
    whole = await shop.everything()
    kind = await kind_of(shop, "new")
    assert (kind.name, kind.is_active) == ("New", False)
    assert [zone.is_active for zone in whole.zones if zone.code == "there-1"] == [False]
    assert [region.is_active for region in whole.regions if region.code == "there"] == [False]
    assert await links_of(shop, "new") == {"there-1": True}
    assert (await sync(shop, an_offer(market), offer)).changes == []


async def test_what_was_switched_off_stays_off(shop: Shop, market: Market) -> None:
    await shop.update_provider(market.provider.id, {"is_active": False}, actor=OPERATOR)
    await shop.update_region(market.region.id, {"is_active": False}, actor=OPERATOR)
    await shop.update_zone(market.zone.id, {"is_active": False}, actor=OPERATOR)
    await shop.update_instance_type(market.kind.id, {"is_active": False}, actor=OPERATOR)
    before = await shop.everything()
    await sync(shop, an_offer(market))
    assert await shop.everything() == before


async def test_what_was_put_off_sale_by_hand_stays_so_until_a_hand_puts_it_back(
    shop: Shop, market: Market
) -> None:
    await shop.set_zones(market.kind.id, [], actor=OPERATOR)
    await sync(shop, an_offer(market))
    assert await links_of(shop, market.kind.code) == {}
    await shop.set_zones(market.kind.id, [market.zone.id], actor=OPERATOR)
    await sync(shop, an_offer(market, is_available=False))
    assert await links_of(shop, market.kind.code) == {"local": False}


async def test_what_is_on_sale_in_one_more_zone_is_put_on_sale_there(
    shop: Shop, market: Market
) -> None:
    await given(shop.unit_of_work, a_zone(market.region, code="second"))
    await sync(shop, an_offer(market), an_offer(market, zone="second"))
    assert await links_of(shop, market.kind.code) == {"local": True, "second": True}


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Denied(detail="No."), SyncResult.DENIED),
        (Throttled(retry_after=None), SyncResult.THROTTLED),
        (Unknown(detail="?"), SyncResult.NO_ANSWER),
    ],
)
async def test_who_does_not_answer_changes_nothing_and_is_named(
    shop: Shop, market: Market, answer: Any, result: SyncResult
) -> None:
    before = await shop.everything()
    shop.cloud.next_offers.add(answer)
    synced = await sync(shop)
    assert (synced.provider_code, synced.result, synced.changes) == ("mock", result, ())
    assert await shop.everything() == before


async def test_nothing_at_all_on_offer_is_no_answer(shop: Shop, market: Market) -> None:
    before = await shop.everything()
    assert (await sync(shop)).result is SyncResult.NOTHING_OFFERED
    assert await shop.everything() == before


@pytest.mark.parametrize(
    "nonsense",
    [
        {"instance_type": " "},
        {"zone": "x" * 51},
        {"region": ""},
        {"gpu_count": -1},
        {"cost_per_hour": Decimal("NaN")},
        {"name": "a\0"},
    ],
)
async def test_an_offer_that_cannot_be_held_spoils_the_others_of_its_provider(
    shop: Shop, market: Market, nonsense: Any
) -> None:
    before = await shop.everything()
    good = an_offer(market, cost_per_hour=Decimal(9))
    synced = await sync(shop, good, an_offer(market, **nonsense))
    assert synced.result is SyncResult.NOT_UNDERSTOOD
    assert await shop.everything() == before


async def test_one_providers_silence_is_not_anothers(shop: Shop, market: Market) -> None:
    rival = a_provider(code="rival")
    await given(shop.unit_of_work, rival)
    shop.cloud.next_offers.add(Unknown(detail="?"))
    shop.rival.offered = (an_offer(market),)
    mock, other = await shop.sync(actor=OPERATOR)
    assert (mock.result, other.result) == (SyncResult.NO_ANSWER, SyncResult.SYNCED)
    whole = await shop.everything()
    assert len([kind for kind in whole.instance_types if kind.provider_id == rival.id]) == 1


async def test_a_name_that_somebody_has_gives_way_to_the_code_or_to_nothing(
    shop: Shop, market: Market
) -> None:
    taken = market.kind.name
    await sync(shop, an_offer(market), an_offer(market, instance_type="new", name=taken))
    assert (await kind_of(shop, "new")).name == "new"
    await shop.update_instance_type(market.kind.id, {"name": "newer"}, actor=OPERATOR)
    offer = an_offer(market, instance_type="newer", name="newer")
    await sync(shop, an_offer(market), offer)
    assert "newer" not in {kind.code for kind in (await shop.everything()).instance_types}


async def test_other_providers_links_are_not_touched(shop: Shop, market: Market) -> None:
    theirs = Market("rival", model_id="theirs")
    await given(shop.unit_of_work, *theirs.everything, on_sale(theirs.kind, theirs.zone))
    await sync(shop, an_offer(market, is_available=False))
    whole = await shop.everything()
    available = {link.instance_type_id: link.is_available for link in whole.links}
    assert available == {market.kind.id: False, theirs.kind.id: True}
