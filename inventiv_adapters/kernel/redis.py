"""The bus between processes: Redis publish and subscribe.

At most once, by nature: whoever is not connected misses what is said. Nothing
depends on it but speed, for all work is found in tables as well.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from inventiv_adapters.kernel.events import decode, encode
from inventiv_adapters.kernel.memory import MemoryBus
from inventiv_core.kernel.bus import Bus, Listener, Message

CHANNEL = "inventiv:events"
Told: TypeAlias = Callable[[Message], tuple[str, bytes] | None]
"""Returns a channel of others, and how they are told of an event there."""
_RECONNECT_S = 1.0
_POLL_S = 5.0


class RedisBus(Bus):
    """Fans messages out to every process that listens on the channel."""

    def __init__(
        self, url: str, *, told: Told = lambda _: None, depends_on: str | None = None
    ) -> None:
        """Take how others are told, and the channel on which somebody has to listen, if any."""
        self._told = told
        self._depends_on = depends_on
        self._redis = Redis.from_url(
            url, socket_connect_timeout=5, socket_timeout=10, health_check_interval=15
        )
        self._here = MemoryBus()
        self._reader: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()
        self._log = structlog.get_logger(__name__)

    async def publish(self, messages: Sequence[Message]) -> None:
        channels: list[str] = []
        async with self._redis.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.publish(CHANNEL, encode(message))
                channels.append(CHANNEL)
                if (told := self._told(message)) is not None:
                    pipeline.publish(*told)
                    channels.append(told[0])
            listeners: list[int] = await pipeline.execute()
        for channel, number in zip(channels, listeners, strict=True):
            if channel == self._depends_on and not number:
                self._log.warning("nobody_listens", channel=channel)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        return self._here.subscribe(listener)

    async def open(self) -> None:
        """Begin to listen; return once listening, or after some seconds without Redis."""
        self._reader = asyncio.create_task(self._read(), name="redis bus")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), _POLL_S)

    async def close(self) -> None:
        """Stop listening."""
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await self._redis.aclose()

    async def _read(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    while True:
                        raw = cast("Any", await channel.get_message(timeout=_POLL_S))
                        if raw is None:
                            continue
                        if raw["type"] == "subscribe":
                            self._listening.set()
                        elif raw["type"] == "message":
                            await self._hear(raw["data"])
            except (RedisError, OSError) as error:
                self._log.warning("bus_lost", error=str(error), retry_in_s=_RECONNECT_S)
                await asyncio.sleep(_RECONNECT_S)

    async def _hear(self, data: bytes) -> None:
        message = decode(data)
        if message is not None:
            await self._here.publish([message])
