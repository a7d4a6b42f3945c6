"""``/deployments``, through the real application, over memory."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from inventiv_core.instances.entities import Instance
from inventiv_http.container import MemoryAdapters
from tests.builders import (
    Market,
    a_model,
    a_number,
    a_provider,
    a_region,
    a_zone,
    an_instance_type,
    given,
    on_sale,
)
from tests.http.conftest import Json, SignIn

OFF = "off"


@pytest.fixture
async def body(memory: MemoryAdapters, market: Market) -> Json:
    """What works; around it stands what is switched off or does not fit."""
    off = a_provider(code=OFF, is_active=False)
    old_region = a_region(market.provider, code="old", is_active=False)
    sold_out = an_instance_type(market.provider, code="sold-out")
    old = an_instance_type(market.provider, code="old", is_active=False)
    await given(
        memory.unit_of_work(),
        off,
        a_zone(market.region, code=OFF, is_active=False),
        old_region,
        a_zone(old_region, code="in-old-region"),
        sold_out,
        on_sale(sold_out, market.zone, is_available=False),
        old,
        on_sale(old, market.zone),
        an_instance_type(market.provider, code="nowhere"),
    )
    return {
        "provider_code": "mock",
        "zone": market.zone.code,
        "instance_type": market.kind.code,
        "model_id": str(market.model.id),
    }


async def test_a_promise_is_an_instance_that_is_being_provisioned(
    owner: httpx.AsyncClient, body: Json, market: Market
) -> None:
    answer = await owner.post("/deployments", json=body)
    assert answer.status_code == 200
    promised = answer.json()
    assert promised == {
        "status": "accepted",
        "instance_id": promised["instance_id"],
        "message": None,
    }
    instance = (await owner.get(f"/instances/{promised['instance_id']}")).json()
    assert (instance["status"], instance["progress_percent"]) == ("provisioning", 5)
    assert instance["model_id"] == str(market.model.id)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"zone": ""}, "MISSING_PARAMS"),
        ({"zone": "  "}, "MISSING_PARAMS"),
        ({"instance_type": " "}, "MISSING_PARAMS"),
        ({"zone": "", "model_id": None, "provider_code": "nobody"}, "MISSING_PARAMS"),
        ({"model_id": None}, "MISSING_MODEL"),
        ({"model_id": None, "provider_code": "nobody"}, "MISSING_MODEL"),
        ({"provider_code": "nobody"}, "INVALID_PROVIDER"),
        ({"provider_code": OFF}, "INVALID_PROVIDER"),
        ({"provider_code": None}, "INVALID_PROVIDER"),  # scaleway, which is not there
        ({"provider_id": str(UUID(int=9))}, "INVALID_PROVIDER"),  # wins over the right code
        ({"zone": "nowhere"}, "INVALID_ZONE"),
        ({"zone": OFF}, "INVALID_ZONE"),
        ({"zone": "in-old-region"}, "INVALID_ZONE"),
        ({"instance_type": "unheard-of"}, "INVALID_INSTANCE_TYPE"),
        ({"instance_type": "sold-out"}, "INVALID_INSTANCE_TYPE"),
        ({"instance_type": "old"}, "INVALID_INSTANCE_TYPE"),
        ({"instance_type": "nowhere"}, "INVALID_INSTANCE_TYPE"),
        ({"model_id": str(UUID(int=9))}, "INVALID_MODEL"),
    ],
)
async def test_a_refusal_has_the_code_that_clients_know_and_leaves_only_a_log(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: Json, wrong: Json, code: str
) -> None:
    await refused(owner, memory, body | wrong, code)


async def refused(client: httpx.AsyncClient, memory: MemoryAdapters, body: Json, code: str) -> Json:
    """Require a refusal, and nothing of it but an action that failed."""
    answer = await client.post("/deployments", json=body)
    assert answer.status_code == 400, answer.text
    refusal: Json = answer.json()
    assert (refusal["status"], refusal["error_code"]) == ("failed", code)
    assert " " in refusal["message"]
    assert not memory.database().table(Instance)
    [log] = (await client.get("/action_logs")).json()
    assert (log["action_type"], log["status"]) == ("REQUEST_CREATE", "failed")
    assert log["instance_id"] == refusal["instance_id"]
    assert log["error_message"] == refusal["message"]
    assert log["metadata"]["error_code"] == log["error_code"] == code
    return refusal


async def test_the_console_finds_the_words_it_looks_for(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: Json
) -> None:
    del body["model_id"]
    refusal = await refused(owner, memory, body, "MISSING_MODEL")
    assert "Missing model_id" in refusal["message"]


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (a_model(model_id="mock-two", is_active=False), "INVALID_MODEL"),
        (a_model(model_id="acme/large", required_vram_gb=1), "INCOMPATIBLE_MODEL_INSTANCE"),
    ],
)
async def test_models_that_are_off_or_do_not_fit_are_refused(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: Json, model: Any, code: str
) -> None:
    await given(memory.unit_of_work(), model)
    await refused(owner, memory, body | {"model_id": str(model.id)}, code)


async def test_a_refusal_has_its_facts_beside_it(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: Json
) -> None:
    large = a_model(required_vram_gb=25)
    await given(memory.unit_of_work(), large)
    answer = await owner.post("/deployments", json=body | {"model_id": str(large.id)})
    refusal = answer.json()
    assert refusal == {
        "status": "failed",
        "instance_id": refusal["instance_id"],
        "message": "The model does not fit on this instance type.",
        "error": "deployment_refused",
        "error_code": "INCOMPATIBLE_MODEL_INSTANCE",
        "needed_gb": 25,
        "offered_gb": 24,
        "request_id": answer.headers["x-request-id"],
    }


async def test_a_provider_may_be_named_loosely_or_by_its_id(
    owner: httpx.AsyncClient, body: Json, market: Market
) -> None:
    for provider in (
        {"provider_code": "  MOCK "},
        {"provider_id": str(market.provider.id), "provider_code": "nobody"},
        {"zone": " local ", "instance_type": f" {market.kind.code} "},
    ):
        answer = await owner.post("/deployments", json=body | provider)
        assert answer.status_code == 200, answer.text


async def test_a_request_without_a_provider_means_scaleway(
    memory: MemoryAdapters, owner: httpx.AsyncClient
) -> None:
    market = Market("scaleway")
    await given(memory.unit_of_work(), *market.everything)
    body = {
        "zone": market.zone.code,
        "instance_type": market.kind.code,
        "model_id": str(market.model.id),
    }
    for blank in ({}, {"provider_code": None}, {"provider_code": " "}):
        assert (await owner.post("/deployments", json=body | blank)).status_code == 200


async def test_nothing_is_rented_for_people_without_an_organization(
    memory: MemoryAdapters, sign_in: SignIn, body: Json
) -> None:
    answer = await (await sign_in("loner")).post("/deployments", json=body)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "NO_CURRENT_ORGANIZATION"
    assert answer.json()["status"] == "failed"
    assert not memory.database().table(Instance)


@pytest.mark.parametrize(("name", "status"), [("admin", 200), ("manager", 403), ("user", 403)])
async def test_owners_and_administrators_may_deploy(
    memory: MemoryAdapters, sign_in: SignIn, body: Json, name: str, status: int
) -> None:
    answer = await (await sign_in(name)).post("/deployments", json=body)
    assert answer.status_code == status
    assert len(memory.database().table(Instance)) == (status == 200)


async def test_a_body_that_cannot_be_read_leaves_nothing_at_all(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: Json
) -> None:
    wrongs: list[Json] = [
        {"zone": 1}, {"model_id": "x"}, {"provider_id": "x"}, {"provider_code": []}
    ]  # fmt: skip
    for wrong in wrongs:
        assert (await owner.post("/deployments", json=body | wrong)).status_code == 422
    assert not memory.database().table(Instance)
    assert (await owner.get("/action_logs")).json() == []


async def test_each_promise_is_another_instance(owner: httpx.AsyncClient, body: Json) -> None:
    ids = {(await owner.post("/deployments", json=body)).json()["instance_id"] for _ in range(3)}
    assert len(ids) == 3
    assert str(a_number()) not in ids


async def test_a_request_that_is_sent_again_makes_one_instance(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: Json
) -> None:
    headers = {"Idempotency-Key": "made-by-the-client"}
    first = await owner.post("/deployments", json=body, headers=headers)
    again = await owner.post("/deployments", json=body, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(memory.database().table(Instance)) == 1
    assert len((await owner.get("/action_logs")).json()) == 1


async def test_a_key_is_for_one_request_only(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, memory: MemoryAdapters, body: Json
) -> None:
    headers = {"Idempotency-Key": "k"}
    await owner.post("/deployments", json=body, headers=headers)
    answer = await owner.post("/deployments", json=body | {"zone": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (409, "idempotency_key_reused")
    theirs = await stranger.post("/deployments", json=body | {"zone": "x"}, headers=headers)
    assert theirs.json()["error_code"] == "INVALID_ZONE"
    assert len(memory.database().table(Instance)) == 1


async def test_a_refusal_is_not_remembered(owner: httpx.AsyncClient, body: Json) -> None:
    headers = {"Idempotency-Key": "k"}
    refused = await owner.post("/deployments", json=body | {"zone": "x"}, headers=headers)
    assert refused.status_code == 400
    assert (await owner.post("/deployments", json=body, headers=headers)).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "caf\u00e9"])
async def test_a_key_that_is_none_is_refused(
    owner: httpx.AsyncClient, memory: MemoryAdapters, body: Json, key: str
) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = await owner.post("/deployments", json=body, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["message"]) == (400, "idempotency_key_invalid")
    assert not memory.database().table(Instance)
