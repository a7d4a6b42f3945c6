"""Quotas, through the real application, over memory."""

from typing import Any

import httpx
import pytest

from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, Market, a_number
from tests.http.conftest import SignIn

UNLIMITED = {"instances": None, "gpus": None, "eur_per_hour": None}


async def test_an_organization_sees_what_it_may_have_and_has(
    root: httpx.AsyncClient, sign_in: SignIn, market: Market
) -> None:
    user, owner = await sign_in("user"), await sign_in("owner")
    nothing = {"instances": 0, "gpus": 0, "eur_per_hour": 0.0}
    assert (await user.get("/organizations/current/quota")).json() == {
        "quota": UNLIMITED,
        "in_use": nothing,
    }
    quota = {"instances": 1, "gpus": None, "eur_per_hour": 2.5}
    answer = await root.put(f"/organizations/{ACME}/quota", json=quota)
    assert (answer.status_code, answer.json()) == (200, quota)
    body = {
        "provider_code": market.provider.code,
        "zone": market.zone.code,
        "instance_type": market.kind.code,
        "model_id": str(market.model.id),
    }
    assert (await owner.post("/deployments", json=body)).status_code == 200
    answer = await owner.post("/deployments", json=body)
    refusal = answer.json()
    assert (answer.status_code, refusal["error_code"]) == (400, "QUOTA_EXCEEDED")
    assert (refusal["limit"], refusal["allowed"], refusal["in_use"]) == ("instances", 1, 1)
    assert (await user.get("/organizations/current/quota")).json() == {
        "quota": quota,
        "in_use": {"instances": 1, "gpus": 1, "eur_per_hour": 0.75},
    }


async def test_setting_a_quota_is_in_the_books(
    root: httpx.AsyncClient, owner: httpx.AsyncClient
) -> None:
    await root.put(f"/organizations/{ACME}/quota", json={"instances": 1})
    [log] = (await owner.get("/action_logs?action_type=QUOTA_SET")).json()
    assert log["actor_name"] == "root"
    assert log["metadata"] == {
        "subject": {"type": "organization", "id": str(ACME), "name": "Acme"},
        "before": UNLIMITED,
        "after": UNLIMITED | {"instances": 1},
    }


@pytest.mark.parametrize(
    "quota",
    [{"instances": -1}, {"gpus": 1.5}, {"eur_per_hour": -0.01}, {"eur_per_hour": "dear"}, []],
)
async def test_a_limit_that_cannot_be_is_refused(
    root: httpx.AsyncClient, owner: httpx.AsyncClient, quota: Any
) -> None:
    assert (await root.put(f"/organizations/{ACME}/quota", json=quota)).status_code == 422
    assert (await owner.get("/organizations/current/quota")).json()["quota"] == UNLIMITED


async def test_only_administrators_of_the_platform_set_quotas(
    root: httpx.AsyncClient, owner: httpx.AsyncClient, memory: MemoryAdapters
) -> None:
    answer = await owner.put(f"/organizations/{ACME}/quota", json={})
    assert (answer.status_code, answer.json()["message"]) == (403, "admin_required")
    answer = await root.put(f"/organizations/{a_number()}/quota", json={})
    assert (answer.status_code, answer.json()["message"]) == (404, "organization_not_found")
