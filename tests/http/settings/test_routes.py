"""Settings, parameters of providers and credentials, through the real application, over memory."""

from typing import Any

import httpx
import pytest

from inventiv_http.container import MemoryAdapters
from tests.builders import Market, a_provider, given
from tests.http.conftest import SignIn

Json = dict[str, Any]


async def test_everybody_can_see_which_settings_there_are(sign_in: SignIn) -> None:
    rows = (await (await sign_in("user")).get("/settings/definitions")).json()
    keys = {row["key"] for row in rows}
    assert "OPENAI_WORKER_STALE_SECONDS" in keys
    for row in rows:
        assert set(row) >= {"key", "scope", "min_int", "max_int", "default_int", "description"}
        assert row["scope"] in {"global", "provider"}


async def test_an_administrator_chooses_a_global_setting_and_takes_it_back(
    root: httpx.AsyncClient,
) -> None:
    async def known() -> Json:
        rows = (await root.get("/settings/global")).json()
        [row] = [row for row in rows if row["key"] == "OPENAI_WORKER_STALE_SECONDS"]
        return dict(row)

    before = await known()
    assert before["value_int"] is None
    body = {"key": "OPENAI_WORKER_STALE_SECONDS", "value_int": 60}
    assert (await root.put("/settings/global", json=body)).status_code == 200
    chosen = await known()
    assert (chosen["value_int"], chosen["effective"]["value"]) == (60, 60)
    assert chosen["effective"]["source"] != before["effective"]["source"]
    for wrong in ({"value_int": 1}, {"value_int": 999_999}, {"value_text": "x"}):
        answer = await root.put("/settings/global", json={"key": body["key"], **wrong})
        assert answer.status_code in {400, 422}, answer.text
    assert await known() == chosen
    unknown = await root.put("/settings/global", json={"key": "NO_SUCH", "value_int": 60})
    assert unknown.status_code in {400, 404, 422}
    assert (await root.put("/settings/global", json={"key": body["key"]})).status_code == 200
    assert await known() == before


@pytest.mark.parametrize("name", ["owner", "admin", "manager", "user", "loner"])
async def test_global_settings_are_the_platform_s(sign_in: SignIn, name: str) -> None:
    body = {"key": "OPENAI_WORKER_STALE_SECONDS", "value_int": 60}
    answer = await (await sign_in(name)).put("/settings/global", json=body)
    assert (answer.status_code, answer.json()["message"]) == (403, "admin_required")


async def test_parameters_of_providers_are_each_organization_s_own(
    sign_in: SignIn, market: Market
) -> None:
    owner, stranger, manager = [await sign_in(who) for who in ("owner", "stranger", "manager")]
    path = f"/providers/{market.provider.id}/params"
    assert (await owner.put(path, json={"worker_vllm_port": 9000})).status_code == 200

    async def port(client: httpx.AsyncClient) -> Any:
        rows = (await client.get("/providers/params")).json()
        [row] = [row for row in rows if row["provider_id"] == str(market.provider.id)]
        return row["worker_vllm_port"]

    assert (await port(owner), await port(manager), await port(stranger)) == (9000, 9000, None)
    assert (await manager.put(path, json={"worker_vllm_port": 1})).status_code == 403
    wrong = await owner.put(path, json={"worker_vllm_port": 70_000})
    assert wrong.status_code in {400, 422}
    await owner.put(path, json={"worker_vllm_port": None})
    assert await port(owner) is None


@pytest.fixture
async def scaleway(market: Market, memory: MemoryAdapters) -> str:
    """A provider that wants credentials."""
    provider = a_provider(code="scaleway")
    await given(memory.unit_of_work(), provider)
    return provider.code


SECRET_KEY = "a-secret-key-that-nobody-may-ever-read-again"


async def test_credentials_are_written_tried_deleted_and_never_read(
    sign_in: SignIn, memory: MemoryAdapters, scaleway: str
) -> None:
    owner, stranger, manager = [await sign_in(who) for who in ("owner", "stranger", "manager")]
    path = f"/providers/{scaleway}/credentials"
    body = {"secret_key": SECRET_KEY, "project_id": "a-project"}
    answer = await owner.put(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["is_configured"]

    seen = [await client.get(path) for client in (owner, manager)]
    seen.append(await owner.get("/action_logs"))
    seen.append(await owner.get("/providers/config-status"))
    assert all(SECRET_KEY not in answer.text for answer in (answer, *seen))
    assert SECRET_KEY not in repr(list(memory.database().tables()))

    def configured(answer: httpx.Response) -> bool:
        [row] = [row for row in answer.json() if row["provider_code"] == scaleway]
        return bool(row["is_configured"])

    assert configured(await owner.get("/providers/config-status"))
    assert not configured(await stranger.get("/providers/config-status"))
    assert (await manager.put(path, json=body)).status_code == 403
    tried = await owner.post(f"{path}/test")
    assert tried.status_code == 200
    assert tried.json()["outcome"] == "unsupported"  # nobody here knows that cloud
    assert (await owner.delete(path)).status_code == 200
    assert not configured(await owner.get("/providers/config-status"))


async def test_half_a_credential_is_said_to_be_half(
    owner: httpx.AsyncClient, scaleway: str
) -> None:
    path = f"/providers/{scaleway}/credentials"
    answer = await owner.put(path, json={"project_id": "a-project"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["is_configured"], answer.json()["missing"]) == (False, ["secret_key"])
    wrong = await owner.put(path, json={"no_such_field": "x"})
    assert wrong.status_code in {400, 422}
