"""`POST /deployments/plan`, and deployments that apply a plan."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.catalog.entities import InstanceType
from inventiv_http.container import MemoryAdapters
from tests.builders import Market

Json = dict[str, Any]


@pytest.fixture
def wanted(market: Market) -> Json:
    """What is asked for, as the console does."""
    return {
        "provider_code": "mock",
        "zone": "local",
        "instance_type": market.kind.code,
        "model_id": str(market.model.id),
    }


async def planned(client: httpx.AsyncClient, wanted: Json) -> Json:
    answer = await client.post("/deployments/plan", json=wanted)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def test_a_plan_says_what_a_deployment_would_be(
    owner: httpx.AsyncClient, market: Market, wanted: Json
) -> None:
    plan = await planned(owner, wanted)
    assert (plan["zone"], plan["instance_type"]) == ("local", market.kind.code)
    assert plan["expires_at"] == "2026-01-01T12:15:00Z"
    prices = [plan[f"price_per_{period}_eur"] for period in ("hour", "day", "month")]
    assert prices == [0.75, 18.0, 547.5]
    assert plan["quota_effect"] == {
        "quota": {"instances": None, "gpus": None, "eur_per_hour": None},
        "in_use": {"instances": 0, "gpus": 0, "eur_per_hour": 0.0},
        "after": {"instances": 1, "gpus": 1, "eur_per_hour": 0.75},
    }
    assert plan["time_to_ready"] == {"boots": 0, "p50_s": None, "p90_s": None}
    [machine] = plan["fit"]["machines"]
    assert (machine["code"], machine["is_deployable"]) == (market.kind.code, True)
    assert plan["fit"]["terms"]
    assert (await owner.get("/instances")).json() == []


async def test_a_plan_is_applied_by_its_id_alone_or_beside_the_request(
    owner: httpx.AsyncClient, wanted: Json
) -> None:
    plan_id = (await planned(owner, wanted))["plan_id"]
    first = await owner.post("/deployments", json={"plan_id": plan_id})
    again = await owner.post("/deployments", json={**wanted, "plan_id": plan_id})
    assert (first.status_code, first.json()["status"]) == (200, "accepted")
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    [instance] = (await owner.get("/instances")).json()
    assert instance["id"] == first.json()["instance_id"]
    [log] = (await owner.get("/action_logs")).json()
    assert log["metadata"]["plan_id"] == plan_id


async def test_a_price_that_has_changed_is_named(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market, wanted: Json
) -> None:
    plan_id = (await planned(owner, wanted))["plan_id"]
    kinds = memory.database().table(InstanceType)
    kinds[market.kind.id] = replace(market.kind, cost_per_hour=Decimal("0.9000"))
    answer = await owner.post("/deployments", json={"plan_id": plan_id})
    body = answer.json()
    assert (answer.status_code, body["status"]) == (409, "failed")
    assert body["error_code"] == "PLAN_DRIFTED"
    assert body["changes"] == [
        {"field": "price_per_hour_eur", "planned": "0.7500", "now": "0.9000"}
    ]
    [log] = (await owner.get("/action_logs")).json()
    assert (log["status"], log["instance_id"]) == ("failed", body["instance_id"])


async def test_an_old_plan_is_refused(
    owner: httpx.AsyncClient, clock: ManualClock, wanted: Json
) -> None:
    plan_id = (await planned(owner, wanted))["plan_id"]
    clock.advance(timedelta(minutes=15))
    answer = await owner.post("/deployments", json={"plan_id": plan_id})
    assert (answer.status_code, answer.json()["error_code"]) == (409, "PLAN_EXPIRED")


async def test_a_plan_of_somebody_else_is_not_there(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, wanted: Json
) -> None:
    plan_id = (await planned(owner, wanted))["plan_id"]
    answer = await stranger.post("/deployments", json={"plan_id": plan_id})
    assert (answer.status_code, answer.json()["message"]) == (404, "plan_not_found")


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"zone": "none"}, "INVALID_ZONE"), ({"model_id": None}, "MISSING_MODEL")],
)
async def test_what_would_be_refused_is_refused_when_it_is_planned(
    owner: httpx.AsyncClient, wanted: Json, changes: Json, code: str
) -> None:
    answer = await owner.post("/deployments/plan", json=wanted | changes)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)
    assert (await owner.get("/action_logs")).json() == []


@pytest.mark.parametrize("absent", ["zone", "instance_type"])
async def test_without_a_plan_or_with_half_a_request_the_place_is_needed(
    owner: httpx.AsyncClient, wanted: Json, absent: str
) -> None:
    half = {name: value for name, value in wanted.items() if name != absent}
    before = await owner.post("/deployments/plan", json=half)
    without = await owner.post("/deployments", json=half)
    plan_id = (await planned(owner, wanted))["plan_id"]
    beside = await owner.post("/deployments", json={**half, "plan_id": plan_id})
    assert [before.status_code, without.status_code, beside.status_code] == [422] * 3
