"""The catalog, through the real application, over memory."""

from dataclasses import replace

import httpx
import pytest

from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import Application, MemoryAdapters
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
from tests.http.conftest import Json, SignIn


async def test_providers_regions_and_zones_are_listed_switched_on_or_not(
    memory: MemoryAdapters, market: Market, owner: httpx.AsyncClient
) -> None:
    off = a_provider(code="anywhere", is_active=False)
    region = a_region(off, is_active=False)
    zone = a_zone(region, is_active=False)
    await given(memory.unit_of_work(), off, region, zone)

    assert (await owner.get("/providers")).json() == [
        {
            "id": str(provider.id),
            "name": provider.name,
            "code": provider.code,
            "description": None,
            "is_active": provider.is_active,
        }
        for provider in (off, market.provider)  # by name
    ]
    assert (await owner.get("/regions")).json() == [
        {
            "id": str(known.id),
            "provider_id": str(known.provider_id),
            "name": known.name,
            "code": known.code,
            "is_active": known.is_active,
        }
        for known in (region, market.region)
    ]
    assert (await owner.get("/zones")).json() == [
        {
            "id": str(known.id),
            "region_id": str(known.region_id),
            "name": known.name,
            "code": known.code,
            "is_active": known.is_active,
        }
        for known in (zone, market.zone)
    ]


async def test_an_instance_type_has_its_price_as_a_number(
    memory: MemoryAdapters, market: Market, owner: httpx.AsyncClient
) -> None:
    unpriced = an_instance_type(market.provider, code="A-0", cost_per_hour=None, is_active=False)
    await given(memory.unit_of_work(), unpriced)
    first, second = (await owner.get("/instance_types")).json()
    assert first["cost_per_hour"] is None
    assert not first["is_active"]
    assert second == {
        "id": str(market.kind.id),
        "provider_id": str(market.provider.id),
        "name": "mock-local-instance",
        "code": "mock-local-instance",
        "gpu_count": 1,
        "vram_per_gpu_gb": 24,
        "is_active": True,
        "cost_per_hour": 0.75,
        "cpu_count": 8,
        "ram_gb": 48,
        "bandwidth_bps": 2_500_000_000,
        "volume_cost_per_gb_month": None,
    }


@pytest.fixture
async def rival(memory: MemoryAdapters, market: Market) -> Json:
    """Another provider's instance types in the same zone, not all of them on sale."""
    provider = a_provider(code="rival")
    kind = an_instance_type(provider, code="A-1")
    sold_out, old = (
        an_instance_type(provider, code="A-2"),
        an_instance_type(provider, code="A-3", is_active=False),
    )
    await given(
        memory.unit_of_work(),
        provider,
        kind,
        sold_out,
        old,
        on_sale(kind, market.zone),
        on_sale(sold_out, market.zone, is_available=False),
        on_sale(old, market.zone),
    )
    return {"id": str(provider.id), "code": "rival"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["A-1", "mock-local-instance"]),
        ({"provider_code": "  RIVAL "}, ["A-1"]),
        ({"provider_code": "mock"}, ["mock-local-instance"]),
        ({"provider_code": "nobody"}, []),  # and not everybody's
        ({"provider_code": " "}, ["A-1", "mock-local-instance"]),
        ({"provider_id": "rival", "provider_code": "mock"}, ["A-1"]),  # the id wins
    ],
)
async def test_what_is_on_sale_in_a_zone(
    owner: httpx.AsyncClient, market: Market, rival: Json, asked: Json, expected: list[str]
) -> None:
    params = {**asked, "provider_id": rival["id"]} if "provider_id" in asked else asked
    answer = await owner.get(f"/zones/{market.zone.id}/instance_types", params=params)
    assert [kind["code"] for kind in answer.json()] == expected


async def test_an_unknown_zone_sells_nothing(owner: httpx.AsyncClient, market: Market) -> None:
    answer = await owner.get(f"/zones/{a_number()}/instance_types")
    assert (answer.status_code, answer.json()) == (200, [])


async def test_a_zone_may_be_named_in_upper_case_and_without_hyphens(
    owner: httpx.AsyncClient, market: Market
) -> None:
    answer = await owner.get(f"/zones/{market.zone.id.hex.upper()}/instance_types")
    assert len(answer.json()) == 1


async def test_providers_that_are_switched_off_sell_nothing(
    memory: MemoryAdapters, owner: httpx.AsyncClient
) -> None:
    market = Market()
    market.provider = replace(market.provider, is_active=False)
    await given(memory.unit_of_work(), *market.everything)
    assert (await owner.get(f"/zones/{market.zone.id}/instance_types")).json() == []


@pytest.mark.parametrize("name", ["user", "loner"])
async def test_everybody_may_look_around(
    application: Application, sign_in: SignIn, name: str
) -> None:
    await application.seed_catalog()(actor=PLATFORM)
    client = await sign_in(name)
    for path in ("/providers", "/regions", "/zones", "/instance_types"):
        assert (await client.get(path)).json(), path
