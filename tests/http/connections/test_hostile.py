"""Clients who mean no good, over real sockets: bounded time, a clear end, and others are served."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Litestar, Response, get

from inventiv_http.connections.lanes import connecting
from inventiv_http.connections.outbox import Outbox
from inventiv_http.connections.patience import Patience
from inventiv_http.container import MemoryAdapters
from tests.conftest import SETTINGS
from tests.http.conftest import SignIn
from tests.http.server import PATIENCE_S, served

SHORT: Final = Patience(sends_s=0.4, takes_s=0.4, request_bytes=8 * 1024 * 1024)
LOGIN: Final = b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHAT: Final = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
BEAT: Final = (
    b"POST /internal/worker/heartbeat HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
)
POSTS: Final = pytest.mark.parametrize("head", [LOGIN, CHAT, BEAT], ids=["login", "chat", "beat"])


@pytest.fixture
async def address(app: Litestar) -> AsyncGenerator[tuple[str, int]]:
    """Where the application listens, with little patience."""
    async with served(app, patience=SHORT) as url:
        parts = urlsplit(url)
        yield str(parts.hostname), int(parts.port or 0)


@pytest.fixture
async def bearer(sign_in: SignIn) -> bytes:
    """Who may call models: with it, their bodies are read."""
    token = (await sign_in("owner")).cookies[SETTINGS.session_cookie_name]
    return b"Authorization: Bearer %s\r\n" % token.encode()


@asynccontextmanager
async def line(
    address: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """Return what is answered until the server hangs up. It must."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def said(address: tuple[str, int], request: bytes) -> bytes:
    """Return the answer to something, up to the end of the connection."""
    async with line(address) as (reader, writer):
        writer.write(request)
        return await end_of(reader)


async def serves(address: tuple[str, int]) -> None:
    """Require that somebody else is served, and soon."""
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}") as other:
        began = time.perf_counter()
        assert (await other.get("/health")).status_code == 200
        assert time.perf_counter() - began < PATIENCE_S


async def dribbled(writer: asyncio.StreamWriter, data: bytes, *, every_s: float = 0.02) -> None:
    """Send byte by byte, until somebody has had enough."""
    for at in range(len(data)):
        try:
            writer.write(data[at : at + 1])
            await writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(every_s)


DRIBBLED: Final = {
    "silence": b"",
    "target": b"GET /" + b"x" * 5000,
    "headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1000,
    "body": LOGIN + b"Content-Length: 5000\r\n\r\n" + b" " * 5000,
    "chunks": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 1000,
    "heartbeat": BEAT + b"Content-Length: 5000\r\n\r\n" + b" " * 5000,
    "second request": b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nA: " + b"b" * 5000,
}


async def test_who_dribbles_is_told_so_and_hung_up_on(address: tuple[str, int]) -> None:
    async def dribble(data: bytes) -> tuple[bytes, float]:
        async with line(address) as (reader, writer):
            began = time.perf_counter()
            saying = asyncio.ensure_future(dribbled(writer, data))
            answer = await end_of(reader)
            saying.cancel()
            return answer, time.perf_counter() - began

    ends = asyncio.gather(*map(dribble, DRIBBLED.values()))
    await serves(address)
    for name, (answer, took_s) in zip(DRIBBLED, await ends, strict=True):
        assert took_s > SHORT.sends_s, name
        is_told = b"HTTP/1.1 408 Request Timeout\r\n" in answer
        assert is_told == (name != "silence"), (name, answer)


async def test_who_asks_for_nothing_more_is_hung_up_on_without_a_word(app: Litestar) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    async with served(app, patience=SHORT, keep_alive_s=0) as url:
        parts = urlsplit(url)
        answer = await said((str(parts.hostname), int(parts.port or 0)), request)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"408" not in answer


async def test_who_asks_again_in_time_is_answered(app: Litestar) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    async with served(app, patience=SHORT, keep_alive_s=5) as url:
        parts = urlsplit(url)
        async with line((str(parts.hostname), int(parts.port or 0))) as (reader, writer):
            for _ in range(2):
                writer.write(request)
                async with asyncio.timeout(PATIENCE_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    await reader.readexactly(length)
                await asyncio.sleep(2 * SHORT.sends_s)  # longer than anything else may take


async def test_a_body_that_comes_slowly_but_surely_is_waited_for(address: tuple[str, int]) -> None:
    body = b'{"email":"nobody","password":"' + b"x" * 8000 + b'"}'
    async with line(address) as (reader, writer):
        writer.write(LOGIN + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        for at in range(0, len(body), 800):
            writer.write(body[at : at + 800])
            await asyncio.sleep(0.1)
        assert (await end_of(reader)).startswith(b"HTTP/1.1 401 ")


@POSTS
async def test_who_leaves_in_the_middle_of_a_body_leaves_nothing(
    address: tuple[str, int], head: bytes, bearer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with line(address) as (_, writer):
        writer.write(head + bearer + b'Content-Length: 50\r\n\r\n{"email":')
        await writer.drain()
        await asyncio.sleep(0.05)
    await serves(address)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_who_takes_nothing_of_an_answer_is_hung_up_on() -> None:
    @get("/large", sync_to_thread=False)
    def large() -> Response[bytes]:
        return Response(b"x" * 50_000_000, media_type="application/octet-stream")

    app = Litestar([large], openapi_config=None)
    app.state.connect = connecting({}, app, Outbox(), trusted_proxies="")
    async with served(app, patience=SHORT) as url:
        parts = urlsplit(url)
        where = str(parts.hostname), int(parts.port or 0)
        async with line(where) as (reader, writer):
            writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            await asyncio.sleep(2)
            async with asyncio.timeout(PATIENCE_S):
                got = await _all_of(reader)
        assert got < 50_000_000
        async with httpx.AsyncClient(base_url=url) as other:
            assert len((await other.get("/large")).content) == 50_000_000


async def _all_of(reader: asyncio.StreamReader) -> int:
    got = 0
    try:
        while piece := await reader.read(65536):
            got += len(piece)
    except ConnectionResetError:
        pass
    return got


@POSTS
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n"]
)
async def test_a_gigantic_body_is_refused_and_not_kept(
    address: tuple[str, int], memory: MemoryAdapters, head: bytes, bearer: bytes, framing: bytes
) -> None:
    piece = b"x" * 65536
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece) if b"chunked" in framing else piece
    sent = 0
    async with line(address) as (reader, writer):
        writer.write(head + bearer + framing + b"\r\n")
        answering = asyncio.ensure_future(end_of(reader))
        async with asyncio.timeout(PATIENCE_S):
            while not answering.done() and sent < 1_000_000_000:
                try:
                    writer.write(chunk)
                    await writer.drain()
                except ConnectionError:
                    break
                sent += len(chunk)
        answer = await answering
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    assert sent < 100_000_000
    await serves(address)


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"x" * 3_000_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500_000,
        b"GET / HTTP/1.1\r\nA: " + b"b" * 3_000_000,
        LOGIN + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 3_000_000,
        LOGIN + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 20_000_000,
    ],
    ids=["target", "headers", "header", "trailers", "chunk extension"],
)
async def test_what_never_ends_is_ended(address: tuple[str, int], endless: bytes) -> None:
    async with line(address) as (reader, writer):
        answering = asyncio.ensure_future(end_of(reader))
        try:
            writer.write(endless)
            async with asyncio.timeout(PATIENCE_S):
                await writer.drain()
        except ConnectionError:
            pass
        answer = await answering
    assert answer == b"" or answer[:13] in {b"HTTP/1.1 431 ", b"HTTP/1.1 413 ", b"HTTP/1.1 400 "}
    await serves(address)


NESTED: Final = b"[" * 100_000
BODIES: Final = {
    "nested": b'{"email":"a","password":' + NESTED,
    "nested and closed": b'{"x":' + NESTED + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"email":"\xff\xfe","password":"b","model":"\xff","instance_id":"\xff"}',
    "BOM": b'\xef\xbb\xbf{"email":"a","password":"b","model":"m"}',
    "UTF-16": '{"email":"a","password":"b","model":"m"}'.encode("utf-16"),
    "UTF-32": '{"email":"a","password":"b","model":"m"}'.encode("utf-32"),
    "half a surrogate": b'{"email":"\\ud800","password":"b","model":"\\ud800"}',
    "NUL": b'{"email":"\\u0000","password":"b","model":"\\u0000"}',
    "huge number": b'{"email":' + b"9" * 100_000 + b"}",
    "huge exponent": b'{"email":1e999999999}',
    "empty": b"",
}


@POSTS
async def test_a_body_that_is_no_json_or_none_that_is_sane_is_refused(
    address: tuple[str, int], head: bytes, bearer: bytes
) -> None:
    for name, body in BODIES.items():
        framing = b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        answer = await said(address, head + bearer + framing + body)
        assert answer.startswith(b"HTTP/1.1 4"), (name, answer[:200])
    await serves(address)


SMUGGLED: Final = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


AMBIGUOUS: Final = [
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    b"Content-Length: 4\r\nContent-Length: 40\r\n",
    b"Content-Length: 4, 40\r\n",
    b"Content-Length: +4\r\n",
    b"Content-Length: 0x4\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999999\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"A: b\r\n Transfer-Encoding: chunked\r\n",
    b"A: b\rTransfer-Encoding: chunked\r\n",
    b"A: b\0c\r\n",
    b"A b: c\r\n",
    b": c\r\n",
]


async def test_what_two_servers_could_read_differently_is_refused(address: tuple[str, int]) -> None:
    for fields in AMBIGUOUS:
        answer = await said(address, LOGIN + fields + b"\r\n0\r\n\r\n" + SMUGGLED)
        assert answer.count(b"HTTP/1.1 ") <= 1, (fields, answer)
        assert answer[:10] in {b"", b"HTTP/1.1 4"}, (fields, answer)
        assert b" 404 " not in answer, fields  # nobody has heard of what was hidden in it
    await serves(address)


NO_REQUESTS: Final = [
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET  / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\0" * 100,
    b"NONSENSE / HTTP/1.1\r\n\r\n",
    b"GET /%00%ff%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n",
]


async def test_whatever_is_no_request_ends_at_once_or_soon(address: tuple[str, int]) -> None:
    for sent in NO_REQUESTS:
        answer = await said(address, sent)
        assert b" 500 " not in answer, (sent, answer)
        assert b"\r\nX:" not in answer, (sent, answer)
    await serves(address)


async def test_of_two_headers_of_one_name_no_answer_is_made_of_both(
    address: tuple[str, int], bearer: bytes
) -> None:
    answer = await said(
        address,
        b"GET /auth/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        b"Authorization: Bearer nonsense\r\n" + bearer + b"\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_what_is_said_back_is_no_header_of_its_own(address: tuple[str, int]) -> None:
    for value in (b"a\r\nX-Injected: yes", b"a\nX-Injected: yes", b"\xff\xfe", b"x" * 9000):
        fields = b"X-Request-ID: %s\r\nOrigin: %s\r\nConnection: close\r\n" % (value, value)
        answer = await said(address, b"GET /health HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        assert b"\r\nx-injected" not in answer.lower()
        assert len(answer) < 5000


async def test_many_who_say_nothing_keep_nobody_from_being_served(address: tuple[str, int]) -> None:
    lines = [await asyncio.open_connection(*address) for _ in range(200)]
    for _, writer in lines[::2]:
        writer.write(LOGIN + b"Content-Length: 500\r\n\r\n{")
    await serves(address)
    ends = await asyncio.gather(*(end_of(reader) for reader, _ in lines))
    assert all(end.startswith(b"HTTP/1.1 408 ") for end in ends[::2])
    assert not any(ends[1::2])
    for _, writer in lines:
        writer.close()
