"""Writing the catalog, through the real application, over memory."""

from typing import Any

import httpx
import pytest

from inventiv_http.container import MemoryAdapters
from tests.builders import Market, a_number, a_provider, a_region, a_zone, an_instance_type, given
from tests.http.conftest import Json, SignIn

KINDS = ("providers", "regions", "zones", "instance_types")


def bodies(market: Market) -> dict[str, Json]:
    """Return what each kind of entry takes to be added."""
    type_ = {
        "provider_id": str(market.provider.id),
        "name": "New",
        "code": "new",
        "gpu_count": 2,
        "vram_per_gpu_gb": 24,
    }
    return {
        "providers": {"name": "New", "code": "new"},
        "regions": {"provider_id": str(market.provider.id), "name": "New", "code": "new"},
        "zones": {"region_id": str(market.region.id), "name": "New", "code": "new"},
        "instance_types": type_,
    }


def ids(market: Market) -> dict[str, str]:
    return {
        "providers": str(market.provider.id),
        "regions": str(market.region.id),
        "zones": str(market.zone.id),
        "instance_types": str(market.kind.id),
    }


ANSWERS: dict[str, Json] = {
    "providers": {"name": "New", "code": "new", "description": None, "is_active": True},
    "regions": {"name": "New", "code": "new", "is_active": True},
    "zones": {"name": "New", "code": "new", "is_active": True},
    "instance_types": {
        "name": "New", "code": "new", "gpu_count": 2, "vram_per_gpu_gb": 24, "is_active": True,
        "cost_per_hour": None, "cpu_count": 0, "ram_gb": 0, "bandwidth_bps": 0,
        "volume_cost_per_gb_month": None,
    },
}  # fmt: skip


async def row(client: httpx.AsyncClient, kind: str, id: str) -> Json:
    rows: list[Json] = (await client.get(f"/{kind}")).json()
    return next(one for one in rows if one["id"] == id)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_entry_is_added_and_answered_with_its_id(
    root: httpx.AsyncClient, market: Market, kind: str
) -> None:
    body = bodies(market)[kind]
    answer = await root.post(f"/{kind}", json=body | {"unknown": "ignored"})
    assert answer.status_code == 201
    places = {name: value for name, value in body.items() if name.endswith("_id")}
    added = answer.json()
    assert added == {"id": added["id"], **places, **ANSWERS[kind]}
    assert added in (await root.get(f"/{kind}")).json()


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("providers", {"description": "d", "is_active": False}, None),
        ("providers", {"description": None, "is_active": None},
         {"description": None, "is_active": True}),
        ("regions", {"is_active": False}, None),
        ("zones", {"is_active": False}, None),
        ("instance_types",
         {"cpu_count": 1, "ram_gb": 2, "bandwidth_bps": 2_500_000_000, "cost_per_hour": 0.1,
          "is_active": False}, None),
        ("instance_types", {"cost_per_hour": 1}, None),
        ("instance_types", {"volume_cost_per_gb_month": 0.086}, None),
        ("instance_types", {"cost_per_hour": 1.00005}, {"cost_per_hour": 1.0001}),
        ("instance_types", {"cpu_count": None, "cost_per_hour": None},
         {"cpu_count": 0, "cost_per_hour": None}),
    ],
)  # fmt: skip
async def test_all_that_is_sent_of_a_new_entry_is_kept(
    root: httpx.AsyncClient, market: Market, kind: str, sent: Json, kept: Json | None
) -> None:
    answer = await root.post(f"/{kind}", json=bodies(market)[kind] | sent)
    assert answer.status_code == 201
    expected = sent if kept is None else kept
    assert {name: answer.json()[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("providers", {"is_active": False, "code": "c", "name": "n", "description": "d"}),
        ("providers", {"description": None}),
        ("regions", {"is_active": False, "code": "c", "name": "n"}),
        ("zones", {"is_active": False, "code": "c", "name": "n"}),
        ("instance_types", {
            "is_active": False, "code": "c", "name": "n", "gpu_count": 8, "vram_per_gpu_gb": 80,
            "cpu_count": 9, "ram_gb": 10, "bandwidth_bps": 11, "cost_per_hour": 12.3456,
        }),
        ("instance_types", {"cost_per_hour": None}),
        ("instance_types", {"is_active": False}),
        ("instance_types", {}),
    ],
)  # fmt: skip
async def test_what_is_sent_of_a_known_entry_is_saved_and_the_rest_stays(
    root: httpx.AsyncClient, market: Market, kind: str, sent: Json
) -> None:
    key = ids(market)[kind]
    before = await row(root, kind, key)
    answer = await root.put(f"/{kind}/{key}", json=sent | {"unknown": "ignored"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert await row(root, kind, key) == before | sent


async def test_null_keeps_what_cannot_be_cleared(root: httpx.AsyncClient, market: Market) -> None:
    for kind, key in ids(market).items():
        before = await row(root, kind, key)
        nothing = dict.fromkeys(before.keys() - {"id", "description", "cost_per_hour"})
        answer = await root.put(f"/{kind}/{key}", json=nothing)
        assert answer.status_code == 200, answer.text
        assert await row(root, kind, key) == before


async def test_places_that_the_console_sends_are_saved(
    memory: MemoryAdapters, root: httpx.AsyncClient, market: Market
) -> None:
    other = a_provider(code="other")
    region = a_region(market.provider, code="second")
    kind = an_instance_type(market.provider, code="second")
    zone = a_zone(market.region, code="second")
    await given(memory.unit_of_work(), other, region, kind, zone)
    for path, sent in (
        (f"zones/{zone.id}", {"region_id": str(region.id), "code": "second", "name": "z"}),
        (f"instance_types/{kind.id}", {"provider_id": str(other.id)}),
    ):
        assert (await root.put(f"/{path}", json=sent)).status_code == 200
        listed, key = path.split("/")
        now = await row(root, listed, key)
        assert now | sent == now
    used = await root.put(f"/regions/{region.id}", json={"provider_id": str(other.id)})
    assert (used.status_code, used.json()["message"]) == (409, "entry_in_use")


async def test_allocation_params_are_kept_and_not_shown(
    memory: MemoryAdapters, root: httpx.AsyncClient, market: Market
) -> None:
    params = {"vllm_image": "a:1", "mock": {"data_volume_gb": 5}}
    path = f"/instance_types/{market.kind.id}"
    for sent in ({"allocation_params": params}, {"name": "n"}, {"allocation_params": None}):
        assert (await root.put(path, json=sent)).status_code == 200
        async with memory.unit_of_work()() as work:
            kind = await work.catalog.get_instance_type(market.kind.id)
        assert kind.allocation_params == params
    assert "allocation_params" not in await row(root, "instance_types", str(market.kind.id))
    refused = await root.put(path, json={"allocation_params": [1]})
    assert refused.status_code == 422


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"code": "x" * 51}, "code"),
        ({"name": "a\0b"}, "name"),
    ],
)
async def test_a_field_that_cannot_be_is_named(
    root: httpx.AsyncClient, market: Market, kind: str, sent: Json, field: str
) -> None:
    before = (await root.get(f"/{kind}")).json()
    for answer in (
        await root.post(f"/{kind}", json=bodies(market)[kind] | sent),
        await root.put(f"/{kind}/{ids(market)[kind]}", json=sent),
    ):
        assert (answer.status_code, answer.json()["message"]) == (400, "field_invalid")
        assert answer.json()["field"] == field
        assert answer.json()["problem"]
    assert (await root.get(f"/{kind}")).json() == before


@pytest.mark.parametrize(
    "sent",
    [
        {"gpu_count": -1}, {"vram_per_gpu_gb": -1}, {"cpu_count": -1}, {"ram_gb": -1},
        {"bandwidth_bps": -1}, {"cost_per_hour": -0.5}, {"gpu_count": 2**31},
        {"bandwidth_bps": 2**63}, {"cost_per_hour": 1e9}, {"allocation_params": {"a": "\0"}},
    ],
)  # fmt: skip
async def test_a_number_that_cannot_be_is_named(
    root: httpx.AsyncClient, market: Market, sent: Json
) -> None:
    [field] = sent
    body = bodies(market)["instance_types"] | sent
    for answer in (
        await root.post("/instance_types", json=body),
        await root.put(f"/instance_types/{market.kind.id}", json=sent),
    ):
        assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("providers", {"name": 5, "code": "c"}),
        ("providers", {"code": "c"}),
        ("regions", {"provider_id": "x", "name": "n", "code": "c"}),
        ("zones", {"name": "n", "code": "c"}),
        ("instance_types", {"gpu_count": "many"}),
    ],
)
async def test_what_is_of_the_wrong_type_or_missing_cannot_be_processed(
    root: httpx.AsyncClient, market: Market, kind: str, sent: Json
) -> None:
    answer = await root.post(f"/{kind}", json=sent)
    assert (answer.status_code, answer.json()["message"]) == (422, "invalid_request")


@pytest.mark.parametrize("kind", KINDS)
async def test_duplicates_are_refused_whether_added_or_renamed(
    root: httpx.AsyncClient, market: Market, kind: str
) -> None:
    first = bodies(market)[kind]
    second = first | {"name": "Second", "code": "second"}
    assert (await root.post(f"/{kind}", json=first)).status_code == 201
    key = (await root.post(f"/{kind}", json=second)).json()["id"]
    for field, other in (("name", "code"), ("code", "name")):
        for answer in (
            await root.post(f"/{kind}", json=first | {other: "third"}),
            await root.put(f"/{kind}/{key}", json={field: first[field]}),
        ):
            assert answer.status_code == 409
            body = answer.json()
            assert (body["error"], body["message"]) == ("conflict", f"{field}_already_exists")
            assert body["field"] == field
            assert "key" not in answer.text  # nor any other word of the database's
    assert (await row(root, kind, key))["name"] == "Second"


@pytest.mark.parametrize("kind", KINDS[1:])
async def test_an_entry_cannot_be_where_nothing_is(
    root: httpx.AsyncClient, market: Market, kind: str
) -> None:
    field = "region_id" if kind == "zones" else "provider_id"
    nowhere = {field: str(a_number())}
    for answer in (
        await root.post(f"/{kind}", json=bodies(market)[kind] | nowhere),
        await root.put(f"/{kind}/{ids(market)[kind]}", json=nowhere),
    ):
        assert answer.status_code in {400, 409}
        assert answer.json()["field"] == field


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_not_there_cannot_be_changed(root: httpx.AsyncClient, kind: str) -> None:
    answer = await root.put(f"/{kind}/{a_number()}", json={"is_active": False})
    assert answer.status_code == 404
    assert (await root.put(f"/{kind}/1", json={})).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
async def test_entries_are_neither_removed_nor_looked_at_alone(
    root: httpx.AsyncClient, market: Market, kind: str
) -> None:
    for method in ("GET", "DELETE"):
        answer = await root.request(method, f"/{kind}/{ids(market)[kind]}")
        assert answer.status_code == 405


@pytest.mark.parametrize("name", ["owner", "loner"])
async def test_who_does_not_run_the_platform_changes_nothing(
    sign_in: SignIn, market: Market, name: str
) -> None:
    client = await sign_in(name)
    calls: list[tuple[str, str, Json]] = [
        *(("POST", f"/{kind}", body) for kind, body in bodies(market).items()),
        *(("PUT", f"/{kind}/{key}", {}) for kind, key in ids(market).items()),
        ("PUT", f"/instance_types/{market.kind.id}/zones", {"zone_ids": []}),
        ("POST", "/catalog/import", {"providers": []}),
        ("POST", "/catalog/sync", {}),
        ("GET", "/catalog/export", {}),
    ]
    for method, path, body in calls:
        answer = await client.request(method, path, json=body)
        assert (answer.status_code, answer.json()["message"]) == (403, "admin_required"), path


async def test_the_zones_of_a_type_are_listed_and_replaced(
    memory: MemoryAdapters, root: httpx.AsyncClient, market: Market
) -> None:
    second = a_zone(market.region, code="a-second")
    await given(memory.unit_of_work(), second)
    path = f"/instance_types/{market.kind.id}/zones"
    shown: list[Any] = [
        {
            "instance_type_id": str(market.kind.id),
            "zone_id": str(zone.id),
            "is_available": True,
            "zone_name": zone.name,
            "zone_code": zone.code,
        }
        for zone in (second, market.zone)  # by name
    ]
    assert (await root.get(path)).json() == [shown[1]]
    for zones, expected in (
        ([market.zone, second], shown),
        ([second, second], shown[:1]),
        ([], []),
    ):
        body = {"zone_ids": [str(zone.id) for zone in zones]}
        answer = await root.put(path, json=body)
        assert (answer.status_code, answer.text) == (200, "OK")
        assert answer.headers["content-type"].startswith("text/plain")
        assert (await root.get(path)).json() == expected
    assert (await root.get(f"/instance_types/{a_number()}/zones")).json() == []


async def test_zones_that_cannot_be_are_told_in_words_and_nothing_is_changed(
    memory: MemoryAdapters, root: httpx.AsyncClient, market: Market
) -> None:
    theirs = Market("other", model_id="other")
    await given(memory.unit_of_work(), *theirs.everything)
    path = f"/instance_types/{market.kind.id}/zones"
    before = (await root.get(path)).json()
    for stranger in (theirs.zone.id, a_number()):
        body = {"zone_ids": [str(market.zone.id), str(stranger)]}
        answer = await root.put(path, json=body)
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/plain")
        assert "own provider" in answer.text
    unknown = await root.put(f"/instance_types/{a_number()}/zones", json={"zone_ids": []})
    assert (unknown.status_code, unknown.text) == (404, "There is no such instance type.")
    assert (await root.get(path)).json() == before


async def test_what_was_done_is_in_the_platforms_books(
    root: httpx.AsyncClient, market: Market
) -> None:
    for kind, body in bodies(market).items():
        await root.post(f"/{kind}", json=body)
    for kind, key in ids(market).items():
        await root.put(f"/{kind}/{key}", json={"is_active": False})
    await root.put(f"/instance_types/{market.kind.id}/zones", json={"zone_ids": []})
    logs = (await root.get("/platform/action_logs")).json()
    names = ["PROVIDER", "REGION", "ZONE", "INSTANCE_TYPE"]
    assert [log["action_type"] for log in reversed(logs)][-9:] == [
        *(f"{name}_CREATED" for name in names),
        *(f"{name}_UPDATED" for name in names),
        "INSTANCE_TYPE_ZONES_SET",
    ]
    assert logs[0]["actor_name"] == "root"
    updated = next(log for log in logs if log["action_type"] == "PROVIDER_UPDATED")
    assert updated["metadata"]["before"] == {"is_active": True}
    assert updated["metadata"]["after"] == {"is_active": False}
