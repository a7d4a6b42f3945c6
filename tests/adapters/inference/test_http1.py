"""Calls to engines, against a real server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace

import pytest
from aiohttp import web

from inventiv_adapters.cloud.mock.loopback import port_of, reserve, serving
from inventiv_adapters.inference.deadlines import Deadlines
from inventiv_adapters.inference.http1 import Http1Engines
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.ports import EngineCall, EngineNotReached, EngineReply
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.secrets import Secret
from tests.builders import ACME, NOON, a_number


class Engine:
    """Answers as each test wants it to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.go_on = asyncio.Event()
        """Set to have the second half of a stream sent."""
        self.hung_up = asyncio.Event()
        """Set when a caller has left in the middle of a stream."""
        self.followed = False
        self.seen: list[asyncio.Transport] = []
        self.calls: list[tuple[bytes, dict[str, str]]] = []

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.hung_up.set()
            raise
        await response.write(b"data: two\n\n")
        return response

    async def whole(self, request: web.Request) -> web.Response:
        self.calls.append((await request.read(), dict(request.headers)))
        response = web.Response(body=b'{"text": "%s"}' % (b"so " * 1000))
        response.headers["Content-Type"] = "application/json"
        response.enable_compression()  # for those who say that they understand it
        return response

    async def redirect(self, request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/followed"}, text="elsewhere")

    async def follow(self, request: web.Request) -> web.Response:
        self.followed = True
        return web.Response()

    async def busy(self, request: web.Request) -> web.Response:
        return web.json_response({"error": "busy"}, status=503)

    async def locked(self, request: web.Request) -> web.Response:
        return web.json_response({"error": "Unauthorized"}, status=401)

    async def cut(self, request: web.Request) -> web.StreamResponse:
        """Promise more than is sent."""
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    async def once(self, request: web.Request) -> web.Response:
        """Answer, and close the connection as soon as it is used again."""
        assert request.transport is not None
        if request.transport in self.seen:
            request.transport.abort()
        self.seen.append(request.transport)
        return web.Response(body=b"ok")

    async def never(self, request: web.Request) -> web.Response:
        await self.go_on.wait()
        return web.Response()


@pytest.fixture
async def engine() -> AsyncGenerator[Engine]:
    with reserve(None) as port:
        engine = Engine(f"http://127.0.0.1:{port_of(port)}")
        app = web.Application()
        handlers = ("stream", "whole", "redirect", "busy", "locked", "cut", "once", "never")
        app.add_routes([web.post(f"/{name}", getattr(engine, name)) for name in handlers])
        app.add_routes([web.route("*", "/followed", engine.follow)])
        async with serving(app, port):
            yield engine


@pytest.fixture
async def engines() -> AsyncGenerator[Http1Engines]:
    engines = Http1Engines(Deadlines(connect_s=2, first_byte_s=0.3, idle_s=0.3))
    await engines.open()
    yield engines
    await engines.close()


def a_call(path: str, body: bytes = b"{}", *, accept: str = "*/*") -> EngineCall:
    return EngineCall(path=path, body=body, accept=accept, request_id="asked", session="s")


async def pieces(reply: EngineReply) -> AsyncGenerator[bytes]:
    """Yield an answer as it comes, and take nothing more before the next is asked for."""
    loop = asyncio.get_running_loop()
    come: asyncio.Queue[tuple[bytes, asyncio.Future[None]]] = asyncio.Queue()

    def take(piece: bytes) -> asyncio.Future[None]:
        taken: asyncio.Future[None] = loop.create_future()
        come.put_nowait((piece, taken))
        return taken

    pouring = asyncio.create_task(reply.pour(take))
    try:
        while True:
            coming = asyncio.create_task(come.get())
            await asyncio.wait({pouring, coming}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                pouring.result()
                return
            piece, taken = coming.result()
            yield piece
            taken.set_result(None)
    finally:
        pouring.cancel()


def to(url: str) -> Route:
    return Route(
        instance_id=InstanceId(a_number()),
        organization_id=ACME,
        model_id="acme/chat",
        base_url=url,
        queue_depth=0,
        fresh_at=NOON,
    )


async def test_an_answer_is_relayed_byte_by_byte(engine: Engine, engines: Http1Engines) -> None:
    body = b'{"model": "acme/chat"}'
    reply = await engines.send(to(engine.url), a_call("/whole", body, accept="application/json"))
    assert (reply.status_code, reply.content_type) == (200, "application/json")
    assert b"".join([chunk async for chunk in pieces(reply)]) == b'{"text": "%s"}' % (b"so " * 1000)
    reply.close()
    [(received, headers)] = engine.calls
    assert received == body
    assert (headers["Content-Type"], headers["Accept"]) == ("application/json", "application/json")
    assert (headers["X-Request-ID"], headers["X-Inventiv-Session"]) == ("asked", "s")


async def test_an_engine_is_shown_its_own_key_and_nothing_where_it_has_none(
    engine: Engine, engines: Http1Engines
) -> None:
    for key in (Secret("ek_one"), Secret("ek_other"), None):
        reply = await engines.send(replace(to(engine.url), engine_key=key), a_call("/whole"))
        reply.close()
    shown = [headers.get("Authorization") for _, headers in engine.calls]
    assert shown == ["Bearer ek_one", "Bearer ek_other", None]
    assert "ek_one" not in repr(replace(to(engine.url), engine_key=Secret("ek_one")))


async def test_an_engine_that_does_not_take_its_key_is_as_good_as_none(
    engine: Engine, engines: Http1Engines
) -> None:
    """Its answer is about us: callers would think that their own credentials are refused."""
    with pytest.raises(EngineNotReached):
        await engines.send(to(engine.url), a_call("/locked"))


async def test_chunks_come_as_they_are_sent(engine: Engine, engines: Http1Engines) -> None:
    reply = await engines.send(to(engine.url), a_call("/stream", b"{}", accept="text/event-stream"))
    assert reply.content_type == "text/event-stream"
    chunks = pieces(reply)
    assert await anext(chunks) == b"data: one\n\n"
    engine.go_on.set()
    assert [chunk async for chunk in chunks] == [b"data: two\n\n"]
    reply.close()
    assert not engine.hung_up.is_set()


async def test_to_hang_up_in_mid_stream_stops_the_engine(
    engine: Engine, engines: Http1Engines
) -> None:
    reply = await engines.send(to(engine.url), a_call("/stream", b"{}", accept="text/event-stream"))
    await anext(pieces(reply))
    reply.close()
    await asyncio.wait_for(engine.hung_up.wait(), 5)


async def test_connections_are_used_again(engine: Engine, engines: Http1Engines) -> None:
    for _ in range(3):
        reply = await engines.send(to(engine.url), a_call("/whole"))
        async for _chunk in pieces(reply):
            pass
        reply.close()
    assert len(engine.calls) == 3


async def test_a_refusal_of_the_engine_is_an_answer(engine: Engine, engines: Http1Engines) -> None:
    reply = await engines.send(to(engine.url), a_call("/busy"))
    assert reply.status_code == 503
    assert b"".join([chunk async for chunk in pieces(reply)]) == b'{"error": "busy"}'
    reply.close()


async def test_redirects_are_not_followed(engine: Engine, engines: Http1Engines) -> None:
    reply = await engines.send(to(engine.url), a_call("/redirect"))
    assert reply.status_code == 307
    reply.close()
    assert not engine.followed


@pytest.mark.parametrize("url", ["", "http://[::1", "http://a b", "ftp://127.0.0.1"])
async def test_an_address_that_is_none_is_not_reached(engines: Http1Engines, url: str) -> None:
    with pytest.raises(EngineNotReached):
        await engines.send(to(url), a_call("/whole"))


async def test_an_engine_that_does_not_listen_is_not_reached(engines: Http1Engines) -> None:
    with reserve(None) as port, pytest.raises(EngineNotReached):
        await engines.send(to(f"http://127.0.0.1:{port_of(port)}"), a_call("/whole"))


async def test_an_engine_that_does_not_answer_in_time_is_not_reached(
    engine: Engine, engines: Http1Engines
) -> None:
    with pytest.raises(EngineNotReached):
        await engines.send(to(engine.url), a_call("/never"))


@pytest.mark.parametrize("path", ["/cut", "/stream"], ids=["breaks off", "falls silent"])
async def test_an_answer_without_an_end_is_no_answer(
    engine: Engine, engines: Http1Engines, path: str
) -> None:
    reply = await engines.send(to(engine.url), a_call(path))
    with pytest.raises(EngineNotReached):
        async for _chunk in pieces(reply):
            pass
    reply.close()


async def test_an_answer_that_takes_too_long_is_ended(engine: Engine) -> None:
    engines = Http1Engines(Deadlines(idle_s=30, total_s=0.2))
    await engines.open()
    reply = await engines.send(to(engine.url), a_call("/stream"))
    with pytest.raises(EngineNotReached, match="too long"):
        async for _chunk in pieces(reply):
            pass
    await asyncio.wait_for(engine.hung_up.wait(), 5)
    await engines.close()


async def test_time_that_the_caller_takes_is_none_of_the_engine_s(
    engine: Engine, engines: Http1Engines
) -> None:
    reply = await engines.send(to(engine.url), a_call("/stream"))
    chunks = pieces(reply)
    assert await anext(chunks) == b"data: one\n\n"
    await asyncio.sleep(0.5)
    engine.go_on.set()
    assert [chunk async for chunk in chunks] == [b"data: two\n\n"]
    reply.close()


async def test_an_idle_connection_that_the_engine_has_closed_is_not_the_end(
    engine: Engine, engines: Http1Engines
) -> None:
    for _ in range(3):
        reply = await engines.send(to(engine.url), a_call("/once"))
        assert [chunk async for chunk in pieces(reply)] == [b"ok"]
        reply.close()


async def test_a_client_that_is_not_open_reaches_nobody(engine: Engine) -> None:
    engines = Http1Engines(Deadlines())
    for _ in range(2):
        with pytest.raises(EngineNotReached):
            await engines.send(to(engine.url), a_call("/whole"))
        await engines.open()
        await engines.close()
    with suppress(EngineNotReached):
        await engines.close()


class Wire:
    """An engine that says, byte for byte, what each test wants."""

    def __init__(self) -> None:
        self.says: list[bytes] = []
        self.then_closes = False
        self.connections = 0
        self.requests: list[bytes] = []
        self.sent_bytes = 0
        self.gone = asyncio.Event()
        self.heard = asyncio.Event()
        """Set when somebody has connected."""
        self.url = ""
        self._tasks: list[asyncio.Task[None] | None] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.heard.set()
        self._tasks.append(asyncio.current_task())
        self._writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
                for piece in self.says:
                    writer.write(piece)
                    await writer.drain()
                    self.sent_bytes += len(piece)
                if self.then_closes:
                    break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.gone.set()

    async def stop(self) -> None:
        """Hang up on everybody."""
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*filter(None, self._tasks))


@pytest.fixture
async def wire() -> AsyncGenerator[Wire]:
    """Listens at ``wire.url``."""
    wire = Wire()
    async with await asyncio.start_server(wire.serve, "127.0.0.1", 0) as server:
        wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield wire
        await wire.stop()


async def said(engines: Http1Engines, wire: Wire) -> bytes:
    """Return the whole body of an answer."""
    reply = await engines.send(to(wire.url), a_call("/call"))
    try:
        return b"".join([chunk async for chunk in pieces(reply)])
    finally:
        reply.close()


OK = b"HTTP/1.1 200 OK\r\n"
SHORT = OK + b"Content-Length: 2\r\n\r\nok"


async def test_a_body_may_end_with_the_connection(engines: Http1Engines, wire: Wire) -> None:
    wire.says, wire.then_closes = [OK + b"\r\n", b"all of it"], True
    assert await said(engines, wire) == b"all of it"
    assert await said(engines, wire) == b"all of it"
    assert wire.connections == 2


async def test_what_comes_before_an_answer_is_none(engines: Http1Engines, wire: Wire) -> None:
    wire.says = [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + SHORT]
    assert await said(engines, wire) == b"ok"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_may_have_no_body(engines: Http1Engines, wire: Wire, status: int) -> None:
    wire.says = [b"HTTP/1.1 %d Nothing\r\n\r\n" % status]
    assert await said(engines, wire) == b""
    assert await said(engines, wire) == b""
    assert wire.connections == 1


async def test_an_engine_that_closes_is_called_anew(engines: Http1Engines, wire: Wire) -> None:
    wire.says = [OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"]
    for _ in range(2):
        assert await said(engines, wire) == b"ok"
    assert wire.connections == 2


async def test_one_connection_does_for_one_call_after_the_other(
    engines: Http1Engines, wire: Wire
) -> None:
    wire.says = [SHORT]
    for _ in range(5):
        assert await said(engines, wire) == b"ok"
    assert wire.connections == 1


async def test_what_nobody_has_asked_for_reaches_nobody(engines: Http1Engines, wire: Wire) -> None:
    wire.says = [SHORT + SHORT]
    for _ in range(3):
        assert await said(engines, wire) == b"ok"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"nothing of the kind\r\n\r\n",
        OK + b"Content-Length: two\r\n\r\nok",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
        OK + b"X: " + b"x" * 80_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ],
    ids=["no HTTP", "no length", "two lengths", "an endless head", "another protocol"],
)
async def test_what_is_no_answer_is_not_taken_for_one(
    engines: Http1Engines, wire: Wire, nonsense: bytes
) -> None:
    wire.says = [nonsense]
    with pytest.raises(EngineNotReached):
        await said(engines, wire)
    await asyncio.wait_for(wire.gone.wait(), 5)


async def test_a_bad_chunk_ends_an_answer_that_has_begun(engines: Http1Engines, wire: Wire) -> None:
    wire.says = [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n"]
    with pytest.raises(EngineNotReached):
        await said(engines, wire)


@pytest.mark.parametrize("field", ["request_id", "session", "accept", "path"])
async def test_nothing_smuggles_a_line_into_a_request(
    engines: Http1Engines, wire: Wire, field: str
) -> None:
    wire.says = [SHORT]
    smuggling = replace(a_call("/call"), **{field: "x\r\nAuthorization: none"})  # type: ignore[arg-type]
    with pytest.raises(EngineNotReached):
        await engines.send(to(wire.url), smuggling)
    assert wire.requests == []


async def test_an_engine_writes_no_faster_than_the_caller_reads(
    engines: Http1Engines, wire: Wire
) -> None:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    wire.says = [OK + b"Transfer-Encoding: chunked\r\n\r\n", *[piece] * 1000, b"0\r\n\r\n"]
    reply = await engines.send(to(wire.url), a_call("/call"))
    chunks = pieces(reply)
    await anext(chunks)
    await asyncio.sleep(0.2)
    held = wire.sent_bytes
    await asyncio.sleep(0.1)
    assert wire.sent_bytes == held < 1000 * len(piece)
    rest = [len(chunk) async for chunk in chunks]
    assert sum(rest) > 900 * 0x10000
    assert max(rest) < 20 * 0x10000
    reply.close()


async def test_whoever_waits_no_longer_hangs_up(engines: Http1Engines, wire: Wire) -> None:
    calling = asyncio.ensure_future(engines.send(to(wire.url), a_call("/call")))
    await wire.heard.wait()
    calling.cancel()
    with suppress(asyncio.CancelledError):
        await calling
    await asyncio.wait_for(wire.gone.wait(), 5)
