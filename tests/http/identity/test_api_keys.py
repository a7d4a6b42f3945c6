"""``/api_keys``, and calls with keys, through the real application, over memory."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import InstanceStatus
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import ACME, NOON, Market, a_number, a_worker, given
from tests.http.conftest import SignIn, client_of

Json = dict[str, Any]


async def make(client: httpx.AsyncClient, name: str = "k", **scope: Any) -> Json:
    answer = await client.post("/api_keys", json={"name": name, **scope})
    assert answer.status_code == 200, answer.text
    made: Json = answer.json()
    return made


async def test_a_key_is_made_for_the_present_workspace_and_shown_once(
    owner: httpx.AsyncClient,
) -> None:
    made = await make(owner, " build server ")
    key = made["key"]
    assert key == {
        "id": key["id"],
        "name": "build server",
        "key_prefix": made["api_key"][:12],
        "created_at": "2026-01-01T12:00:00Z",
        "last_used_at": None,
        "revoked_at": None,
        "expires_at": None,
        "models": None,
        "permissions": None,
        "organization_id": str(ACME),
        "organization_name": "Acme",
    }
    listed = await owner.get("/api_keys")
    assert listed.json() == [key]
    found = (await owner.get("/api_keys/search")).json()
    assert found == {
        "offset": 0,
        "limit": 200,
        "total_count": 1,
        "filtered_count": 1,
        "rows": [key],
        "next_cursor": None,
    }
    assert made["api_key"] not in listed.text + (await owner.get("/action_logs")).text


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"name": " "}, 400, "name_required"),
        ({"name": "x" * 101}, 400, "name_too_long"),
        ({}, 422, "invalid_request"),
        ({"name": "k", "expires_at": "2026-01-01T12:00:00Z"}, 400, "expiry_passed"),
        ({"name": "k", "models": []}, 400, "key_models_invalid"),
        ({"name": "k", "permissions": ["manage_users"]}, 400, "key_permissions_invalid"),
        ({"name": "k", "permissions": ["no such"]}, 422, "invalid_request"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    owner: httpx.AsyncClient, body: Json, status: int, message: str
) -> None:
    answer = await owner.post("/api_keys", json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    assert (await owner.get("/api_keys")).json() == []


async def test_a_key_is_changed_and_ended_with_empty_answers(owner: httpx.AsyncClient) -> None:
    key_id = (await make(owner, models=["a"]))["key"]["id"]
    answer = await owner.put(
        f"/api_keys/{key_id}", json={"name": "n", "expires_at": "2026-01-02T00:00:00"}
    )
    assert (answer.status_code, answer.content) == (200, b"")
    [row] = (await owner.get("/api_keys")).json()
    assert (row["name"], row["expires_at"], row["models"]) == ("n", "2026-01-02T00:00:00Z", ["a"])
    await owner.put(f"/api_keys/{key_id}", json={"expires_at": None, "models": None})
    [row] = (await owner.get("/api_keys")).json()
    assert (row["name"], row["expires_at"], row["models"]) == ("n", None, None)
    answer = await owner.delete(f"/api_keys/{key_id}")
    assert (answer.status_code, answer.content) == (200, b"")
    for again in (
        await owner.delete(f"/api_keys/{key_id}"),
        await owner.put(f"/api_keys/{key_id}", json={"name": "n"}),
        await owner.delete(f"/api_keys/{a_number()}"),
    ):
        assert (again.status_code, again.json()["error"]) == (404, "not_found")
    [row] = (await owner.get("/api_keys")).json()
    assert row["revoked_at"] == "2026-01-01T12:00:00Z"


async def test_what_others_have_is_not_there(sign_in: SignIn) -> None:
    owner, admin = await sign_in("owner"), await sign_in("admin")
    key_id = (await make(owner))["key"]["id"]
    assert (await admin.get("/api_keys")).json() == []
    assert (await admin.delete(f"/api_keys/{key_id}")).status_code == 404
    [row] = (await owner.get("/api_keys")).json()
    assert row["revoked_at"] is None


async def test_the_organization_sees_its_keys_and_administrators_end_them(sign_in: SignIn) -> None:
    user, admin, manager = [await sign_in(name) for name in ("user", "admin", "manager")]
    stranger, loner = await sign_in("stranger"), await sign_in("loner")
    key = (await make(user))["key"]
    await make(loner)
    path = "/organizations/current/api_keys"
    [row] = (await manager.get(path)).json()
    assert (row["key"], row["username"]) == (key, "user")
    assert (await stranger.get(path)).json() == []
    assert (await loner.get(path)).status_code == 400
    for client, status in ((manager, 403), (user, 403), (stranger, 404), (admin, 200)):
        assert (await client.delete(f"{path}/{key['id']}")).status_code == status
    [row] = (await user.get("/api_keys")).json()
    assert row["revoked_at"] is not None


@pytest.fixture
async def served(memory: MemoryAdapters, application: Application, market: Market) -> str:
    """Have a model served for ACME."""
    instance = market.instance(status=InstanceStatus.READY, ip_address="127.0.0.1")
    await given(memory.unit_of_work(), instance, a_worker(instance, vllm_port=9))
    await application.refresh_routes()(actor=PLATFORM)
    return market.model.model_id


async def models(app: Litestar, **headers: str) -> tuple[int, list[str]]:
    """Return the status, and the models that a caller sees."""
    async with client_of(app, headers=headers) as client:
        answer = await client.get("/v1/models")
    return answer.status_code, [row["id"] for row in answer.json().get("data", [])]


async def test_a_key_opens_the_gateway_and_nothing_else(
    app: Litestar, owner: httpx.AsyncClient, served: str
) -> None:
    key = (await make(owner))["api_key"]
    bearer = {"Authorization": f"Bearer {key}"}
    assert await models(app, **bearer) == (200, [served])
    assert await models(app, **{"X-API-Key": key}) == (200, [served])
    async with client_of(app, headers=bearer) as client:
        for path in ("/auth/me", "/instances", "/api_keys"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["message"]) == (401, "invalid_token")
        answer = await client.get("/v1/models", headers={"Authorization": "Bearer sk-inv-0"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "api_key_or_login_required"


async def test_a_key_that_ends_stops_at_once_where_the_news_is_heard(
    app: Litestar, application: Application, owner: httpx.AsyncClient, served: str
) -> None:
    made = await make(owner)
    bearer = {"Authorization": f"Bearer {made['api_key']}"}
    assert (await models(app, **bearer))[0] == 200
    await owner.delete(f"/api_keys/{made['key']['id']}")
    await application.relay_events()(actor=PLATFORM)
    assert (await models(app, **bearer))[0] == 401


async def test_and_within_the_stated_bound_where_it_is_not(
    app: Litestar, owner: httpx.AsyncClient, clock: ManualClock, served: str
) -> None:
    made = await make(owner)
    bearer = {"Authorization": f"Bearer {made['api_key']}"}
    await models(app, **bearer)
    await owner.delete(f"/api_keys/{made['key']['id']}")
    clock.advance(timedelta(seconds=5))
    assert (await models(app, **bearer))[0] == 401


async def test_a_removed_member_s_keys_end(
    app: Litestar, application: Application, sign_in: SignIn, served: str
) -> None:
    owner, user = await sign_in("owner"), await sign_in("user")
    bearer = {"Authorization": f"Bearer {(await make(user))['api_key']}"}
    assert (await models(app, **bearer))[0] == 200
    user_id = (await user.get("/auth/me")).json()["user_id"]
    await owner.delete(f"/organizations/current/members/{user_id}")
    await application.relay_events()(actor=PLATFORM)
    assert (await models(app, **bearer))[0] == 401
    [row] = (await user.get("/api_keys")).json()
    assert row["revoked_at"] is not None


async def test_a_key_may_be_for_some_models_only(
    app: Litestar, owner: httpx.AsyncClient, served: str
) -> None:
    key = (await make(owner, models=["acme/other"]))["api_key"]
    bearer = {"Authorization": f"Bearer {key}"}
    assert await models(app, **bearer) == (200, [])
    async with client_of(app, headers=bearer) as client:
        answer = await client.post("/v1/chat/completions", json={"model": served, "messages": []})
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("permission_error", "model_not_allowed")


async def test_a_personal_key_sees_nothing_of_an_organization(
    app: Litestar, sign_in: SignIn, served: str
) -> None:
    key = (await make(await sign_in("loner")))["api_key"]
    assert await models(app, **{"X-API-Key": key}) == (200, [])


async def test_use_is_noted_without_a_write_per_call(
    app: Litestar, application: Application, owner: httpx.AsyncClient, clock: ManualClock
) -> None:
    key = (await make(owner))["api_key"]
    clock.advance(timedelta(minutes=1))
    for _ in range(3):
        await models(app, **{"X-API-Key": key})
    assert await application.store_uses()(actor=PLATFORM) >= 1
    [row] = (await owner.get("/api_keys")).json()
    assert row["last_used_at"] == (NOON + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
