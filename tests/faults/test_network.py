"""The network of these tests does what it is told: otherwise nothing would be tested."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.faults.network import Link, State


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while said := await reader.read(100):
            writer.write(said)
    writer.close()


@asynccontextmanager
async def linked() -> AsyncGenerator[Link]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    link = await Link(("127.0.0.1", port)).listen()
    async with server:
        yield link
        await link.close()
    await asyncio.sleep(0.01)  # sockets are closed by the loop


async def test_what_is_whole_is_as_if_it_were_not_there() -> None:
    async with linked() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"hello")
        assert await reader.read(5) == b"hello"
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


async def test_what_is_cut_ends_at_once_until_it_is_whole() -> None:
    async with linked() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"hello")
        assert await reader.read(5) == b"hello"
        await link.become(State.CUT)
        with pytest.raises(ConnectionResetError):
            await reader.read(5)
        writer.close()
        await link.become(State.WHOLE)
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"again")
        assert await reader.read(5) == b"again"
        writer.close()


async def test_what_falls_into_a_hole_is_not_answered_and_comes_later() -> None:
    async with linked() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        await link.become(State.HOLE)
        writer.write(b"hello")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(5)
        await link.become(State.WHOLE)
        assert await reader.read(5) == b"hello"
        writer.close()


async def test_what_is_slow_comes_late() -> None:
    async with linked() as link:
        link.delay_s = 0.05
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        began = time.monotonic()
        writer.write(b"hello")
        assert await reader.read(5) == b"hello"
        assert time.monotonic() - began >= 2 * link.delay_s
        writer.close()
