"""What `Bus` promises, kept within one process and between several."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from inventiv_adapters.kernel.memory import MemoryBus
from inventiv_adapters.kernel.redis import CHANNEL, RedisBus
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from tests.builders import NOON, Market, a_number
from tests.redis import RedisServer

PATIENCE_S = 10.0


def a_message() -> Message:
    event = InstanceChanged.of(Market().instance(), at=NOON)
    return Message(id=a_number().int, event=event)


class Ear:
    """Hears messages, and can be waited for."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self._changed = asyncio.Event()

    def __call__(self, message: Message) -> None:
        self.heard.append(message)
        self._changed.set()

    async def until(self, message: Message) -> None:
        """Return when ``message`` has been heard."""
        async with asyncio.timeout(PATIENCE_S):
            while message not in self.heard:
                self._changed.clear()
                await self._changed.wait()


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


async def test_every_listener_hears_every_message_in_order(bus: Any) -> None:
    ears = [Ear(), Ear()]
    for ear in ears:
        bus.subscribe(ear)
    messages = [a_message() for _ in range(5)]
    await bus.publish(messages[:3])
    await bus.publish([])
    await bus.publish(messages[3:])
    for ear in ears:
        await ear.until(messages[-1])
        assert ear.heard == messages


async def test_whoever_has_stopped_listening_hears_no_more(bus: Any) -> None:
    early, late = Ear(), Ear()
    stop: Callable[[], None] = bus.subscribe(early)
    bus.subscribe(late)
    first, second = a_message(), a_message()
    await bus.publish([first])
    await late.until(first)
    stop()
    stop()
    await bus.publish([second])
    await late.until(second)
    assert early.heard == [first]


async def test_a_listener_that_listens_twice_hears_twice_and_stops_once(bus: Any) -> None:
    ear, witness = Ear(), Ear()
    stop: Callable[[], None] = bus.subscribe(ear)
    bus.subscribe(ear)
    stop()
    bus.subscribe(witness)
    message = a_message()
    await bus.publish([message])
    await witness.until(message)
    assert ear.heard == [message]


async def test_a_listener_may_stop_while_it_hears(bus: Any) -> None:
    stops: list[Callable[[], None]] = []
    witness = Ear()
    heard: list[Message] = []

    def once(message: Message) -> None:
        heard.append(message)
        stops[0]()

    stops.append(bus.subscribe(once))
    bus.subscribe(witness)
    messages = [a_message(), a_message()]
    await bus.publish(messages)
    await witness.until(messages[-1])
    assert (heard, witness.heard) == (messages[:1], messages)


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
