"""Both clients and the real application, over real HTTP: what one does, the other sees."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar

from inventiv_core.models.entities import MOCK_MODEL
from inventiv_http.client import AsyncInventiv, Call, Inventiv, Json, Place, Refused
from tests.builders import PASSWORD, Market
from tests.http.server import served

NOWHERE = "018f0000-0000-7000-8000-000000000bad"


@pytest.fixture
async def url(app: Litestar, people: None, market: Market) -> AsyncGenerator[str]:
    async with served(app) as url:
        yield url


@pytest.fixture
async def owner(url: str) -> AsyncGenerator[AsyncInventiv]:
    """The owner of an organization, signed in."""
    async with AsyncInventiv(url) as client:
        assert (await client.login("owner", PASSWORD))["role"] == "user"
        yield client


async def waiting(owner: AsyncInventiv, work: Callable[[Inventiv], Any]) -> Any:
    """Have the other client do something, known by the same session."""

    def do() -> Any:
        with Inventiv(owner.url, owner.token) as client:
            return work(client)

    return await asyncio.to_thread(do)


async def test_a_machine_is_asked_for_seen_and_given_back(
    owner: AsyncInventiv, market: Market
) -> None:
    [model] = await owner.models()
    [provider], [zone] = await owner.providers(), await owner.zones()
    [kind] = await waiting(owner, lambda client: client.instance_types_in(zone["id"]))
    place = Place(provider=provider["code"], zone=zone["code"], type=kind["code"])
    assert model["model_id"] == MOCK_MODEL
    fit = await waiting(owner, lambda client: client.fit(model["id"], concurrency=2))
    assert fit["demand"]["concurrency"] == 2
    plan = await owner.plan(place, model_id=model["id"])
    assert plan["fit"]["machines"]

    first = await owner.deploy(place, model_id=model["id"], key="once")
    again = await waiting(
        owner, lambda client: client.deploy(place, model_id=model["id"], key="once")
    )
    assert again == first
    planned = await owner.apply(plan["plan_id"])
    rented = {first["instance_id"], planned["instance_id"]}
    seen = await waiting(owner, lambda client: client.instances())
    assert {row["id"] for row in seen} == rented

    await waiting(owner, lambda client: client.terminate(first["instance_id"]))
    assert (await owner.instance(first["instance_id"]))["status"] in {"terminating", "terminated"}
    logs = await owner.action_logs(first["instance_id"], limit=1)
    assert logs[0]["action_type"] == "REQUEST_TERMINATE"


async def test_a_session_goes_where_its_caller_goes(owner: AsyncInventiv) -> None:
    before = owner.token
    made = await owner.create_organization("Second", use=True)
    assert owner.token != before
    assert (await owner.me())["current_organization_id"] == made["id"]
    await owner.switch(None)
    assert (await owner.me())["current_organization_id"] is None
    await owner.logout()
    with pytest.raises(Refused) as over:
        await owner.me()
    assert over.value.status == 401


async def test_a_key_is_made_limited_and_ended(owner: AsyncInventiv) -> None:
    until = datetime(2099, 1, 1, tzinfo=UTC)
    made = await owner.create_api_key("programs", expires_at=until, models=[MOCK_MODEL])
    async with AsyncInventiv(owner.url, made["api_key"]) as program:
        assert (await program.served_models())["data"] == []
        limit = await owner.set_limit(
            {"api_key_id": made["key"]["id"], "requests_per_minute": 3, "eur_per_day": 0.5}
        )
        assert (limit["requests_per_minute"], limit["eur_per_day"]) == (3, 0.5)
        assert await waiting(owner, lambda client: client.limits()) == [limit]
        await owner.remove_limit(limit["id"])
        assert await owner.limits() == []
        await waiting(owner, lambda client: client.revoke_api_key(made["key"]["id"]))
        with pytest.raises(Refused):
            await program.served_models()


async def test_what_has_no_method_is_sent_all_the_same(owner: AsyncInventiv) -> None:
    quota: Call[Json] = Call(path="/organizations/current/quota", answer=dict[str, Any])
    assert (await owner.send(quota))["in_use"]["instances"] == 0
    assert await waiting(owner, lambda client: client.send(quota)) == await owner.send(quota)


async def test_what_is_not_there_is_refused_with_a_code(owner: AsyncInventiv) -> None:
    with pytest.raises(Refused) as refused:
        await owner.instance(NOWHERE)
    assert refused.value.status == 404
    assert "instance_not_found" in refused.value.codes
    assert refused.value.request_id
