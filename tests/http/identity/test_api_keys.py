"""``/api_keys``, and calls with keys, through the real application, over memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.entities.api_keys import ApiKey, KeyScope
from inventiv_core.identity.events import AccessChanged
from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.kernel.bus import Message
from inventiv_http.container import OUTAGES, Application, MemoryAdapters
from tests.builders import (
    ACME,
    NOON,
    Market,
    a_key,
    a_number,
    a_worker,
    given,
    given_teams,
    key_text,
)
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
        ({"name": "k", "expires_at": "2027-01-01T12:00:00"}, 422, "invalid_request"),
        ({"name": "k", "expires_at": "9999-12-31T23:59:59-01:00"}, 400, "expiry_passed"),
        ({"name": "k", "models": []}, 400, "key_models_invalid"),
        ({"name": "k", "models": ["a\0"]}, 400, "key_models_invalid"),
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
        f"/api_keys/{key_id}", json={"name": "n", "expires_at": "2026-01-02T01:00:00+01:00"}
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


async def test_a_key_that_ends_stops_before_the_answer_of_the_process_that_ends_it(
    app: Litestar, owner: httpx.AsyncClient, served: str
) -> None:
    made = await make(owner)
    bearer = {"Authorization": f"Bearer {made['api_key']}"}
    assert (await models(app, **bearer))[0] == 200
    await owner.delete(f"/api_keys/{made['key']['id']}")
    assert (await models(app, **bearer))[0] == 401


async def elsewhere(memory: MemoryAdapters, key_id: str) -> None:
    """Revoke a key as another process would: this one has not heard of it."""
    key = memory.database().table(ApiKey)[UUID(key_id)]
    memory.database().table(ApiKey)[key.id] = replace(key, revoked_at=NOON)


async def test_and_at_once_elsewhere_where_the_news_is_heard(
    app: Litestar, memory: MemoryAdapters, owner: httpx.AsyncClient, served: str
) -> None:
    made = await make(owner)
    bearer = {"Authorization": f"Bearer {made['api_key']}"}
    await models(app, **bearer)
    await elsewhere(memory, made["key"]["id"])
    assert (await models(app, **bearer))[0] == 200
    user_id = memory.database().table(ApiKey)[UUID(made["key"]["id"])].user_id
    event = AccessChanged(user_id=user_id, occurred_at=NOON)
    await memory.bus().publish([Message(id=1, event=event)])
    assert (await models(app, **bearer))[0] == 401


async def test_and_within_the_stated_bound_where_it_is_not(
    app: Litestar,
    memory: MemoryAdapters,
    owner: httpx.AsyncClient,
    clock: ManualClock,
    served: str,
) -> None:
    made = await make(owner)
    bearer = {"Authorization": f"Bearer {made['api_key']}"}
    await models(app, **bearer)
    await elsewhere(memory, made["key"]["id"])
    clock.advance(timedelta(seconds=5) - timedelta(microseconds=1))
    assert (await models(app, **bearer))[0] == 200
    clock.advance(timedelta(microseconds=1))
    assert (await models(app, **bearer))[0] == 401


async def test_a_key_is_no_cookie_even_when_it_is_known(
    app: Litestar, owner: httpx.AsyncClient, served: str
) -> None:
    key = (await make(owner))["api_key"]
    assert (await models(app, **{"X-API-Key": key}))[0] == 200
    assert (await models(app, cookie=f"inventiv_session={key}"))[0] == 401


async def test_a_key_that_allows_nothing_is_known_and_refused(
    app: Litestar, memory: MemoryAdapters, served: str
) -> None:
    key = a_key(key_text(), scope=KeyScope(permissions=frozenset()))
    await given_teams(memory.unit_of_work(), key)
    assert (await models(app, **{"X-API-Key": key_text()}))[0] == 403


async def test_an_outage_is_an_outage_and_no_refusal(
    app: Litestar, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def out(*_: object, **__: object) -> None:
        raise OUTAGES[0]

    monkeypatch.setattr("inventiv_adapters.identity.memory.api_keys.MemoryApiKeyQueries.find", out)
    async with client_of(app, headers={"X-API-Key": key_text()}) as client:
        answer = await client.get("/v1/models")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "database_unavailable"


async def test_paging_is_clamped_and_sorting_knows_the_name(owner: httpx.AsyncClient) -> None:
    for name in ("b", "a", "c"):
        await make(owner, name)
    for query, names, limit in (
        ({}, ["c", "a", "b"], 200),  # newest first
        ({"sort_by": "name", "sort_dir": "asc"}, ["a", "b", "c"], 200),
        ({"sort_by": "key_hash"}, ["c", "a", "b"], 200),
        ({"limit": "1000"}, ["c", "a", "b"], 500),
        ({"limit": "-3", "offset": "-3"}, ["c"], 1),
        ({"offset": "2"}, ["b"], 200),
    ):
        page = (await owner.get("/api_keys/search", params=query)).json()
        assert ([row["name"] for row in page["rows"]], page["limit"]) == (names, limit)
        assert (page["total_count"], page["filtered_count"]) == (3, 3)


async def test_a_removed_member_s_keys_end(app: Litestar, sign_in: SignIn, served: str) -> None:
    owner, user = await sign_in("owner"), await sign_in("user")
    bearer = {"Authorization": f"Bearer {(await make(user))['api_key']}"}
    assert (await models(app, **bearer))[0] == 200
    user_id = (await user.get("/auth/me")).json()["user_id"]
    await owner.delete(f"/organizations/current/members/{user_id}")
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
