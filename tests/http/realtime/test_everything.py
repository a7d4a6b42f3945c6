"""Whatever is committed, relayed, lost, cut and killed: each event once to each subscriber."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from inventiv_core.identity.events import AccessChanged
from inventiv_core.realtime.entities import DEFAULT_TOPICS, Watch
from inventiv_http.realtime import feed as feeds
from inventiv_http.realtime.streams import LiveEvents, Subscription
from tests.builders import ACME, NOON, OTHER
from tests.http.realtime.lines import Line, World, changed, logged
from tests.http.server import eventually

TURNS = 3
"""Enough for whatever is under way to get on, and not to its end."""

some = st.integers(min_value=0, max_value=2)
replicas = st.sampled_from([0, 1])
few = st.integers(min_value=1, max_value=4)


@dataclass
class Subscriber:
    """A browser: it comes back with the last id it has read, to whatever process."""

    watch: Watch
    user_id: UUID
    line: Line | None = None
    task: asyncio.Task[None] | None = None
    replica: int = 0
    last_id: int | None = None
    seen: list[str] = field(default_factory=list[str])
    spans: list[tuple[int, int | None]] = field(default_factory=list[tuple[int, int | None]])
    """What it must know everything of: up to a number, or to this day."""

    def read(self, *, unread: int = 0) -> None:
        """Read what the line has brought, but for the last frames, which were cut off."""
        assert self.line is not None
        frames = self.line.frames
        for frame in frames[: max(0, len(frames) - unread)]:
            if frame.event == "hello" and frame.id is not None:
                self.spans.append((frame.id, None))
            elif frame.event == "reset":
                assert frame.id is not None
                self.spans[-1] = (self.spans[-1][0], self.last_id)
                self.spans.append((frame.id, None))
            elif frame.event != "hello" and frame.data is not None:
                self.seen += frame.data["ids"]
            self.last_id = self.last_id if frame.id is None else frame.id
        self.line.leave()
        self.line = None


class Replicas(RuleBasedStateMachine):
    """Two processes with a feed each, a bus that loses and repeats, and three who read."""

    def __init__(self, runner: asyncio.Runner) -> None:
        super().__init__()
        self._runner = runner
        self.number = 0

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.feeds = [self.world.feed(), self.world.feed()]
        self.events: list[tuple[int, Any]] = []
        watches = [Watch(organization_id=owner, topics=DEFAULT_TOPICS) for owner in (ACME, OTHER)]
        self.subscribers = [
            Subscriber(watch=watches[number % 2], user_id=UUID(int=number)) for number in range(3)
        ]

    def do(self, what: Any) -> Any:
        """Do something, and let everybody have some turns."""

        async def run() -> Any:
            answer = await what if what is not None else None
            for _ in range(TURNS):
                await asyncio.sleep(0)
            return answer

        return self._runner.run(run())

    def one(self, owner: UUID) -> Any:
        self.number += 1
        kind = changed if self.number % 3 else logged
        return kind(self.number, owner=owner)

    @rule(owners=st.lists(st.sampled_from([ACME, OTHER]), min_size=1, max_size=4))
    def commit(self, owners: list[UUID]) -> None:
        self.do(self.world.commit(*map(self.one, owners)))

    @rule(who=some)
    def change_access(self, who: int) -> None:
        event = AccessChanged(user_id=self.subscribers[who].user_id, occurred_at=NOON)
        self.do(self.world.commit(event))

    @rule(brings=st.lists(st.lists(st.booleans(), max_size=6), min_size=2, max_size=2))
    def relay(self, brings: list[list[bool]]) -> None:
        """The bus brings some messages to some processes, and some of them twice."""

        async def bring() -> None:
            messages = await self.world.deliver()
            for feed, mask in zip(self.feeds, brings, strict=True):
                for place, message in enumerate(messages):
                    times = 1 if place >= len(mask) else 2 * mask[place]  # by default it works
                    for _ in range(times):
                        feed.hear(message)

        self.do(bring())

    @rule(who=some, replica=replicas)
    def connect(self, who: int, replica: int) -> None:
        subscriber = self.subscribers[who]
        self.notice(subscriber)
        if subscriber.line is not None:
            return
        line = Line()

        async def judge() -> Subscription:
            await asyncio.sleep(0)
            return Subscription(
                watch=subscriber.watch,
                expires_at=NOON + timedelta(hours=1),
                replay=self.world.replay,
            )

        stream = LiveEvents(
            self.feeds[replica], judge, user_id=subscriber.user_id, last_id=subscriber.last_id
        )

        async def start() -> None:
            answer: Any = stream({}, line.receive, line.send)  # type: ignore[arg-type]
            subscriber.task = asyncio.create_task(answer)

        subscriber.line, subscriber.replica = line, replica
        self.do(start())

    @rule(who=some, unread=some)
    def disconnect(self, who: int, unread: int) -> None:
        subscriber = self.subscribers[who]
        if subscriber.line is not None:
            subscriber.read(unread=unread)
        self.do(None)

    @rule(who=some)
    def stop_reading(self, who: int) -> None:
        line = self.subscribers[who].line
        if line is not None:
            line.has_room = False

    @rule(replica=replicas)
    def kill(self, replica: int) -> None:
        for subscriber in self.subscribers:
            if subscriber.line is not None and subscriber.replica == replica:
                subscriber.read(unread=1)
        self.feeds[replica] = self.world.feed()
        self.do(None)

    @rule()
    def forget(self) -> None:
        self.do(self.world.relay.forget(before=NOON + timedelta(hours=1)))

    @rule(turns=st.integers(min_value=1, max_value=20))
    def wait(self, turns: int) -> None:
        for _ in range(turns):
            self.do(None)

    @rule()
    def wait_for_long(self) -> None:
        self.do(asyncio.sleep(0.002))

    def notice(self, subscriber: Subscriber) -> None:
        """See that a line is over."""
        line = subscriber.line
        if line is not None and (line.is_over or line.was_aborted):
            subscriber.read()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        while self.world.is_waiting:
            self.relay([[], []])
        newest = self.do(self.world.log.newest())
        for who, subscriber in enumerate(self.subscribers):
            if subscriber.line is not None and not subscriber.line.has_room:
                subscriber.read()
            while True:
                self.connect(who, who % 2)
                assert subscriber.line is not None
                if self.do(self.until(subscriber.line, newest)):
                    break
            subscriber.read()
            self.check(subscriber, newest)
        self.do(eventually(lambda: all(feed.readers == 0 for feed in self.feeds)))

    async def until(self, line: Line, newest: int) -> bool:
        """Return when the line has brought all there is; false if it has ended before."""

        def has_all() -> bool:
            return any((frame.id or 0) >= newest for frame in line.frames)

        subscriber = next(each for each in self.subscribers if each.line is line)
        knows_all = (subscriber.last_id or 0) >= newest
        await eventually(lambda: knows_all or has_all() or line.is_over or line.was_aborted)
        return knows_all or has_all()

    def check(self, subscriber: Subscriber, newest: int) -> None:
        expected = [
            event
            for number, owner, event in self.world.told
            if owner == subscriber.watch.organization_id
            and any(
                start < number <= (newest if end is None else end)
                for start, end in subscriber.spans
            )
        ]
        assert subscriber.seen == expected


def test_each_event_once_and_in_order_to_each_subscriber(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "COALESCE_S", 0.0)
    monkeypatch.setattr(feeds, "LOOK_S", 0.001)
    monkeypatch.setattr(feeds, "KEEP_ALIVE_S", 0.01)
    monkeypatch.setattr(feeds, "AT_ONCE", 2)
    monkeypatch.setattr("inventiv_core.realtime.use_cases.PAGE_EVENTS", 2)
    with asyncio.Runner() as runner:
        factory: Any = partial(Replicas, runner)
        run_state_machine_as_test(
            factory,
            settings=settings(max_examples=80, stateful_step_count=40),
        )
