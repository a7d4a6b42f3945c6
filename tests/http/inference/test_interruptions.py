"""What happens when a caller leaves, an engine breaks, or the server stops in mid-answer."""

import asyncio
from typing import Any

import httpx
import pytest
from aiohttp import web

from inventiv_core.inference.entities.usage import Outcome
from inventiv_http.container import MemoryAdapters
from tests.http.inference.conftest import CHAT, CountingRouter, Worker, asking, used
from tests.http.inference.engine import Engine, chunk
from tests.http.server import PATIENCE_S, eventually, served


@pytest.mark.parametrize(
    ("begun", "content_type"),
    [(False, "text/event-stream"), (True, "text/event-stream"), (True, "application/json")],
)
async def test_the_engine_stops_when_the_caller_leaves(
    caller: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
    caplog: pytest.LogCaptureFixture,
    begun: bool,  # noqa: FBT001
    content_type: str,
) -> None:
    await worker(engine.port)
    asked = asyncio.Event()

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        response.content_type = content_type
        if begun:
            await response.prepare(request)
            await response.write(chunk("one"))
        asked.set()
        await asyncio.Event().wait()

    async def call() -> None:
        async with caller.stream("POST", CHAT, json=asking(stream=True)) as stream:
            async for _ in stream.aiter_raw():
                return

    engine.streams = answer
    calling = asyncio.create_task(call())
    async with asyncio.timeout(PATIENCE_S):
        await asked.wait()
        if not begun:
            calling.cancel()
        await asyncio.wait({calling})
        await engine.hung_up.wait()
    await eventually(lambda: not router.under_way)
    [usage] = memory.usage_spool().take(10)
    assert usage.outcome is Outcome.ABORTED
    assert (usage.total_tokens is not None) == begun
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("half", [b"", b'data: {"choices":[{"del'])
async def test_a_stream_that_breaks_ends_with_an_error_that_can_be_read(
    caller: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
    half: bytes,
) -> None:
    await worker(engine.port)

    arrived = asyncio.Event()

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        await response.write(chunk("one") + half)
        await arrived.wait()
        assert request.transport is not None
        request.transport.close()

    engine.streams = answer
    got = b""
    async with caller.stream("POST", CHAT, json=asking(stream=True)) as stream:
        async for part in stream.aiter_raw():
            got += part
            arrived.set()
    events = got.decode().split("\n\n")
    assert events[0] + "\n\n" == chunk("one").decode()
    assert '"code":"upstream_read_failed"' in events[1]
    assert events[2:] == ["data: [DONE]", ""]
    usage = await used(memory, router)
    assert (usage.outcome, usage.output_tokens) == (Outcome.ABORTED, 1)


async def test_a_plain_answer_that_breaks_is_cut_off_and_not_completed(
    caller: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
) -> None:
    await worker(engine.port)

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(b'{"choices":')
        assert request.transport is not None
        request.transport.close()

    engine.streams = answer
    with pytest.raises(httpx.RemoteProtocolError):
        await caller.post(CHAT, json=asking())
    await used(memory, router)


async def test_calls_under_way_are_counted_off_when_the_server_stops(
    app: Any,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
    token: str,
) -> None:
    await worker(engine.port)

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        await asyncio.Event().wait()

    engine.streams = answer
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        async with served(app) as url:
            calling = asyncio.create_task(client.post(url + CHAT, json=asking()))
            await eventually(lambda: router.under_way)
        await asyncio.wait({calling})
    assert calling.exception() is not None or calling.result().is_error
    assert router.under_way == 0


async def test_a_slow_caller_gets_all_of_it_and_the_engine_waits(
    caller: httpx.AsyncClient,
    engine: Engine,
    worker: Worker,
    memory: MemoryAdapters,
    router: CountingRouter,
) -> None:
    """Far more than the buffers on the way hold: some of it is sent only once there is room."""
    await worker(engine.port)
    pieces = [chunk(f"{number} " * 2000) for number in range(2000)]
    written = 0

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        nonlocal written
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            written += 1

    engine.streams = answer
    got = bytearray()
    async with caller.stream("POST", CHAT, json=asking(stream=True)) as stream:
        parts = stream.aiter_raw()
        got += await anext(parts)
        await eventually(lambda: written > 10)
        before = -1
        while before != written:  # until everybody on the way waits
            before = written
            await asyncio.sleep(0.2)
        assert written < len(pieces)
        async for part in parts:
            got += part
    assert bytes(got) == b"".join(pieces)
    assert (await used(memory, router)).outcome is Outcome.ESTIMATED
