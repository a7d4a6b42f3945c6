"""The feed: one for all clients of this process, woken by what the bus brings."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.identity.events import ActRecorded
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.events import DomainEvent
from inventiv_core.realtime.entities import Watch

KEEP_ALIVE_S: Final = 15.0
COALESCE_S: Final = 0.03
"""What happens within this time goes out together: commits come in bursts."""
MAX_WAITING: Final = 5_000
"""A client that is this many events behind is let go: it will come back and read anew."""
_MAX_INSTANCE_IDS: Final = 200
_MAX_ACTION_IDS: Final = 500

_HELLO: Final = b'event: hello\ndata: {"ok":true}\n\n'
_KEEP_ALIVE: Final = b": keep-alive\n\n"


class InstancesUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """The data of ``instance.updated``."""

    ids: list[UUID]
    emitted_at: datetime


class ActionsCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The data of ``action_log.created``: actions that began, or ended."""

    ids: list[UUID]
    instance_ids: list[UUID]
    emitted_at: datetime


class _Client:
    """One reader: what it wants, and what waits for it."""

    def __init__(self, watch: Watch | None) -> None:
        self.watch = watch
        self.waiting: list[DomainEvent] = []
        self.news = asyncio.Event()
        self.dropped = False

    def hear(self, event: DomainEvent) -> None:
        """Have the event wait, if it is wanted; whoever is too far behind gets nothing more."""
        if self.dropped or self.watch is None or not self.watch.wants(event):
            return
        self.waiting.append(event)
        if len(self.waiting) > MAX_WAITING:
            self.waiting.clear()
            self.drop()
        self.news.set()

    def drop(self) -> None:
        """Let the reader go."""
        self.dropped = True
        self.news.set()


class Feed:
    """Hands events to readers. Bounded for each: who does not read is let go."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clients: set[_Client] = set()
        self._closed = False

    def hear(self, message: Message) -> None:
        """Take a message from the bus to those who want it."""
        for client in self._clients:
            client.hear(message.event)

    def close(self) -> None:
        """Let all readers go: the server is stopping."""
        self._closed = True
        for client in self._clients:
            client.drop()

    @property
    def readers(self) -> int:
        """How many read now."""
        return len(self._clients)

    async def read(self, watch: Watch | None) -> AsyncGenerator[bytes]:
        """Yield server-sent events until the reader leaves or is let go.

        Without a watch nothing ever happens, but the line is kept.
        """
        client = _Client(watch)
        self._clients.add(client)
        try:
            yield _HELLO
            while not (client.dropped or self._closed):
                yield await self._next(client)
        finally:
            self._clients.discard(client)

    async def _next(self, client: _Client) -> bytes:
        try:
            async with asyncio.timeout(KEEP_ALIVE_S):
                await client.news.wait()
        except TimeoutError:
            return _KEEP_ALIVE
        if not client.dropped:
            await asyncio.sleep(COALESCE_S)
        client.news.clear()
        events, client.waiting = client.waiting, []
        return b"".join(self._frames(events))

    def _frames(self, events: list[DomainEvent]) -> Iterable[bytes]:
        now = self._clock.now()
        changed = _unique(e.instance_id for e in events if isinstance(e, InstanceChanged))
        for ids in _chunks(changed, _MAX_INSTANCE_IDS):
            yield _frame("instance.updated", InstancesUpdated(ids=ids, emitted_at=now))
        logged = [event for event in events if isinstance(event, ActionLogged | ActRecorded)]
        about = {e.action_log_id: e.instance_id for e in logged if isinstance(e, ActionLogged)}
        for ids in _chunks(_unique(event.action_log_id for event in logged), _MAX_ACTION_IDS):
            instance_ids = sorted({about[action_id] for action_id in ids if action_id in about})
            data = ActionsCreated(ids=ids, instance_ids=instance_ids, emitted_at=now)
            yield _frame("action_log.created", data)


def _frame(event: str, data: msgspec.Struct) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def _unique(ids: Iterable[UUID]) -> list[UUID]:
    return list(dict.fromkeys(ids))


def _chunks(ids: list[UUID], size: int) -> Iterable[list[UUID]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
