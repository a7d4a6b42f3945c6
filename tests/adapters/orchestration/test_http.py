"""The look at engines, against a real server."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from inventiv_adapters.cloud.mock.loopback import port_of, reserve, serving
from inventiv_adapters.orchestration.http import HttpEngineProbe
from inventiv_core.kernel.secrets import Secret

LOOK_S = 0.25
KEY = Secret("ek_of-this-engine")
LISTED = {"object": "list", "data": [{"id": "acme/chat", "object": "model"}, {"id": "acme/b"}]}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Engine:
    """Answers every call as it was told to, and writes down what was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str, Any]] = []
        self.keys: list[str | None] = []
        self.answers: Handler = self.listing

    async def hear(self, request: web.Request) -> web.StreamResponse:
        said = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, said))
        self.keys.append(request.headers.get("Authorization"))
        return await self.answers(request)

    async def listing(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(LISTED)


@pytest.fixture
async def engine() -> AsyncGenerator[Engine]:
    with reserve(None) as port:
        engine = Engine(f"http://127.0.0.1:{port_of(port)}")
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", engine.hear)])
        async with serving(app, port):
            yield engine


@pytest.fixture
def probe() -> HttpEngineProbe:
    return HttpEngineProbe(look_s=LOOK_S, warm_up_s=LOOK_S)


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def dripping(request: web.Request) -> web.StreamResponse:
    """Say something again and again, and never come to an end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(LOOK_S / 10)


async def breaking_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"data":')
    assert request.transport is not None
    request.transport.close()
    return response


async def hanging_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 100_000)


def answering(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers)

    return answer


GOOD = b'{"data": [{"id": "acme/chat"}]}'

UNABLE: dict[str, Handler] = {
    "silent": silent,
    "dripping": dripping,
    "breaking off": breaking_off,
    "hanging up": hanging_up,
    "endless": endless,
    "huge": answering(GOOD + b" " * 2_000_000),
    "out of order": answering(GOOD, status=500),
    "locked": answering(GOOD, status=401),
    "elsewhere": answering(GOOD, status=307, headers={"Location": "/v1/models"}),
    "badly packed": answering(GOOD, headers={"Content-Encoding": "gzip"}),
}
"""Engines that nobody can use."""

NONSENSE: dict[str, bytes] = {
    "not JSON": b"<html>",
    "not UTF-8": b'{"data": [{"id": "\xff"}]}',
    "nothing": b"",
    "another shape": b'{"data": ["acme/chat"]}',
    "a list": b"[]",
    "too deep": b'{"more": ' + b"[" * 200_000,
}


async def test_an_engine_is_asked_what_it_serves(engine: Engine, probe: HttpEngineProbe) -> None:
    assert await probe.models(engine.url, key=KEY) == ("acme/chat", "acme/b")
    assert engine.asked == [("GET", "/v1/models", None)]
    assert engine.keys == ["Bearer ek_of-this-engine"]


async def test_an_engine_is_warmed_up_with_one_token(
    engine: Engine, probe: HttpEngineProbe
) -> None:
    assert await probe.warm_up(engine.url, "acme/chat", key=KEY)
    [(method, path, body)] = engine.asked
    assert engine.keys == ["Bearer ek_of-this-engine"]
    assert (method, path) == ("POST", "/v1/chat/completions")
    assert (body["model"], body["max_tokens"], body["stream"]) == ("acme/chat", 1, False)


METRICS: dict[bytes, int | None] = {
    b'vllm:num_requests_running{model="a"} 2.0\nvllm:num_requests_waiting{model="a"} 3\n': 5,
    b"# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 0.0\n": 0,
    b"vllm_requests_running 1\n": 1,
    b"vllm:num_requests_running 1e1\nother 7\n": 10,
    b"vllm:num_requests_running NaN\n": None,
    b"vllm:num_requests_running many\n": None,
    b"vllm:num_requests_running +Inf\n": None,
    b"other_requests_running 7\n": None,
    b"": None,
    b"\xff\xfe": None,
}


@pytest.mark.parametrize(("said", "expected"), METRICS.items())
async def test_an_engine_says_how_much_it_works_on(
    engine: Engine, probe: HttpEngineProbe, said: bytes, expected: int | None
) -> None:
    engine.answers = answering(said)
    assert await probe.under_way(engine.url, key=KEY) == expected
    assert engine.asked == [("GET", "/metrics", None)]


@pytest.mark.parametrize("name", UNABLE)
async def test_an_engine_that_is_not_well_serves_nothing(
    engine: Engine, probe: HttpEngineProbe, name: str
) -> None:
    engine.answers = UNABLE[name]
    async with asyncio.timeout(20 * LOOK_S):
        assert await probe.models(engine.url, key=KEY) is None
        assert not await probe.warm_up(engine.url, "acme/chat", key=KEY)
        assert await probe.under_way(engine.url, key=KEY) is None


@pytest.mark.parametrize("name", NONSENSE)
async def test_an_engine_that_talks_nonsense_serves_nothing(
    engine: Engine, probe: HttpEngineProbe, name: str
) -> None:
    engine.answers = answering(NONSENSE[name])
    assert await probe.models(engine.url, key=KEY) is None


async def test_an_engine_may_serve_nothing_yet(engine: Engine, probe: HttpEngineProbe) -> None:
    engine.answers = answering(b'{"data": []}')
    assert await probe.models(engine.url, key=KEY) == ()


async def test_an_engine_that_does_not_listen_does_not_answer(probe: HttpEngineProbe) -> None:
    with reserve(None) as port:
        url = f"http://127.0.0.1:{port_of(port)}"
        assert await probe.models(url, key=KEY) is None
        assert not await probe.warm_up(url, "acme/chat", key=KEY)


@pytest.mark.parametrize("url", ["", "http://", "http://[::1", "http://a b:8000", "http://é\x00"])
async def test_an_address_that_is_none_does_not_answer(probe: HttpEngineProbe, url: str) -> None:
    assert await probe.models(url, key=KEY) is None
