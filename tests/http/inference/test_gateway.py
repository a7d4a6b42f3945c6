"""``/v1/chat/completions``, over real HTTP, in front of an engine."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web
from litestar import Litestar

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import PLATFORM
from inventiv_core.inference.entities.routing import SLOW_START
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.inference.gateway import PATHS
from tests.builders import OTHER, Market, a_model, a_number, given
from tests.http.conftest import SignIn
from tests.http.inference.conftest import CHAT, CountingRouter, Worker, asking, used
from tests.http.inference.engine import (
    DONE,
    USAGE_EVENT,
    Engine,
    chunk,
    streaming,
)
from tests.http.server import PATIENCE_S

NOBODY_LISTENS = 1
"""A port on which there is no engine."""


@pytest.mark.parametrize("path", PATHS)
async def test_a_plain_answer_comes_as_the_engine_gave_it(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, path: str
) -> None:
    instance = await worker(engine.port)
    answer = await owner.post(path, json=asking(temperature=0.5))
    assert (answer.status_code, answer.json()) == (200, engine.body)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-inventiv-instance"] == str(instance.id)
    [(asked, _, body)] = engine.calls
    assert (asked, body) == (path, asking(temperature=0.5))


async def test_the_engine_learns_nothing_about_the_caller(
    caller: httpx.AsyncClient, engine: Engine, worker: Worker, memory: MemoryAdapters
) -> None:
    instance = await worker(engine.port)
    headers = {"Cookie": "a=b", "X-Api-Key": "secret", "User-Agent": "me", "X-Other": "x"}
    await caller.post(f"{CHAT}?q=secret", json=asking(), headers=headers)
    [(_, sent, _)] = engine.calls
    known = {"Host", "Accept", "Accept-Encoding", "Content-Type", "Content-Length"}
    known |= {"X-Request-ID", "Authorization"}
    assert set(sent) <= known
    assert sent["Authorization"] == f"Bearer {memory.engine_keys().derive(instance.id, 1).reveal()}"
    assert (sent["Content-Type"], sent["Accept"]) == ("application/json", "application/json")


async def test_a_model_goes_by_its_id_too_and_the_engine_hears_the_name_it_knows(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, market: Market
) -> None:
    await worker(engine.port)
    for name in (str(market.model.id), str(market.model.id).upper(), "  mock-echo-model "):
        answer = await owner.post(CHAT, json=asking(model=name))
        assert answer.status_code == 200
    assert [body["model"] for _, _, body in engine.calls] == ["mock-echo-model"] * 3


async def test_the_head_arrives_though_the_first_event_has_not_come_whole(
    caller: httpx.AsyncClient, worker: Worker
) -> None:
    has_arrived = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        event = chunk("Hello.")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        writer.write(head + event[:20])  # in one packet
        await has_arrived.wait()
        writer.write(event[20:] + DONE)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, asyncio.timeout(5):
        await worker(server.sockets[0].getsockname()[1])
        async with caller.stream("POST", CHAT, json=asking(stream=True)) as response:
            has_arrived.set()
            assert await response.aread() == chunk("Hello.") + DONE


async def test_the_first_piece_arrives_before_the_engine_has_the_last(
    caller: httpx.AsyncClient, engine: Engine, worker: Worker
) -> None:
    await worker(engine.port)
    arrived = asyncio.Event()

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        await response.write(chunk("one"))
        await arrived.wait()
        await response.write(chunk("two") + DONE)

    engine.streams = answer
    got = b""
    async with (
        asyncio.timeout(PATIENCE_S),
        caller.stream("POST", CHAT, json=asking(stream=True)) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-cache"
        assert stream.headers["x-accel-buffering"] == "no"
        async for part in stream.aiter_raw():
            got += part
            if got == chunk("one"):
                arrived.set()
    assert got == chunk("one") + chunk("two") + DONE


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, False),
        ({"stream_options": None}, False),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": {"include_usage": True}}, True),
    ],
)
async def test_usage_is_always_metered_and_shown_to_who_asks(
    caller: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
    options: dict[str, Any],
    shown: bool,  # noqa: FBT001
) -> None:
    await worker(engine.port)
    engine.streams = streaming(chunk("one"), USAGE_EVENT, DONE)
    answer = await caller.post(CHAT, json=asking(stream=True, **options))
    assert answer.content == chunk("one") + (USAGE_EVENT if shown else b"") + DONE
    [(_, headers, body)] = engine.calls
    assert body["stream_options"] == {"include_usage": True}
    assert headers["Accept"] == "text/event-stream"
    usage = await used(memory, router)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (9, 3, 12)


async def test_what_was_used_by_whom_and_how_long_it_took_is_kept(
    caller: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
    clock: ManualClock,
) -> None:
    instance = await worker(engine.port)
    me = (await caller.get("/auth/me")).json()
    arrived = asyncio.Event()

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        clock.advance(timedelta(milliseconds=250))
        await response.prepare(request)
        await response.write(chunk("one"))
        await arrived.wait()
        clock.advance(timedelta(milliseconds=500))
        await response.write(USAGE_EVENT + DONE)

    engine.streams = answer
    async with caller.stream("POST", CHAT, json=asking(stream=True)) as stream:
        async for _ in stream.aiter_raw():
            arrived.set()
    usage = await used(memory, router)
    assert (usage.ttft_ms, usage.duration_ms) == (250, 750)
    assert (usage.instance_id, usage.model_id) == (instance.id, "mock-echo-model")
    assert str(usage.organization_id) == me["current_organization_id"]
    assert str(usage.user_id) == me["user_id"]
    assert (usage.path, usage.streamed, usage.status_code) == (CHAT, True, 200)


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
async def test_errors_of_the_engine_come_through(
    owner: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
    status: int,
) -> None:
    await worker(engine.port)
    engine.status, engine.body = status, {"object": "error", "message": "too long"}
    answer = await owner.post(CHAT, json=asking())
    assert (answer.status_code, answer.json()) == (status, engine.body)
    usage = await used(memory, router)
    assert (usage.status_code, usage.total_tokens) == (status, None)


@pytest.mark.parametrize("status", [None, 429, 502, 503])
async def test_a_worker_that_cannot_is_replaced_by_one_that_can(
    owner: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
    status: int | None,
) -> None:
    async with Engine().running() as broken:
        broken.status = status or 200
        await worker(broken.port if status else NOBODY_LISTENS, queue_depth=0)  # comes first
        able = await worker(engine.port, queue_depth=5)
        answer = await owner.post(CHAT, json=asking())
        assert (answer.status_code, answer.json()) == (200, engine.body)
        assert answer.headers["x-inventiv-instance"] == str(able.id)
        assert len(broken.calls) == (status is not None)
    assert router.begun == 2
    assert (await used(memory, router)).instance_id == able.id


async def test_when_no_worker_can_be_reached_the_caller_is_told(
    owner: httpx.AsyncClient, worker: Worker, router: CountingRouter
) -> None:
    await worker(NOBODY_LISTENS)
    answer = await owner.post(CHAT, json=asking())
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_unreachable"
    assert "127.0.0.1" not in answer.text
    assert (router.begun, router.under_way) == (1, 0)


async def test_nobody_is_served_by_another_organization_s_worker(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker
) -> None:
    await worker(engine.port, owner=OTHER)
    answer = await owner.post(CHAT, json=asking())
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "no_ready_worker"
    assert (await owner.get("/v1/models")).json() == {"object": "list", "data": []}
    assert not engine.calls


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (asking(model="nobody/has-this"), 404, "model_not_found"),
        (asking(model=str(a_number())), 404, "model_not_found"),
        (asking(model="acme/off"), 404, "model_not_found"),
        (asking(model=""), 400, "missing_model"),
        (asking(model="  "), 400, "missing_model"),
        (asking(model=None), 400, "missing_model"),
        ({}, 400, "missing_model"),
        (asking(model=5), 400, "invalid_json"),
        (asking(stream="yes"), 400, "invalid_json"),
        ([], 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (asking(), 503, "no_ready_worker"),
    ],
)
async def test_a_call_that_cannot_be_forwarded_says_why(
    app: Any,
    owner: httpx.AsyncClient,
    memory: MemoryAdapters,
    application: Application,
    market: Market,
    body: Any,
    status: int,
    code: str,
) -> None:
    await given(memory.unit_of_work(), a_model(model_id="acme/off", is_active=False))
    await application.refresh_routes()(actor=PLATFORM)
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await owner.post(CHAT, **content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["message"] == answer.json()["error"]["message"]


async def test_calls_need_a_session_and_an_organization(
    anonymous: httpx.AsyncClient, sign_in: SignIn, engine: Engine, worker: Worker
) -> None:
    await worker(engine.port)
    answer = await anonymous.post(CHAT, json=asking())
    code = answer.json()["error"]["code"]
    assert (answer.status_code, code) == (401, "api_key_or_login_required")
    answer = await (await sign_in("loner")).post(CHAT, json=asking())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_current_organization")


async def test_the_route_of_calls_hands_them_to_the_gateway(
    app: Litestar,
    owner: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await worker(engine.port)
    monkeypatch.setattr(app, "asgi_handler", app.asgi_router)  # past what takes them before it
    answer = await owner.post(CHAT, json=asking())
    assert (answer.status_code, answer.json()) == (200, engine.body)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_calls_are_posted(owner: httpx.AsyncClient, method: str) -> None:
    answer = await owner.request(method, CHAT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert answer.json()["error"]["code"] == "method_not_allowed"


async def test_calls_may_be_larger_than_other_bodies_but_not_endless(
    app: Any,
    owner: httpx.AsyncClient,
    worker: Worker,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = asking(model="nobody/has-this", picture="x" * (3 * 1024 * 1024))
    assert (await owner.post(CHAT, json=large)).status_code == 404
    monkeypatch.setattr(app.state.gateway, "body_limit_bytes", 1024)
    await worker(engine.port)
    answer = await owner.post(CHAT, json=asking(picture="x" * 1024))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert not engine.calls
    assert (await owner.post(CHAT, json=asking(picture="x" * 900))).status_code == 200


async def test_what_is_announced_as_too_large_is_refused_before_it_is_sent(
    owner: httpx.AsyncClient, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.gateway, "body_limit_bytes", 10)
    answer = await owner.post(CHAT, content=b"{}", headers={"Content-Length": "11"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


async def test_a_session_stays_with_its_worker_which_hears_of_it(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker
) -> None:
    await worker(engine.port)
    await worker(engine.port)
    homes: dict[str, set[str]] = {}
    for _ in range(3):
        for session in map(str, range(12)):
            answer = await owner.post(CHAT, json=asking(), headers={"X-Inventiv-Session": session})
            homes.setdefault(session, set()).add(answer.headers["x-inventiv-instance"])
            assert engine.calls[-1][1]["X-Inventiv-Session"] == session
    assert {len(workers) for workers in homes.values()} == {1}
    assert len(set().union(*homes.values())) == 2


@pytest.mark.parametrize("session", ["", "  ", "x" * 300])
async def test_a_session_without_a_name_is_none(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, session: str
) -> None:
    await worker(engine.port)
    await owner.post(CHAT, json=asking(), headers={"X-Inventiv-Session": session})
    assert "X-Inventiv-Session" not in engine.calls[-1][1]


async def test_calls_with_the_same_beginning_meet_at_one_worker(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, clock: ManualClock
) -> None:
    for _ in range(3):
        await worker(engine.port)
    clock.advance(SLOW_START)
    first = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Hi."}]
    more = [*first, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "So?"}]
    homes = set()
    for messages in (first, more, [*more, *first]):
        answer = await owner.post(CHAT, json=asking(messages=messages))
        homes.add(answer.headers["x-inventiv-instance"])
    assert len(homes) == 1


async def test_an_engine_says_when_to_come_back(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker
) -> None:
    async def busy(request: web.Request, response: web.StreamResponse) -> None:
        response.set_status(429)
        response.headers["Retry-After"] = "7"
        response.headers["Set-Cookie"] = "a=b"
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(b"{}")

    engine.streams = busy
    await worker(engine.port)
    answer = await owner.post(CHAT, json=asking())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert "set-cookie" not in answer.headers


async def test_a_call_has_the_number_that_its_caller_gave_it_but_is_its_own(
    owner: httpx.AsyncClient, engine: Engine, worker: Worker, memory: MemoryAdapters
) -> None:
    await worker(engine.port)
    for _ in range(2):
        await owner.post(CHAT, json=asking(), headers={"X-Request-Id": "mine"})
    usages = memory.usage_spool().take(10)
    assert [usage.request_id for usage in usages] == ["mine", "mine"]
    assert len({usage.id for usage in usages}) == 2
    assert {headers["X-Request-ID"] for _, headers, _ in engine.calls} == {"mine"}


async def test_what_is_paid_by_the_token_is_there_for_who_has_something_in_the_wallet(
    memory: MemoryAdapters,
    application: Application,
    owner: httpx.AsyncClient,
    root: httpx.AsyncClient,
    sign_in: SignIn,
    engine: Engine,
    worker: Worker,
    market: Market,
) -> None:
    await worker(engine.port)
    price = {"input_per_1m_tokens_eur": 1000, "output_per_1m_tokens_eur": 1000}
    offering = {
        "model_id": str(market.model.id), "name": "Ours", "code": "ours", "price": price,
        "visibility": "public", "access_policy": "pay_per_token",
    }  # fmt: skip
    made = (await owner.post("/offerings", json=offering)).json()
    loner = await sign_in("loner")

    async def seen() -> list[list[str]]:
        await application.refresh_routes()(actor=PLATFORM)
        answers = [await loner.get(path) for path in ("/chat/models", "/offerings/usable")]
        served = (await loner.get("/v1/models")).json()["data"]
        lists = [[row["model"] for row in answer.json()] for answer in answers]
        return [*lists, [row["id"] for row in served]]

    assert await seen() == [[], [], []]
    refused = await loner.post(CHAT, json=asking(model="acme/ours"))
    assert refused.status_code == 402
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "wallet_empty")
    user_id = (await loner.get("/auth/me")).json()["user_id"]
    top_up = {"user_id": user_id, "amount_eur": 0.001}
    assert (await root.post("/finops/wallet/top-ups", json=top_up)).status_code == 200
    assert await seen() == [["acme/ours"]] * 3
    assert (await loner.post(CHAT, json=asking(model="acme/ours"))).status_code == 200
    await application.flush_usage()(actor=PLATFORM)
    assert await seen() == [[], [], []], "it was used up"
    await owner.put(f"/offerings/{made['id']}", json={"access_policy": "subscription_required"})
    assert await seen() == [[], [], []]
    refused = await loner.post(CHAT, json=asking(model="acme/ours"))
    assert refused.status_code == 403
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("permission_error", "subscription_required")
    plan = {"user_id": user_id, "plan": "subscriber"}
    assert (await root.put("/finops/wallet/plan", json=plan)).status_code == 200
    assert await seen() == [["acme/ours"]] * 3
    assert (await loner.post(CHAT, json=asking(model="acme/ours"))).status_code == 200
