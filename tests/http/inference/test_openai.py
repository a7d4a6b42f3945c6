"""The gateway, as OpenAI's own client sees it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import httpx
import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.entities.api_keys import ApiKey
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import ACME, NOON, Market
from tests.http.inference.conftest import Worker, used
from tests.http.inference.engine import DONE, USAGE_EVENT, Engine, chunk, streaming

MESSAGES: Final[list[ChatCompletionMessageParam]] = [{"role": "user", "content": "Hi."}]


@pytest.fixture
async def key(owner: httpx.AsyncClient) -> str:
    """An API key of ACME's owner."""
    return str((await owner.post("/api_keys", json={"name": "sdk"})).json()["api_key"])


@pytest.fixture(params=["token", "key"])
async def client(
    url: str, token: str, key: str, request: pytest.FixtureRequest
) -> AsyncGenerator[AsyncOpenAI]:
    """OpenAI's client, with a session or with an API key."""
    client = AsyncOpenAI(
        base_url=f"{url}/v1",
        api_key={"token": token, "key": key}[request.param],
        max_retries=0,
        default_headers={"X-Team": "acme"},
    )
    async with client:
        yield client


async def test_it_completes(client: AsyncOpenAI, engine: Engine, worker: Worker) -> None:
    await worker(engine.port)
    completion = await client.chat.completions.create(model="mock-echo-model", messages=MESSAGES)
    assert completion.choices[0].message.content == "Hello."
    assert completion.usage is not None
    assert completion.usage.total_tokens == 12


async def test_it_streams(client: AsyncOpenAI, engine: Engine, worker: Worker) -> None:
    await worker(engine.port)
    engine.streams = streaming(chunk("Hel"), chunk("lo."), USAGE_EVENT, DONE)
    words, usage = [], None
    stream = await client.chat.completions.create(
        model="mock-echo-model",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
    )
    async for event in stream:
        words += [choice.delta.content for choice in event.choices]
        usage = event.usage or usage
    assert words == ["Hel", "lo."]
    assert usage is not None
    assert usage.total_tokens == 12


async def test_it_understands_what_went_wrong(client: AsyncOpenAI, market: Market) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await client.chat.completions.create(model="nobody/has-this", messages=MESSAGES)
    assert refused.value.code == "model_not_found"
    wrong = client.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError):
        await wrong.models.list()


async def test_it_understands_a_stream_that_breaks(
    client: AsyncOpenAI, engine: Engine, worker: Worker
) -> None:
    await worker(engine.port)
    arrived = asyncio.Event()

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        await response.write(chunk("Hel") + b'data: {"cho')
        await arrived.wait()
        assert request.transport is not None
        request.transport.close()

    engine.streams = answer
    words: list[str | None] = []

    async def read() -> None:
        async for event in stream:
            words.append(event.choices[0].delta.content)
            arrived.set()

    stream = await client.chat.completions.create(
        model="mock-echo-model", messages=MESSAGES, stream=True
    )
    with pytest.raises(openai.APIError, match="broke off"):
        await read()
    assert words == ["Hel"]


async def test_it_lists_the_models_that_answer(
    client: AsyncOpenAI, engine: Engine, worker: Worker, application: Application
) -> None:
    await application.seed_models()(actor=PLATFORM)
    assert (await client.models.list()).data == []
    await worker(engine.port)
    [model] = (await client.models.list()).data
    assert (model.id, model.object, model.owned_by) == ("mock-echo-model", "model", "inventiv")
    assert model.created == int(NOON.timestamp())


async def test_what_a_key_uses_is_put_to_its_account_and_its_user_s(
    url: str, key: str, engine: Engine, worker: Worker, memory: MemoryAdapters, router: Any
) -> None:
    await worker(engine.port)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        await client.chat.completions.create(model="mock-echo-model", messages=MESSAGES)
    usage = await used(memory, router)
    [known] = memory.database().table(ApiKey).values()
    assert (usage.api_key_id, usage.user_id, usage.organization_id) == (
        known.id,
        known.user_id,
        ACME,
    )
    assert key not in str(engine.calls)


async def test_a_key_for_other_models_is_refused_and_sees_its_own_only(
    url: str, owner: httpx.AsyncClient, engine: Engine, worker: Worker, market: Market
) -> None:
    await worker(engine.port)
    limited = {"name": "sdk", "models": ["acme/other"]}
    key = (await owner.post("/api_keys", json=limited)).json()["api_key"]
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        for name in ("mock-echo-model", str(market.model.id)):
            with pytest.raises(openai.PermissionDeniedError) as refused:
                await client.chat.completions.create(model=name, messages=MESSAGES)
            assert (refused.value.code, refused.value.type) == (
                "model_not_allowed",
                "permission_error",
            )
        assert (await client.models.list()).data == []
        key_id = (await owner.get("/api_keys")).json()[0]["id"]
        await owner.put(f"/api_keys/{key_id}", json={"models": ["mock-echo-model"]})
        assert [model.id for model in (await client.models.list()).data] == ["mock-echo-model"]
        await client.chat.completions.create(model=str(market.model.id), messages=MESSAGES)
        await owner.delete(f"/api_keys/{key_id}")
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()
