"""Requests on the short way: the same on the wire as on the long one."""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from litestar.datastructures import State

from inventiv_http.connections.calls import Call
from inventiv_http.connections.lanes import connecting
from inventiv_http.connections.outbox import Outbox
from inventiv_http.connections.patience import PatientConnection
from inventiv_http.connections.protocol import LINE
from tests.http.server import eventually, served

SHORT: Final = "/short"
PATIENCE_S: Final = 5.0


Handler = Callable[[Any, Any, Any], Awaitable[None]]


class Site:
    """An application whose long way says so, and whose short way is up to the test."""

    def __init__(self, lane: Handler, *, trusted_proxies: str = "") -> None:
        self.state = State(
            {
                "connect": connecting(
                    {SHORT: lane},
                    self,  # type: ignore[arg-type]
                    Outbox(),
                    trusted_proxies=trusted_proxies,
                )
            }
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await whole(receive)
        await say(send, b"long")


async def whole(receive: Any) -> bytes:
    """Return all of a request."""
    body = b""
    while True:
        message: dict[str, Any] = await receive()
        assert message["type"] == "http.request"
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)


async def say(send: Any, body: bytes, *, headers: Any = None, status: int = 200) -> None:
    """Answer, in one piece."""
    length = [(b"content-length", b"%d" % len(body))] if headers is None else headers
    await send({"type": "http.response.start", "status": status, "headers": length})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await say(send, b"short:" + await whole(receive))


@asynccontextmanager
async def line_to(site: Site) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with served(site) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(PATIENCE_S):
            yield reader, writer
        writer.close()


def request(body: bytes = b"", *, path: str = SHORT, method: str = "POST", more: str = "") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: here\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """Read one answer: its status line, its headers, and its body."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = dict(line.lower().split(": ", 1) for line in lines)
    if "content-length" in headers:
        return status, headers, await reader.readexactly(int(headers["content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        assert await reader.readline() == b"\r\n"
    assert await reader.readline() == b"\r\n"
    return status, headers, body


async def test_a_request_is_answered_and_the_next_one_too() -> None:
    async with line_to(Site(echo)) as (reader, writer):
        for number in range(3):
            writer.write(request(b"%d" % number))
            status, _, body = await answer(reader)
            assert (status, body) == ("HTTP/1.1 200 OK", b"short:%d" % number)


@pytest.mark.parametrize(
    "asked",
    [
        request(method="PUT"),
        request(path=SHORT + "?a=b"),
        request(path=SHORT + "/"),
        request(more="Expect: 100-continue\r\n"),
        request(more="Connection: upgrade\r\nUpgrade: something\r\n"),
        f"POST {SHORT} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode(),
    ],
)
async def test_whatever_is_unusual_takes_the_long_way(asked: bytes) -> None:
    async with line_to(Site(echo)) as (reader, writer):
        writer.write(asked)
        if b"Expect" in asked:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        *_, body = await answer(reader)
        assert body == b"long"


async def test_a_body_in_pieces_is_whole() -> None:
    async with line_to(Site(echo)) as (reader, writer):
        whole_request = request(bytes(range(256)) * 4096)
        for start in range(0, len(whole_request), 100_000):
            writer.write(whole_request[start : start + 100_000])
            await writer.drain()
            await asyncio.sleep(0.001)
        *_, body = await answer(reader)
        assert body == b"short:" + bytes(range(256)) * 4096


async def test_a_body_in_chunks_is_whole() -> None:
    async with line_to(Site(echo)) as (reader, writer):
        writer.write(f"POST {SHORT} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for piece in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
            writer.write(piece)
            await asyncio.sleep(0.001)
        *_, body = await answer(reader)
        assert body == b"short:onetwo"


async def test_requests_in_a_row_are_answered_in_a_row() -> None:
    async with line_to(Site(echo)) as (reader, writer):
        writer.write(request(b"1") + request(path="/other") + request(b"2") + request(b"3"))
        # what comes while another one is under way takes the long way
        assert [(await answer(reader))[2] for _ in range(4)] == [
            b"short:1", b"long", b"long", b"long",
        ]  # fmt: skip


async def test_an_answer_without_a_length_comes_in_chunks() -> None:
    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"three", "more_body": False})

    async with line_to(Site(stream)) as (reader, writer):
        for _ in range(2):
            writer.write(request())
            _, headers, body = await answer(reader)
            assert (headers["transfer-encoding"], body) == ("chunked", b"onetwothree")


async def test_an_answer_that_has_no_body_has_no_chunks() -> None:
    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await say(send, b"", headers=[], status=204)

    async with line_to(Site(nothing)) as (reader, writer):
        writer.write(request(more="Connection: close\r\n"))
        text = await reader.read()
        assert text.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert text.endswith(b"\r\nconnection: close\r\n\r\n")
        assert b"transfer-encoding" not in text


async def test_who_wants_no_more_is_hung_up_on() -> None:
    async with line_to(Site(echo)) as (reader, writer):
        writer.write(request(b"x", more="Connection: close\r\n"))
        _, headers, body = await answer(reader)
        assert (headers["connection"], body, await reader.read()) == ("close", b"short:x", b"")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
async def test_no_header_can_bring_another_one(
    value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def injected(scope: Any, receive: Any, send: Any) -> None:
        await say(send, b"", headers=[(b"content-length", b"0"), (b"x", value)])

    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        async with line_to(Site(injected)) as (reader, writer):
            writer.write(request())
            status, headers, _ = await answer(reader)
            assert status == "HTTP/1.1 500 Internal Server Error"
            assert "x" not in headers
            assert "set-cookie" not in headers


@pytest.mark.parametrize("body", [b"short", b"too long"])
async def test_an_answer_of_another_length_is_no_valid_one(body: bytes) -> None:
    async def wrong(scope: Any, receive: Any, send: Any) -> None:
        await say(send, body, headers=[(b"content-length", b"6")])

    async with line_to(Site(wrong)) as (reader, writer):
        writer.write(request())
        text = await reader.read()  # to the end of the connection
        assert text.partition(b"\r\n\r\n")[2] == b""


@pytest.mark.parametrize("has_begun", [False, True])
async def test_what_fails_is_no_answer(*, has_begun: bool) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if has_begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    async with line_to(Site(broken)) as (reader, writer):
        writer.write(request())
        text = await reader.read()
        assert text.startswith(b"HTTP/1.1 200" if has_begun else b"HTTP/1.1 500")
        assert not text.endswith(b"0\r\n\r\n")


async def test_it_is_noticed_who_leaves() -> None:
    seen: list[str] = []

    async def patient(scope: Any, receive: Any, send: Any) -> None:
        await whole(receive)
        seen.append("asked")
        seen.append((await receive())["type"])
        await say(send, b"too late")

    async with line_to(Site(patient)) as (_, writer):
        writer.write(request())
        await eventually(lambda: seen)
        writer.close()
        await eventually(lambda: seen == ["asked", "http.disconnect"])


async def test_a_slow_reader_is_waited_for() -> None:
    pieces, sent = 300, 0

    async def much(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for sent in range(1, pieces + 1):  # noqa: B007 - how far it has come
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with line_to(Site(much)) as (reader, writer):
        writer.write(request())
        await eventually(lambda: sent)
        await asyncio.sleep(0.2)
        assert sent < pieces  # all of it would be 20 MB: no buffer takes that
        *_, body = await answer(reader)
        assert len(body) == pieces * 65536


async def test_whoever_is_shown_a_connection_can_write_to_it_and_cut_it() -> None:
    async def direct(scope: Any, receive: Any, send: Any) -> None:
        line = scope[LINE]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        line.write(b"4\r\nword\r\n")
        await asyncio.sleep(0)
        assert line.has_room
        line.abort()

    async with line_to(Site(direct)) as (reader, writer):
        writer.write(request())
        text = await reader.read()
        assert text.endswith(b"\r\n\r\n4\r\nword\r\n")


@pytest.mark.parametrize(("trusted", "seen"), [("127.0.0.1", b"10.1.2.3"), ("", b"127.0.0.1")])
async def test_proxies_are_believed_as_on_the_long_way(trusted: str, seen: bytes) -> None:
    async def who(scope: Any, receive: Any, send: Any) -> None:
        assert isinstance(scope["litestar_app"], Site)
        await say(send, scope["client"][0].encode())

    async with line_to(Site(who, trusted_proxies=trusted)) as (reader, writer):
        writer.write(request(more="X-Forwarded-For: 10.1.2.3\r\n"))
        assert (await answer(reader))[2] == seen


@pytest.mark.parametrize("at_once", [True, False])
async def test_who_leaves_is_noticed_though_they_have_sent_much(*, at_once: bool) -> None:
    size = 70_000  # no more is taken than that before anybody asks for it
    has_left = asyncio.Event()

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        call: Call = receive.__self__
        while at_once and call.more_body:  # noqa: ASYNC110 - what it is about is not to ask for it
            await asyncio.sleep(0.001)
        body = call.take_whole() if at_once else await whole(receive)
        assert body is not None
        assert len(body) == size
        call.on_leave = has_left.set
        await has_left.wait()

    async with served(Site(wait)) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request(b"x" * size))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        async with asyncio.timeout(PATIENCE_S):
            await has_left.wait()


async def test_requests_leave_nothing_for_the_collector() -> None:
    async with served(Site(echo)) as url:
        host, port = url.removeprefix("http://").split(":")

        async def ask(times: int) -> None:
            reader, writer = await asyncio.open_connection(host, int(port))
            for _ in range(times):
                writer.write(request(b"x"))
                await answer(reader)
            writer.close()
            await writer.wait_closed()

        def left() -> int:
            return sum(type(each) in {Call, PatientConnection} for each in gc.get_objects())

        await ask(1)
        gc.collect()
        before = left()
        gc.disable()
        try:
            await ask(50)
            await eventually(lambda: left() <= before)
        finally:
            gc.enable()
