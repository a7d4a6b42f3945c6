"""``/offerings``, through the real application, over memory."""

import httpx
import pytest

from inventiv_core.models.entities import Model
from inventiv_http.container import MemoryAdapters
from tests.builders import a_model, a_number, given
from tests.http.conftest import Json, SignIn

PRICE: Json = {
    "input_per_1m_tokens_eur": 0.15,
    "output_per_1m_tokens_eur": 0.6,
    "cached_input_per_1m_tokens_eur": None,
}


@pytest.fixture
async def model(memory: MemoryAdapters, sign_in: SignIn) -> Model:
    model = a_model(model_id="vendor/chat-8b")
    await given(memory.unit_of_work(), model)
    return model


def new(model: Model, **facts: object) -> Json:
    return {"model_id": str(model.id), "name": "Chat", "code": "chat", **facts}


async def names(client: httpx.AsyncClient) -> dict[str, Json]:
    return {grant["model"]: grant for grant in (await client.get("/offerings/usable")).json()}


async def test_an_offering_has_these_fields(owner: httpx.AsyncClient, model: Model) -> None:
    answer = await owner.post("/offerings", json=new(model, price=PRICE))
    assert answer.status_code == 201
    offering = answer.json()
    assert offering == {
        "id": offering["id"],
        "model": "acme/chat",
        "code": "chat",
        "name": "Chat",
        "description": None,
        "catalog_model_id": str(model.id),
        "model_id": "vendor/chat-8b",
        "is_active": True,
        "visibility": "private",
        "access_policy": "free",
        "price": PRICE,
        "starts_at": "2026-01-01T12:00:00Z",
        "ends_at": None,
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "share_count": 0,
    }
    assert (await owner.get(f"/offerings/{offering['id']}")).json() == offering
    page = (await owner.get("/offerings", params={"q": "CHAT", "visibility": "private"})).json()
    assert (page["rows"], page["total_count"], page["next_cursor"]) == ([offering], 1, None)


async def test_an_offering_is_published_changed_and_taken_back(
    owner: httpx.AsyncClient, model: Model, sign_in: SignIn
) -> None:
    loner = await sign_in("loner")
    made = (await owner.post("/offerings", json=new(model, description="x"))).json()
    path = f"/offerings/{made['id']}"
    body = {"visibility": "public", "description": None, "ends_at": "2026-01-02T00:00:00Z"}
    changed = (await owner.put(path, json=body)).json()
    assert {name: changed[name] for name in body} == body
    assert changed["access_policy"] == made["access_policy"] == "free"
    assert changed["name"] == "Chat"
    assert await names(loner) == {}
    assert (await owner.put(f"{path}/price", json={"price": PRICE})).json()["price"] == PRICE
    assert await names(loner) == {
        "acme/chat": {
            "model": "acme/chat",
            "name": "Chat",
            "model_id": "vendor/chat-8b",
            "through": "offering",
            "provider_slug": "acme",
            "offering_id": made["id"],
            "share_id": None,
            "price": PRICE,
            "access_policy": "free",
            "ends_at": "2026-01-02T00:00:00Z",
        }
    }
    assert set(await names(owner)) == {"vendor/chat-8b", "acme/chat"}
    gone = await owner.delete(path)
    assert (gone.status_code, await names(loner)) == (200, {})
    missing = await owner.get(path)
    assert (missing.status_code, missing.json()["message"]) == (404, "offering_not_found")


async def test_an_offering_is_shared_paused_priced_and_revoked(
    owner: httpx.AsyncClient, stranger: httpx.AsyncClient, model: Model
) -> None:
    made = (await owner.post("/offerings", json=new(model, price=PRICE))).json()
    path = f"/offerings/{made['id']}/shares"
    answer = await owner.post(path, json={"organization_slug": "other"})
    share = answer.json()
    assert answer.status_code == 201
    assert share == {
        "id": share["id"],
        "offering_id": made["id"],
        "organization_id": share["organization_id"],
        "organization_slug": "other",
        "organization_name": "Other",
        "status": "active",
        "price": None,
        "starts_at": "2026-01-01T12:00:00Z",
        "ends_at": None,
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
    }
    assert (await names(stranger))["acme/chat"]["through"] == "share"
    dear = PRICE | {"input_per_1m_tokens_eur": 7.5}
    await owner.put(f"{path}/{share['id']}/price", json={"price": dear})
    assert (await names(stranger))["acme/chat"]["price"] == dear
    paused = await owner.put(f"{path}/{share['id']}", json={"status": "paused"})
    assert paused.json()["status"] == "paused"
    assert "acme/chat" not in await names(stranger)
    again = await owner.post(path, json={"organization_slug": "other"})
    assert (again.status_code, again.json()["message"]) == (409, "already_shared")
    assert (await owner.delete(f"{path}/{share['id']}")).status_code == 200
    assert (await owner.get(path)).json() == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"code": "a/b"}, 400, "offering_invalid"),
        ({"price": PRICE | {"output_per_1m_tokens_eur": -1}}, 400, "offering_invalid"),
        ({"model_id": str(a_number())}, 404, "no_such_model"),
        ({"visibility": "secret"}, 422, "invalid_request"),
        ({"access_policy": "request_required"}, 422, "invalid_request"),
        ({"ends_at": "2026-01-02T00:00:00"}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_is_refused(
    owner: httpx.AsyncClient, model: Model, body: Json, status: int, message: str
) -> None:
    answer = await owner.post("/offerings", json=new(model, **body))
    assert (answer.status_code, answer.json()["message"]) == (status, message)


async def test_a_code_is_used_once(owner: httpx.AsyncClient, model: Model) -> None:
    await owner.post("/offerings", json=new(model))
    again = (await owner.post("/offerings", json=new(model))).json()
    assert (again["error"], again["message"]) == ("conflict", "offering_code_taken")
    assert again["offering_code"] == "chat"
