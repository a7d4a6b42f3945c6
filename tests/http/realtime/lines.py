"""A world in memory that things happen in, and lines on which people read of them."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.memory import MemoryDatabase, MemoryRelay
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.realtime.memory import MemoryEventLog
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message, Stretch
from inventiv_core.kernel.events import DomainEvent
from inventiv_core.realtime.entities import DEFAULT_TOPICS, Watch
from inventiv_core.realtime.use_cases import FollowEvents, ReplayEvents
from inventiv_http.connections.protocol import LINE
from inventiv_http.realtime.feed import Feed
from inventiv_http.realtime.streams import LiveEvents, Subscription
from tests.builders import ACME, ALICE, NOON, an_actor
from tests.http.server import eventually

WATCH = Watch(organization_id=ACME, topics=DEFAULT_TOPICS)


def changed(number: int, *, owner: UUID = ACME) -> InstanceChanged:
    return InstanceChanged(
        instance_id=UUID(int=number), organization_id=owner, status="ready", occurred_at=NOON
    )


def logged(number: int, *, instance: int = 1, owner: UUID = ACME) -> ActionLogged:
    return ActionLogged(
        action_log_id=UUID(int=number),
        instance_id=UUID(int=instance),
        organization_id=owner,
        occurred_at=NOON,
    )


class World:
    """Things happen in it, and are numbered; who hears of them is up to the test."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.told: list[tuple[int, UUID, str]] = []
        """What was numbered, whose it is, and the id that clients see."""
        self._database = MemoryDatabase()
        self.log = MemoryEventLog(self._database)
        self.relay = MemoryRelay(self._database)
        self._unit_of_work = MemoryUnitOfWork(self._database)

    def feed(self) -> Feed:
        """Return the feed of one more process."""
        return Feed(self.clock, FollowEvents(event_log=self.log))

    async def commit(self, *events: DomainEvent) -> None:
        async with self._unit_of_work() as work:
            for event in events:
                await work.outbox.add(event)

    async def deliver(self) -> list[Message]:
        """Return what a relay would publish now; it counts as published."""
        published: list[Message] = []

        async def publish(messages: Sequence[Message]) -> None:
            published.extend(messages)

        await self.relay.deliver(publish)
        for message in published:
            match message.event:
                case InstanceChanged(organization_id=UUID() as owner, instance_id=id):
                    self.told.append((message.id, owner, str(id)))
                case ActionLogged(organization_id=UUID() as owner, action_log_id=id):
                    self.told.append((message.id, owner, str(id)))
                case _:
                    pass
        return published

    @property
    def is_waiting(self) -> bool:
        """Whether something was committed that nobody has relayed."""
        return bool(self._database.outbox) or self._database.published < self._database.numbered

    async def happen(self, *events: DomainEvent, to: Sequence[Feed] = ()) -> list[Message]:
        """Have events happen, and the bus bring them to ``to``."""
        await self.commit(*events)
        messages = await self.deliver()
        for feed in to:
            for message in messages:
                feed.hear(message)
        return messages

    async def replay(self, watch: Watch, after: int, until: int) -> Stretch:
        """Read what somebody in the organization of ``watch`` has missed."""
        owner = OrganizationId(watch.organization_id)
        replay_events = ReplayEvents(event_log=self.log)
        return await replay_events(watch, after, until, actor=an_actor(organization=owner))


@dataclass(frozen=True)
class Frame:
    """What a client understands of one frame."""

    event: str | None
    data: Any
    id: int | None
    retry: int | None = None


def understood(text: str) -> list[Frame]:
    """Read server-sent events as browsers do, and say what else is in the frames."""
    frames = []
    for block in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":")
        if fields:
            frames.append(
                Frame(
                    event=fields.get("event"),
                    data=json.loads(fields["data"]) if "data" in fields else None,
                    id=int(fields["id"]) if "id" in fields else None,
                    retry=int(fields["retry"]) if "retry" in fields else None,
                )
            )
    return frames


@dataclass
class Line:
    """The other end of an answer; a server's ``send`` and ``receive`` with a browser behind."""

    has_room: bool = True
    is_shown: bool = True
    """Whether the server shows the connection, as ours does."""
    parts: list[bytes] = field(default_factory=list[bytes])
    written: list[bytes] = field(default_factory=list[bytes])
    """As it goes over the wire."""
    is_over: bool = False
    was_aborted: bool = False
    status: int | None = None
    _left: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Any) -> None:
        if not self.has_room:
            await self._room.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.parts.append(message["body"])
        if not message["more_body"]:
            self.is_over = True
            self._left.set()

    async def receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}

    def write(self, data: bytes) -> None:
        self.written.append(data)
        size, _, rest = data.partition(b"\r\n")
        body = rest.removesuffix(b"\r\n")
        assert len(body) == int(size, 16)
        self.parts.append(body)

    def abort(self) -> None:
        self.was_aborted = True
        self._left.set()

    def leave(self) -> None:
        """Hang up, as the client."""
        self.has_room = True
        self._room.set()
        self._left.set()

    @property
    def text(self) -> str:
        return b"".join(self.parts).decode()

    @property
    def frames(self) -> list[Frame]:
        return understood(self.text)

    async def until(self, count: int) -> list[Frame]:
        """Return the frames there are, once there are that many."""
        await eventually(lambda: len(self.frames) >= count)
        return self.frames

    async def until_id(self, last: int) -> None:
        """Return when everything up to that number was told."""
        await eventually(lambda: self.frames and self.frames[-1].id == last)


@asynccontextmanager
async def reading(
    world: World,
    feed: Feed,
    watch: Watch | None = WATCH,
    *,
    last_id: int | None = None,
    user_id: UUID = ALICE,
    expires_at: datetime = NOON + timedelta(hours=1),
    line: Line | None = None,
) -> AsyncGenerator[Line]:
    """Read from ``feed``; yield the line once it has been greeted."""
    line = line or Line()

    async def judge() -> Subscription:
        return Subscription(watch=watch, expires_at=expires_at, replay=world.replay)

    stream = LiveEvents(feed, judge, user_id=user_id, last_id=last_id)
    scope: Any = {LINE: line} if line.is_shown else {}
    task = asyncio.create_task(stream(scope, cast("Any", line.receive), line.send))
    try:
        if line.has_room:
            await eventually(lambda: line.parts or task.done())
        yield line
    finally:
        line.leave()
        await task
