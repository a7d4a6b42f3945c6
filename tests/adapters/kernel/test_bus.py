"""What `Bus` promises, kept within one process and between several."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from inventiv_adapters.kernel.memory import MemoryBus
from inventiv_adapters.kernel.redis import CHANNEL, RedisBus
from inventiv_adapters.testing.buses import PATIENCE_S, BusContract, Ear, a_message
from tests.redis import RedisServer


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[RedisBus]:
    bus = RedisBus(url)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncGenerator[Any]:
    if request.param == "memory":
        bus = MemoryBus()
        await bus.open()
        yield bus
        await bus.close()
    else:
        async with connected(request.getfixturevalue("redis_url")) as redis_bus:
            yield redis_bus


class TestEveryBus(BusContract):
    """Within one process, and between several."""


async def test_two_buses_hear_each_other(redis_url: str) -> None:
    async with connected(redis_url) as here, connected(redis_url) as there:
        ears = Ear(), Ear()
        here.subscribe(ears[0])
        there.subscribe(ears[1])
        for publish in (here.publish, there.publish):
            message = a_message()
            await publish([message])
            for ear in ears:
                await ear.until(message)


@asynccontextmanager
async def far_away(url: str) -> AsyncGenerator[str]:
    """Yield an address at which whatever is said arrives at ``url`` a little later."""
    there = urlsplit(url)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            await asyncio.sleep(0.1)
            writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(pass_on(reader, forth), pass_on(back, writer))

    async with await asyncio.start_server(connect, "127.0.0.1") as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_bus_that_is_open_listens_already(redis_url: str) -> None:
    async with (
        far_away(redis_url) as distant,
        connected(redis_url) as speaker,
        connected(distant) as bus,
    ):
        ear, message = Ear(), a_message()
        bus.subscribe(ear)
        await speaker.publish([message])
        await ear.until(message)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x00\xff",
        b"null",
        b'{"id": 1}',
        b'{"id": 1, "name": "NobodyKnows", "payload": {}}',
        b'{"id": 1, "name": "InstanceChanged", "payload": {}}',
        b'{"id": 1, "name": "\xff", "payload": {}}',
        b'{"id": 1, "name": "x", "payload": {"x":' + b"[" * 100_000,
    ],
    ids=lambda garbage: repr(garbage[:60]),
)
async def test_garbage_on_the_channel_is_passed_over(redis_url: str, garbage: bytes) -> None:
    with capture_logs():
        async with connected(redis_url) as bus, Redis.from_url(redis_url) as redis:
            ear, message = Ear(), a_message()
            bus.subscribe(ear)
            await redis.publish(CHANNEL, garbage)
            await bus.publish([message])
            await ear.until(message)
            assert ear.heard == [message]


async def test_a_bus_survives_a_restart_of_redis(redis_server: RedisServer) -> None:
    with capture_logs():
        async with connected(redis_server.url) as bus:
            ear = Ear()
            bus.subscribe(ear)
            redis_server.stop()
            with pytest.raises(RedisError):
                await bus.publish([a_message()])
            redis_server.start()
            async with asyncio.timeout(PATIENCE_S):
                while not ear.heard:
                    await bus.publish([a_message()])
                    await asyncio.sleep(0.05)


async def test_a_bus_that_never_found_redis_can_be_closed() -> None:
    bus = RedisBus("redis://127.0.0.1:1")
    await bus.close()
