"""The feed: what each reader gets, and when a reader is let go."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.action_logs.events import ActionLogged
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent
from inventiv_core.realtime.entities import DEFAULT_TOPICS, Watch
from inventiv_http.realtime import feed as feeds
from inventiv_http.realtime.feed import Feed
from tests.builders import ACME, NOON, OTHER
from tests.http.server import PATIENCE_S

WATCH = Watch(organization_id=ACME, topics=DEFAULT_TOPICS)
HELLO = b'event: hello\ndata: {"ok":true}\n\n'


@pytest.fixture
def feed() -> Feed:
    return Feed(ManualClock(NOON))


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


def tell(feed: Feed, *events: DomainEvent) -> None:
    for number, event in enumerate(events):
        feed.hear(Message(id=number, event=event))


async def reading(feed: Feed, watch: Watch | None = WATCH) -> AsyncGenerator[bytes]:
    """Return a reader that has been greeted."""
    reader = feed.read(watch)
    assert await anext(reader) == HELLO
    return reader


async def told(reader: AsyncGenerator[bytes]) -> list[tuple[str, Any]]:
    """Return the events of the next piece, by name."""
    async with asyncio.timeout(PATIENCE_S):
        piece = await anext(reader)
    frames = [frame.split("\n") for frame in piece.decode().split("\n\n")[:-1]]
    return [(name.removeprefix("event: "), json.loads(data[6:])) for name, data in frames]


async def test_what_happens_together_is_told_together(feed: Feed) -> None:
    reader = await reading(feed)
    begun = logged(8, instance=2)
    tell(feed, changed(2), changed(1), begun, changed(2), logged(7), begun)
    assert await told(reader) == [
        (
            "instance.updated",
            {
                "ids": [str(UUID(int=2)), str(UUID(int=1))],
                "emitted_at": "2026-01-01T12:00:00Z",
            },
        ),
        (
            "action_log.created",
            {
                "ids": [str(UUID(int=8)), str(UUID(int=7))],
                "instance_ids": [str(UUID(int=1)), str(UUID(int=2))],
                "emitted_at": "2026-01-01T12:00:00Z",
            },
        ),
    ]


async def test_what_happens_a_moment_later_waits_for_the_rest(feed: Feed) -> None:
    reader = await reading(feed)
    next_piece = asyncio.create_task(told(reader))
    tell(feed, changed(1))
    await asyncio.sleep(0)
    tell(feed, changed(2))
    [(_, data)] = await next_piece
    assert len(data["ids"]) == 2


async def test_long_lists_are_cut(feed: Feed) -> None:
    reader = await reading(feed)
    tell(feed, *map(changed, range(450)), *map(logged, range(501)))
    pieces = await told(reader)
    assert [(name, len(data["ids"])) for name, data in pieces] == [
        ("instance.updated", 200),
        ("instance.updated", 200),
        ("instance.updated", 50),
        ("action_log.created", 500),
        ("action_log.created", 1),
    ]


async def test_nobody_hears_of_other_organizations(feed: Feed) -> None:
    reader = await reading(feed)
    tell(feed, changed(1, owner=OTHER), logged(1, owner=OTHER), changed(2))
    [(name, data)] = await told(reader)
    assert (name, data["ids"]) == ("instance.updated", [str(UUID(int=2))])


async def test_the_line_is_kept_while_nothing_happens(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "KEEP_ALIVE_S", 0.001)
    for watch in (WATCH, None):
        reader = await reading(feed, watch)
        assert [await anext(reader) for _ in range(2)] == [b": keep-alive\n\n"] * 2


async def test_in_the_personal_workspace_nothing_ever_happens(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await reading(feed, None)
    tell(feed, changed(1))
    monkeypatch.setattr(feeds, "KEEP_ALIVE_S", 0.001)
    assert await anext(reader) == b": keep-alive\n\n"


async def test_a_reader_that_does_not_read_is_let_go_and_nothing_waits_for_it(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_WAITING", 3)
    slow, quick = await reading(feed), await reading(feed)
    tell(feed, *map(changed, range(3)))
    assert len((await told(quick))[0][1]["ids"]) == 3
    tell(feed, changed(4), changed(5))
    assert [piece async for piece in slow] == []
    assert len((await told(quick))[0][1]["ids"]) == 2
    assert feed.readers == 1


async def test_what_a_reader_will_never_read_is_not_kept(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_WAITING", 3)
    await reading(feed)
    events = [changed(number) for number in range(6)]
    held = [sys.getrefcount(event) for event in events]
    tell(feed, *events)
    assert [sys.getrefcount(event) for event in events] == held


async def test_a_reader_at_the_bound_still_gets_everything(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_WAITING", 3)
    reader = await reading(feed)
    for _ in range(2):
        tell(feed, *map(changed, range(3)))
        assert len((await told(reader))[0][1]["ids"]) == 3


@pytest.mark.parametrize("watch", [WATCH, None])
async def test_when_the_server_stops_everybody_is_let_go_at_once(
    feed: Feed, watch: Watch | None
) -> None:
    reader = await reading(feed, watch)
    waiting = asyncio.create_task(told(reader))
    await asyncio.sleep(0)
    feed.close()
    assert await waiting == []
    async with asyncio.timeout(PATIENCE_S):
        assert [piece async for piece in reader] == []
        assert [piece async for piece in feed.read(watch)] == [HELLO]
    assert feed.readers == 0


async def test_a_reader_that_leaves_is_forgotten(feed: Feed) -> None:
    readers = [await reading(feed), await reading(feed, None)]
    assert feed.readers == 2
    for reader in readers:
        await reader.aclose()
    assert feed.readers == 0
