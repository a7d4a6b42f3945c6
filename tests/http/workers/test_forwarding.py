"""Where an orchestrator of others listens to workers, what they say is passed on."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from aiohttp import web
from dependency_injector.providers import Object

from inventiv_adapters.cloud.mock.loopback import port_of, reserve, serving
from inventiv_adapters.workers.http import HttpOrchestrator
from inventiv_core.workers.entities import Worker
from inventiv_http.app import create_app
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.settings import Settings
from tests.builders import a_number
from tests.conftest import SECRET, under_control
from tests.http.conftest import client_of


@dataclass
class Orchestrator:
    """Another one's: real HTTP, and it writes down what it hears."""

    url: str = ""
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Any = None

    async def hear(self, request: web.Request) -> web.StreamResponse:
        self.heard.append((request.path, dict(request.headers), await request.read()))
        response: web.StreamResponse = await self.answer(request)
        return response


@pytest.fixture
async def orchestrator() -> AsyncGenerator[Orchestrator]:
    with reserve(None) as port:
        orchestrator = Orchestrator(url=f"http://127.0.0.1:{port_of(port)}")
        app = web.Application()
        app.add_routes([web.post("/internal/worker/{action}", orchestrator.hear)])
        async with serving(app, port):
            yield orchestrator


def saying(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return answer


@dataclass
class Gate:
    """Our server, in front of it."""

    client: httpx.AsyncClient
    adapters: MemoryAdapters


@pytest.fixture
async def gate(orchestrator: Orchestrator) -> AsyncGenerator[Gate]:
    settings = Settings(
        jwt_secret=SECRET, orchestrator_url=f"{orchestrator.url}/", redis_url="redis://unused"
    )
    adapters = MemoryAdapters(settings=Object(settings), **under_control())
    async with client_of(create_app(Application(adapters=adapters))) as client:
        yield Gate(client, adapters)
    await adapters.external_orchestrator().close()


INSTANCE = {"instance_id": str(a_number()), "status": "ready", "what": "only they understand"}


@pytest.mark.parametrize("action", ["register", "heartbeat"])
async def test_what_a_worker_says_arrives_as_it_was_said(
    gate: Gate, orchestrator: Orchestrator, action: str
) -> None:
    told = {"status": "ok", "bootstrap_token": "wk_theirs", "bootstrap_token_prefix": "wk_th"}
    orchestrator.answer = saying(told)
    answer = await gate.client.post(
        f"/internal/worker/{action}",
        json=INSTANCE,
        headers={
            "Authorization": "Bearer wk_of-theirs",
            "X-Forwarded-For": "203.0.113.1",
            "X-Real-IP": "203.0.113.1",
            "Cookie": "a=b",
            "X-Api-Key": "k",
        },
    )
    assert (answer.status_code, answer.json()) == (200, told)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    [(path, headers, body)] = orchestrator.heard
    assert path == f"/internal/worker/{action}"
    assert body == answer.request.content
    assert headers["Authorization"] == "Bearer wk_of-theirs"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Forwarded-For"] == headers["X-Real-IP"] == "192.0.2.1", "as we see it"
    assert not {"Cookie", "X-Api-Key"} & set(headers)
    assert not gate.adapters.database().table(Worker), "it is not our worker"


@pytest.mark.parametrize("status", [200, 401, 404, 409, 422, 500])
async def test_what_is_answered_is_answered(
    gate: Gate, orchestrator: Orchestrator, status: int
) -> None:
    orchestrator.answer = saying({"error": "theirs"}, status=status)
    answer = await gate.client.post("/internal/worker/register", json=INSTANCE)
    assert (answer.status_code, answer.json()) == (status, {"error": "theirs"})
    [(_, headers, _)] = orchestrator.heard
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"no", b'{"instance_id": "x"}', b'{"instance_id": "\xff"}']
)
async def test_what_names_no_instance_is_not_passed_on(
    gate: Gate, orchestrator: Orchestrator, body: bytes
) -> None:
    for action in ("register", "heartbeat"):
        answer = await gate.client.post(f"/internal/worker/{action}", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_body"
        assert answer.json()["message"] == "missing_or_invalid_instance_id"
    assert not orchestrator.heard


async def redirecting(request: web.Request) -> web.StreamResponse:
    elsewhere = "/internal/worker/elsewhere"
    raise web.HTTPTemporaryRedirect(elsewhere)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 100_000)


async def dripping(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def test_a_redirect_is_an_answer_too(gate: Gate, orchestrator: Orchestrator) -> None:
    orchestrator.answer = redirecting
    answer = await gate.client.post("/internal/worker/register", json=INSTANCE)
    assert answer.status_code == 307
    assert len(orchestrator.heard) == 1, "nobody follows it with the token"


@pytest.mark.parametrize("answer", [endless, dripping])
async def test_who_does_not_come_to_an_end_is_not_waited_for(
    gate: Gate, orchestrator: Orchestrator, answer: Any
) -> None:
    orchestrator.answer = answer
    gate.adapters.external_orchestrator.override(
        Object(HttpOrchestrator(orchestrator.url, deadline_s=0.2))
    )
    said = await gate.client.post("/internal/worker/heartbeat", json=INSTANCE)
    assert said.status_code == 502
    assert said.json()["error"] == "orchestrator_unreachable"
    await gate.adapters.external_orchestrator().close()


async def test_an_orchestrator_that_is_not_there_is_a_bad_gateway(gate: Gate) -> None:
    with reserve(None) as nobody:
        away = HttpOrchestrator(f"http://127.0.0.1:{port_of(nobody)}")
        gate.adapters.external_orchestrator.override(Object(away))
        answer = await gate.client.post("/internal/worker/register", json=INSTANCE)
    assert answer.status_code == 502
    assert answer.json()["error"] == "orchestrator_unreachable"
    await away.close()


async def test_tokens_are_theirs_to_rotate(gate: Gate) -> None:
    answer = await gate.client.post(f"/instances/{a_number()}/worker-token/rotate", json={})
    assert answer.status_code == 404
