"""Searching the catalog, its prices, and the whole of it, over the real application."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import Market, a_number, a_provider, a_region, a_zone, an_instance_type, given
from tests.http.conftest import Json

ENVELOPE = {"offset", "limit", "total_count", "filtered_count", "rows", "next_cursor"}


@pytest.fixture
async def rival(memory: MemoryAdapters, market: Market) -> Market:
    """Another provider, that has more of everything."""
    rival = Market("rival", model_id="rival")
    region = a_region(rival.provider, code="more", is_active=False)
    await given(
        memory.unit_of_work(),
        *rival.everything,
        region,
        a_zone(region, code="more-1"),
        an_instance_type(rival.provider, code="A%", cost_per_hour=None, gpu_count=8),
        an_instance_type(rival.provider, code="B_", cost_per_hour=Decimal("0.1000")),
    )
    return rival


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("providers", "id name code description is_active"),
        ("regions", "id provider_id provider_name provider_code name code is_active"),
        ("zones", ("id region_id region_name region_code provider_id provider_name provider_code"
                  " name code is_active")),
        ("instance_types", ("id provider_id provider_name provider_code name code gpu_count"
                           " vram_per_gpu_gb is_active cost_per_hour cpu_count ram_gb"
                           " bandwidth_bps")),
    ],
)  # fmt: skip
async def test_a_search_answers_in_its_envelope(
    owner: httpx.AsyncClient, market: Market, kind: str, fields: str
) -> None:
    body = (await owner.get(f"/{kind}/search")).json()
    assert body.keys() == ENVELOPE
    [row] = body.pop("rows")
    assert row.keys() == set(fields.split())
    assert body == {
        "offset": 0, "limit": 200, "total_count": 1, "filtered_count": 1, "next_cursor": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "codes", "filtered"),
    [
        ("providers?", "mock rival", 2),
        ("providers?order_dir=DESC", "rival mock", 2),
        ("providers?q=%20RIV%20", "rival", 1),
        ("providers?q=%20", "mock rival", 2),
        ("providers?q=%25", "", 0),
        ("regions?provider_id=rival", "local more", 2),
        ("regions?is_active=false", "more", 1),
        ("regions?order_by=is_active&provider_id=rival", "more local", 2),
        ("zones?provider_id=rival&is_active=true", "local more-1", 2),
        ("zones?region_id=rival", "local", 1),
        ("instance_types?provider_id=rival", "A% B_ mock-local-instance", 3),
        ("instance_types?q=%25", "A%", 1),
        ("instance_types?q=_", "B_", 1),
        ("instance_types?order_by=cost_per_hour&provider_id=rival",
         "B_ mock-local-instance A%", 3),
        ("instance_types?order_by=cost_per_hour&order_dir=desc&provider_id=rival",
         "A% mock-local-instance B_", 3),
        ("instance_types?order_by=gpu_count&order_dir=desc&limit=1", "A%", 4),
        ("instance_types?order_by=NAME&provider_id=rival&offset=1&limit=1", "B_", 3),
        ("instance_types?offset=99", "", 4),
    ],
)  # fmt: skip
async def test_a_search_finds_what_is_asked_for(
    owner: httpx.AsyncClient, rival: Market, asked: str, codes: str, filtered: int
) -> None:
    path = asked.replace("provider_id=rival", f"provider_id={rival.provider.id}")
    path = path.replace("region_id=rival", f"region_id={rival.region.id}")
    body = (await owner.get(f"/{path.replace('?', '/search?')}")).json()
    assert [row["code"] for row in body["rows"]] == codes.split()
    assert body["filtered_count"] == filtered


@pytest.mark.parametrize("kind", ["providers", "regions", "zones", "instance_types"])
async def test_a_search_can_be_walked_by_cursor_and_by_offset(
    owner: httpx.AsyncClient, rival: Market, kind: str
) -> None:
    path = f"/{kind}/search"
    whole = (await owner.get(path, params={"order_by": "code"})).json()["rows"]
    seen: list[Any] = []
    params: Json = {"order_by": "code", "limit": 1}
    while True:
        page = (await owner.get(path, params=params)).json()
        offset: Json = {"order_by": "code", "limit": 1, "offset": len(seen)}
        assert page["offset"] == len(seen)
        assert (await owner.get(path, params=offset)).json()["rows"] == page["rows"]
        seen += page["rows"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == whole


@pytest.mark.parametrize(
    "query",
    [
        "limit=x", "limit=", "offset=x", "is_active=maybe", "is_active=", "provider_id=1",
        "cursor=nonsense", "order_dir=desc&cursor=W10",
    ],
)  # fmt: skip
async def test_a_search_that_cannot_be_understood_is_refused(
    owner: httpx.AsyncClient, market: Market, query: str
) -> None:
    assert (await owner.get(f"/regions/search?{query}")).status_code == 400


async def test_bounds_are_kept_and_said(owner: httpx.AsyncClient, market: Market) -> None:
    body = (await owner.get("/zones/search?offset=-3&limit=5000")).json()
    assert (body["offset"], body["limit"]) == (0, 1000)
    body = (await owner.get("/zones/search?limit=0&q=%00")).json()
    assert (body["limit"], body["rows"]) == (1, [])


async def test_prices_are_listed_newest_first(
    root: httpx.AsyncClient, market: Market, clock: ManualClock
) -> None:
    path = f"/instance_types/{market.kind.id}"
    for price in (1.5, None, None):
        clock.advance(timedelta(hours=1))
        await root.put(path, json={"cost_per_hour": price})
    prices = (await root.get(f"{path}/prices")).json()
    instants = ["2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z", "2026-01-01T14:00:00Z"]
    assert prices == [
        {"cost_per_hour": None, "valid_from": instants[2], "valid_until": None},
        {"cost_per_hour": 1.5, "valid_from": instants[1], "valid_until": instants[2]},
        {"cost_per_hour": 0.75, "valid_from": instants[0], "valid_until": instants[1]},
    ]
    assert (await root.get(f"{path}/prices?limit=-1")).json() == prices[:1]
    unknown = await root.get(f"/instance_types/{a_number()}/prices")
    assert (unknown.status_code, unknown.json()["message"]) == (404, "instance_type_not_found")


async def test_what_is_exported_changes_nothing_when_it_is_imported(
    application: Application, root: httpx.AsyncClient
) -> None:
    await application.seed_catalog()(actor=PLATFORM)
    document = (await root.get("/catalog/export")).json()
    assert [provider["code"] for provider in document["providers"]] == ["mock", "ovh", "scaleway"]
    kinds = document["providers"][2]["instance_types"]
    assert next(kind for kind in kinds if kind["code"] == "L40S-1-48G") == {
        "code": "L40S-1-48G", "name": "L40S-1-48G", "gpu_count": 1, "vram_per_gpu_gb": 48,
        "cpu_count": 8, "ram_gb": 96, "bandwidth_bps": 2_500_000_000, "cost_per_hour": 1.3999,
        "is_active": True, "allocation_params": {}, "zones": ["fr-par-2"],
        "volume_cost_per_gb_month": None,
    }  # fmt: skip
    answer = await root.post("/catalog/import", json=document)
    assert (answer.status_code, answer.json()) == (200, {"changes": []})


async def test_an_import_says_what_it_has_changed(root: httpx.AsyncClient, market: Market) -> None:
    kind = {"code": market.kind.code, "cost_per_hour": 0.8, "sold_out_zones": ["local"]}
    document = {"providers": [{"code": "mock", "instance_types": [kind]}]}
    changes = (await root.post("/catalog/import", json=document)).json()["changes"]
    code = f"mock/{market.kind.code}"
    assert changes == [
        {"action": "updated", "entry": "instance_type", "code": code,
         "before": {"cost_per_hour": 0.75}, "after": {"cost_per_hour": 0.8}},
        {"action": "zones_set", "entry": "instance_type", "code": code,
         "before": {"local": True}, "after": {"local": False}},
    ]  # fmt: skip
    assert (await root.get(f"/zones/{market.zone.id}/instance_types")).json() == []


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], ""),
        ({}, ""),
        ({"providers": 5}, "providers"),
        ({"providers": [{}]}, "providers[0]"),
        ({"providers": [{"code": "a", "typo": 1}]}, "providers[0]"),
        ({"providers": [{"code": "a", "name": None}]}, "providers[0].name"),
        ({"providers": [{"code": "mock", "instance_types": [{"code": "a", "gpu_count": "x"}]}]},
         "providers[0].instance_types[0].gpu_count"),
        ({"providers": [{"code": "new"}, {"code": "mock", "regions": [{"code": "r", "name": ""}]}]},
         "providers[1].regions[0].name"),
    ],
)  # fmt: skip
async def test_a_bad_document_is_refused_with_the_place_and_changes_nothing(
    root: httpx.AsyncClient, market: Market, document: Any, place: str
) -> None:
    before = (await root.get("/catalog/export")).json()
    answer = await root.post("/catalog/import", json=document)
    body = answer.json()
    assert (answer.status_code, body["message"]) == (400, "import_refused"), body
    assert (body["place"], bool(body["problem"])) == (place, True)
    assert (await root.get("/catalog/export")).json() == before


async def test_lists_without_pages_have_an_end(memory: MemoryAdapters, market: Market) -> None:
    await given(memory.unit_of_work(), *(a_provider() for _ in range(3)))
    queries = memory.catalog_queries()
    assert len(await queries.providers(limit=2)) == 2
