"""Limits over HTTP: set by those who may, and felt by those who call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import httpx
import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.action_logs.entities import ActionLog
from inventiv_core.identity.access import PLATFORM
from inventiv_core.inference.events import LimitsChanged
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.inference.admission import duration
from tests.builders import ACME, OTHER, a_number
from tests.http.conftest import SignIn
from tests.http.inference.conftest import CHAT, Worker, asking
from tests.http.inference.engine import DONE, USAGE_EVENT, Engine, chunk

LIMITS = "/organizations/current/limits"
Limiting: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def limiting(owner: httpx.AsyncClient, application: Application) -> Limiting:
    """Sets a limit of ACME's, and has the gateway learn of it."""

    async def put(**limit: Any) -> dict[str, Any]:
        answer = await owner.put(LIMITS, json=limit)
        assert answer.status_code == 200, answer.text
        await application.refresh_routes()(actor=PLATFORM)
        body: dict[str, Any] = answer.json()
        return body

    return put


def room(answer: httpx.Response) -> dict[str, str]:
    """Return what an answer says of what is left."""
    return {
        name.removeprefix("x-ratelimit-"): value
        for name, value in answer.headers.items()
        if name.startswith("x-ratelimit-")
    }


async def test_where_there_is_no_limit_nothing_is_said_of_one(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker
) -> None:
    await worker(engine.port)
    assert room(await owner.post(CHAT, json=asking())) == {}


async def test_an_answer_says_what_is_left_and_a_refusal_when_to_come_back(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, limiting: Limiting, clock: ManualClock
) -> None:
    await worker(engine.port)
    await limiting(requests_per_minute=2, tokens_per_minute=1000)
    answer = await owner.post(CHAT, json=asking(max_tokens=80))
    assert answer.status_code == 200
    held = 1000 - int(room(answer)["remaining-tokens"])
    assert held == len(answer.request.content) // 4 + 80
    assert room(answer) == {
        "limit-requests": "2",
        "remaining-requests": "1",
        "reset-requests": "30s",
        "limit-tokens": "1000",
        "remaining-tokens": str(1000 - held),
        "reset-tokens": duration(held * 60),
    }
    await owner.post(CHAT, json=asking())
    refused = await owner.post(CHAT, json=asking())
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "30"
    assert room(refused) == {
        "limit-requests": "2",
        "remaining-requests": "0",
        "reset-requests": "1m0s",
        "limit-tokens": "1000",
        "remaining-tokens": "976",  # 12 were used, twice
        "reset-tokens": "1.44s",
    }
    body = refused.json()
    sentence = "This organization may use 2 requests per minute. Try again in 30 s."
    assert body == {
        "error": {
            "message": sentence, "type": "requests", "param": None, "code": "rate_limit_exceeded",
        },
        "message": sentence,
        "request_id": refused.headers["x-request-id"],
    }  # fmt: skip
    assert len(engine.calls) == 2
    clock.advance(timedelta(seconds=30))
    assert (await owner.post(CHAT, json=asking())).status_code == 200


async def test_a_stream_says_it_too_and_gives_back_what_it_did_not_use(
    caller: httpx.AsyncClient, engine: Engine, worker: Worker, limiting: Limiting
) -> None:
    await worker(engine.port)
    await limiting(tokens_per_minute=600, concurrent_calls=1)
    over = asyncio.Event()

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        await response.write(chunk("Hello."))
        await over.wait()
        await response.write(USAGE_EVENT + DONE)

    engine.streams = answer
    for used in (0, 12, 24):
        over.clear()
        async with caller.stream("POST", CHAT, json=asking(stream=True, max_tokens=500)) as stream:
            left = int(stream.headers["x-ratelimit-remaining-tokens"])
            assert left == 100 - len(stream.request.content) // 4 - used
            nested = await caller.post(CHAT, json=asking())
            assert nested.status_code == 429
            assert nested.json()["error"]["type"] == "requests"
            assert nested.headers["retry-after"] == "1"
            over.set()
            async for _ in stream.aiter_raw():
                pass


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/v1/rerank"])
async def test_limits_are_of_all_that_is_asked_of_models(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, limiting: Limiting, path: str
) -> None:
    await worker(engine.port)
    await limiting(model="mock-echo-model", requests_per_minute=1)
    assert (await owner.post(path, json=asking())).status_code == 200
    assert (await owner.post(path, json=asking())).status_code == 429


async def test_a_budget_that_is_spent_is_a_quota_in_openai_s_words(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, limiting: Limiting
) -> None:
    await worker(engine.port)
    await limiting(tokens_per_day=25)
    answer = await owner.post(CHAT, json=asking())
    assert room(answer)["limit-tokens"] == "25"
    assert room(answer)["reset-tokens"] == "12h0m0s"
    refused = await owner.post(CHAT, json=asking())
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert refused.headers["retry-after"] == str(12 * 3600)
    assert len(engine.calls) == 1


async def test_what_the_engine_judges_of_max_tokens_is_none_of_ours(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, limiting: Limiting
) -> None:
    await worker(engine.port)
    await limiting(tokens_per_minute=100_000)
    for most in ("many", -1, 1.5, None, [1], {"a": 1}, True, 10**30):
        assert (await owner.post(CHAT, json=asking(max_tokens=most))).status_code == 200
    assert [body["max_tokens"] for _, _, body in engine.calls][:2] == ["many", -1]


async def test_openai_s_client_understands_a_refusal(
    url: str, owner: httpx.AsyncClient, engine: Engine, worker: Worker, limiting: Limiting
) -> None:
    await worker(engine.port)
    made = (await owner.post("/api_keys", json={"name": "sdk"})).json()
    await limiting(api_key_id=made["key"]["id"], requests_per_minute=1)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=made["api_key"], max_retries=0) as client:
        await client.completions.create(model="mock-echo-model", prompt="Hi.")
        with pytest.raises(openai.RateLimitError) as refused:
            await client.completions.create(model="mock-echo-model", prompt="Hi.")
    assert (refused.value.code, refused.value.type) == ("rate_limit_exceeded", "requests")
    assert "API key" in refused.value.message
    assert (await owner.post(CHAT, json=asking())).status_code == 200  # not with the key


async def test_limits_are_set_changed_listed_and_taken_away(
    owner: httpx.AsyncClient, sign_in: SignIn, memory: MemoryAdapters
) -> None:
    made = await owner.put(LIMITS, json={"model": "m", "tokens_per_day": 5, "eur_per_month": 12.5})
    assert made.status_code == 200
    body = made.json()
    assert body == {
        "id": body["id"], "set_by": "organization", "organization_id": str(ACME), "user_id": None,
        "api_key_id": None, "model": "m", "requests_per_minute": None, "tokens_per_minute": None,
        "concurrent_calls": None, "tokens_per_day": 5, "tokens_per_month": None,
        "eur_per_day": None, "eur_per_month": 12.5, "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
    }  # fmt: skip
    changes = {"model": "m", "tokens_per_day": None, "concurrent_calls": 2}
    changed = (await owner.put(LIMITS, json=changes)).json()
    assert changed == {**body, "tokens_per_day": None, "concurrent_calls": 2}
    manager, stranger = await sign_in("manager"), await sign_in("stranger")
    assert (await manager.get(LIMITS)).json() == [changed]
    assert (await stranger.get(LIMITS)).json() == []
    assert (await stranger.delete(f"{LIMITS}/{body['id']}")).status_code == 404
    gone = await owner.delete(f"{LIMITS}/{body['id']}")
    assert (gone.status_code, gone.text) == (200, "")
    assert (await owner.get(LIMITS)).json() == []
    again = await owner.delete(f"{LIMITS}/{body['id']}")
    assert (again.status_code, again.json()["message"]) == (404, "limit_not_found")
    events = [message.event for message in memory.database().outbox]
    assert sum(isinstance(event, LimitsChanged) for event in events) == 3
    logs: Sequence[ActionLog] = [
        log
        for log in memory.database().table(ActionLog).values()
        if log.action_type.startswith("INFERENCE_LIMIT")
    ]
    assert [log.action_type for log in logs] in (
        [], ["INFERENCE_LIMIT_SET", "INFERENCE_LIMIT_SET", "INFERENCE_LIMIT_REMOVED"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_limit"),
        ({"tokens_per_day": None}, 400, "invalid_limit"),
        ({"tokens_per_day": 0}, 400, "invalid_limit"),
        ({"eur_per_day": 0.0000001}, 400, "invalid_limit"),
        ({"tokens_per_day": "many"}, 422, "invalid_request"),
        ({"tokens_per_day": 1, "user_id": "alice"}, 422, "invalid_request"),
        ({"tokens_per_day": 1, "user_id": str(a_number())}, 404, "limited_not_found"),
        ({"tokens_per_day": 1, "api_key_id": str(a_number())}, 404, "limited_not_found"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused(
    owner: httpx.AsyncClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await owner.put(LIMITS, json=body)
    assert (answer.status_code, answer.json()["message"]) == (status, code)
    assert (await owner.get(LIMITS)).json() == []


async def test_the_platform_s_limits_hold_for_everybody(
    root: httpx.AsyncClient, owner: httpx.AsyncClient, engine: Engine, worker: Worker,
    application: Application,
) -> None:  # fmt: skip
    await worker(engine.port)
    default = (await root.put("/limits", json={"requests_per_minute": 1})).json()
    assert (default["set_by"], default["organization_id"]) == ("platform", None)
    other = {"organization_id": str(OTHER), "eur_per_day": 1}
    assert (await root.put("/limits", json=other)).json()["organization_id"] == str(OTHER)
    assert len((await root.get("/limits")).json()) == 2
    assert (await owner.get(LIMITS)).json() == [default]
    assert (await owner.get("/limits")).status_code == 403
    assert (await owner.delete(f"{LIMITS}/{default['id']}")).status_code == 404
    await application.refresh_routes()(actor=PLATFORM)
    answers = [await owner.post(CHAT, json=asking()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert (await root.delete(f"/limits/{default['id']}")).status_code == 200
    await application.refresh_routes()(actor=PLATFORM)
    assert (await owner.post(CHAT, json=asking())).status_code == 200
    nobody = await root.put("/limits", json={"organization_id": str(a_number()), "eur_per_day": 1})
    assert (nobody.status_code, nobody.json()["field"]) == (404, "organization_id")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0ms"), (17, "17ms"), (1000, "1s"), (8640, "8.64s"), (60_000, "1m0s"),
        (360_000, "6m0s"), (3_600_000, "1h0m0s"), (2_678_400_000, "744h0m0s"),
    ],
)  # fmt: skip
def test_times_are_written_as_openai_writes_them(ms: int, text: str) -> None:
    assert duration(ms) == text
