"""``/models``, through the real application, over memory."""

from datetime import timedelta

import httpx
import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_http.container import MemoryAdapters
from tests.builders import Market, a_model, a_number, a_provider, an_instance_type, given
from tests.core.models.published import LLAMA_8B
from tests.http.conftest import Json, SignIn


@pytest.fixture
async def models(memory: MemoryAdapters) -> None:
    await given(
        memory.unit_of_work(),
        a_model(model_id="x/beta", required_vram_gb=10),
        a_model(model_id="y/alpha", required_vram_gb=30),
        a_model(model_id="z/gamma", required_vram_gb=20, is_active=False),
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "alpha beta gamma"),
        ({"order_dir": "DESC"}, "gamma beta alpha"),
        ({"order_dir": "down"}, "alpha beta gamma"),
        ({"order_by": "model_id"}, "beta alpha gamma"),
        ({"order_by": "required_vram_gb"}, "beta gamma alpha"),
        ({"order_by": "required_vram_gb", "order_dir": "desc"}, "alpha gamma beta"),
        ({"order_by": "is_active"}, "gamma beta alpha"),
        ({"order_by": "Model_Id"}, "alpha beta gamma"),  # the name has to be exact
        ({"order_by": ""}, "alpha beta gamma"),
        ({"active": "true"}, "alpha beta"),
        ({"active": "false"}, "alpha beta gamma"),
    ],
)
async def test_models_come_in_the_order_that_was_asked_for(
    owner: httpx.AsyncClient, models: None, params: Json, expected: str
) -> None:
    answer = await owner.get("/models", params=params)
    assert [model["name"] for model in answer.json()] == expected.split()


async def test_a_model_has_the_fields_that_clients_know(
    memory: MemoryAdapters, sign_in: SignIn
) -> None:
    model = a_model(model_id="acme/tiny")
    await given(memory.unit_of_work(), model)
    client = await sign_in("loner")
    expected = {
        "id": str(model.id),
        "name": "tiny",
        "model_id": "acme/tiny",
        "required_vram_gb": 16,
        "context_length": 8192,
        "is_active": True,
        "data_volume_gb": None,
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "metadata": {},
        "architecture": None,
    }
    assert (await client.get("/models")).json() == [expected]
    assert (await client.get(f"/models/{model.id}")).json() == expected


NEW: Json = {
    "name": "Chat",
    "model_id": "acme/chat",
    "required_vram_gb": 16,
    "context_length": 8192,
}


async def test_a_model_is_added_with_what_it_takes_and_no_more(root: httpx.AsyncClient) -> None:
    answer = await root.post("/models", json=NEW)
    assert answer.status_code == 201
    model = answer.json()
    assert model == NEW | {
        "id": model["id"],
        "is_active": True,
        "data_volume_gb": None,
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "metadata": {},
        "architecture": None,
    }
    assert (await root.get(f"/models/{model['id']}")).json() == model


async def test_a_model_is_added_with_all_there_is(root: httpx.AsyncClient) -> None:
    more = {"is_active": False, "data_volume_gb": 7, "metadata": {"licence": "mit"}}
    model = (await root.post("/models", json={**NEW, **more, "config": LLAMA_8B.config})).json()
    assert model.items() >= more.items()
    assert (model["architecture"]["family"], model["architecture"]["layers"]) == ("llama", 32)
    nulls = {"is_active": None, "data_volume_gb": None, "metadata": None, "config": None}
    other = (await root.post("/models", json={**NEW, **nulls, "model_id": "acme/other"})).json()
    assert (other["is_active"], other["metadata"]) == (True, {})


@pytest.fixture
async def chat(root: httpx.AsyncClient) -> str:
    """The address of a model with all there is."""
    more = {"data_volume_gb": 7, "metadata": {"a": 1}, "config": LLAMA_8B.config}
    return f"/models/{(await root.post('/models', json=NEW | more)).json()['id']}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "Talk"}, {"name": "Talk"}),
        ({"model_id": "acme/talk"}, {"model_id": "acme/talk"}),
        (
            {"required_vram_gb": 0, "context_length": 1},
            {"required_vram_gb": 0, "context_length": 1},
        ),
        ({"is_active": False}, {"is_active": False}),
        ({"data_volume_gb": None}, {"data_volume_gb": None}),
        ({"data_volume_gb": 0}, {"data_volume_gb": 0}),
        ({"metadata": None}, {"metadata": {}}),
        ({"metadata": {"b": [2]}}, {"metadata": {"b": [2]}}),
        ({"config": None}, {"architecture": None}),
        ({}, {}),
        (
            dict.fromkeys(["name", "model_id", "required_vram_gb", "context_length", "is_active"]),
            {},
        ),
        ({"nobody_knows": 1}, {}),
    ],
)
async def test_what_is_absent_stays_and_null_clears_what_can_be_empty(
    root: httpx.AsyncClient, clock: ManualClock, chat: str, changes: Json, expected: Json
) -> None:
    before = (await root.get(chat)).json()
    clock.advance(timedelta(minutes=1))
    answer = await root.put(chat, json=changes)
    assert answer.status_code == 200
    assert answer.json() == {**before, **expected, "updated_at": "2026-01-01T12:01:00Z"}
    assert (await root.get(chat)).json() == answer.json()


async def test_the_body_of_the_console_is_understood(root: httpx.AsyncClient, chat: str) -> None:
    body = NEW | {"data_volume_gb": None, "is_active": False}
    assert (await root.put(chat, json=body)).status_code == 200
    assert (await root.put(chat, json={"is_active": True})).json()["is_active"] is True


async def test_a_deleted_model_is_gone(root: httpx.AsyncClient, chat: str) -> None:
    answer = await root.delete(chat)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    for method in ("GET", "PUT", "DELETE"):
        again = await root.request(method, chat, json={} if method == "PUT" else None)
        assert (again.status_code, again.json()["error"]) == (404, "not_found")


async def test_a_model_that_an_instance_has_is_not_deleted(
    root: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    await given(memory.unit_of_work(), market.instance())
    answer = await root.delete(f"/models/{market.model.id}")
    assert answer.status_code == 409
    assert answer.json().items() >= {"error": "db_error", "message": "model_in_use"}.items()
    assert "switch it off" in answer.json()["detail"]
    assert (await root.get(f"/models/{market.model.id}")).status_code == 200


async def test_a_public_name_that_is_taken_is_a_conflict(
    root: httpx.AsyncClient, chat: str
) -> None:
    other = (await root.post("/models", json=NEW | {"model_id": "acme/other"})).json()
    for answer in (
        await root.post("/models", json=NEW),
        await root.put(f"/models/{other['id']}", json={"model_id": "acme/chat"}),
    ):
        assert answer.status_code == 409
        body = answer.json()
        assert (body["error"], body["message"], body["model_id"]) == (
            "db_error", "model_id_taken", "acme/chat",
        )  # fmt: skip


@pytest.mark.parametrize("path", ["", "/fit", "/recommended-data-volume"])
@pytest.mark.parametrize(
    ("id", "status", "code"),
    [("7", 400, "invalid_id"), (str(a_number()), 404, "not_found"), ("x" * 40, 400, "invalid_id")],
)
async def test_an_id_that_is_none_or_nobodys_is_told_apart(
    root: httpx.AsyncClient, path: str, id: str, status: int, code: str
) -> None:
    answer = await root.get(f"/models/{id}{path}")
    assert (answer.status_code, answer.json()["error"]) == (status, code)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_an_id_that_is_none_is_refused_when_something_is_to_change(
    root: httpx.AsyncClient, method: str
) -> None:
    answer = await root.request(method, "/models/7", json={} if method == "PUT" else None)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_id")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"model_id": "x" * 256}, "model_id"),
        ({"required_vram_gb": -1}, "required_vram_gb"),
        ({"context_length": 0}, "context_length"),
        ({"data_volume_gb": -1}, "data_volume_gb"),
        ({"metadata": {"x": "y" * 20_000}}, "metadata"),
        ({"metadata": {"x": "\0"}}, "metadata"),
        ({"config": {"model_type": "llama"}}, "hidden_size"),
    ],
)
async def test_a_field_that_cannot_be_is_named(
    root: httpx.AsyncClient, chat: str, change: Json, field: str
) -> None:
    for answer in (
        await root.post("/models", json=NEW | {"model_id": "acme/new"} | change),
        await root.put(chat, json=change),
    ):
        assert answer.status_code == 400
        assert answer.json()["field"] == field
        assert field in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {key: value for key, value in NEW.items() if key != "name"},
        NEW | {"required_vram_gb": "many"},
        NEW | {"context_length": None},
        NEW | {"metadata": [1]},
        NEW | {"is_active": "perhaps"},
    ],
)
async def test_a_body_of_the_wrong_shape_is_refused(root: httpx.AsyncClient, body: Json) -> None:
    assert (await root.post("/models", json=body)).status_code == 422


async def test_only_administrators_of_the_platform_change_models(
    owner: httpx.AsyncClient, root: httpx.AsyncClient, chat: str
) -> None:
    for answer in (
        await owner.post("/models", json=NEW | {"model_id": "acme/own"}),
        await owner.put(chat, json={"name": "Mine"}),
        await owner.delete(chat),
    ):
        assert answer.status_code == 403
        assert answer.json()["message"] == "admin_required"
    assert (await owner.get(chat)).json()["name"] == "Chat"
    assert len((await root.get("/models")).json()) == 1


async def test_what_was_done_is_in_the_books_of_the_platform(
    root: httpx.AsyncClient, chat: str
) -> None:
    await root.put(chat, json={"name": "Talk"})
    await root.delete(chat)
    logged = (await root.get("/platform/action_logs")).json()
    kinds = {row["action_type"]: row["metadata"] for row in logged}
    assert kinds.keys() >= {"MODEL_CREATED", "MODEL_UPDATED", "MODEL_DELETED"}
    updated = kinds["MODEL_UPDATED"]
    assert (updated["before"], updated["after"]) == ({"name": "Chat"}, {"name": "Talk"})
    assert kinds["MODEL_CREATED"]["after"]["architecture"]["family"] == "llama"


async def test_models_for_a_type_are_those_that_may_be_deployed_there(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market, models: None
) -> None:
    sky = a_provider(code="sky")
    kind = an_instance_type(sky, gpu_count=2, vram_per_gpu_gb=10)
    await given(memory.unit_of_work(), sky, kind)
    answer = await owner.get(f"/instance_types/{kind.id}/models")
    assert [model["name"] for model in answer.json()] == ["beta", "mock-echo-model"]
    answer = await owner.get(f"/instance_types/{market.kind.id}/models")
    assert [model["name"] for model in answer.json()] == ["mock-echo-model"]
    assert (await owner.get(f"/instance_types/{a_number()}/models")).json() == []
    assert (await owner.get("/instance_types/7/models")).status_code == 400


async def test_the_recommended_volume_has_the_fields_that_clients_know(
    root: httpx.AsyncClient, chat: str
) -> None:
    path = f"{chat}/recommended-data-volume"
    expected = {
        "model_id": "acme/chat",
        "model_name": "Chat",
        "recommended_data_volume_gb": 7,
        "default_gb": 200,
        "stored_data_volume_gb": 7,
    }
    for provider in (str(a_number()), "nonsense", ""):
        assert (await root.get(path, params={"provider_id": provider})).json() == expected
    await root.put(chat, json={"data_volume_gb": None})
    advice = (await root.get(path)).json()
    assert (advice["recommended_data_volume_gb"], advice["stored_data_volume_gb"]) == (80, None)


async def test_the_recommended_volume_starts_from_what_the_organization_has_chosen(
    root: httpx.AsyncClient, owner: httpx.AsyncClient, chat: str, market: Market
) -> None:
    nothing_known = {"data_volume_gb": None, "required_vram_gb": 0, "config": None}
    assert (await root.put(chat, json=nothing_known)).status_code == 200
    path, query = f"{chat}/recommended-data-volume", {"provider_id": str(market.provider.id)}
    chosen = await owner.put(
        f"/providers/{market.provider.id}/params", json={"worker_data_volume_gb_default": 333}
    )
    assert chosen.status_code == 200, chosen.text
    for client, params, default_gb in ((owner, query, 333), (owner, {}, 200), (root, query, 200)):
        advice = (await client.get(path, params=params)).json()
        assert advice["default_gb"] == advice["recommended_data_volume_gb"] == default_gb


async def test_a_search_answers_the_envelope_page_by_page(
    owner: httpx.AsyncClient, models: None
) -> None:
    first = (await owner.get("/models/search", params={"limit": 2})).json()
    assert [row["name"] for row in first["rows"]] == ["alpha", "beta"]
    assert {key: first[key] for key in ("offset", "limit", "total_count", "filtered_count")} == {
        "offset": 0, "limit": 2, "total_count": 3, "filtered_count": 3,
    }  # fmt: skip
    params = {"limit": 2, "cursor": first["next_cursor"]}
    rest = (await owner.get("/models/search", params=params)).json()
    assert [row["name"] for row in rest["rows"]] == ["gamma"]
    assert (rest["offset"], rest["next_cursor"]) == (2, None)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"q": "ETA"}, "beta"),
        ({"q": " y/ "}, "alpha"),
        ({"q": "%"}, ""),
        ({"is_active": "false"}, "gamma"),
        ({"order_by": "required_vram_gb", "order_dir": "desc"}, "alpha gamma beta"),
        ({"order_by": "nothing"}, "alpha beta gamma"),
        ({"offset": 1, "limit": 1}, "beta"),
        ({"offset": -1, "limit": 0}, "alpha"),
    ],
)
async def test_a_search_finds_and_sorts(
    owner: httpx.AsyncClient, models: None, params: Json, expected: str
) -> None:
    found = (await owner.get("/models/search", params=params)).json()
    assert [row["name"] for row in found["rows"]] == expected.split()


async def test_a_cursor_of_another_search_is_refused(
    owner: httpx.AsyncClient, models: None
) -> None:
    cursor = (await owner.get("/models/search", params={"limit": 1})).json()["next_cursor"]
    params = {"cursor": cursor, "order_by": "model_id"}
    answer = await owner.get("/models/search", params=params)
    assert (answer.status_code, answer.json()["message"]) == (400, "cursor_invalid")
