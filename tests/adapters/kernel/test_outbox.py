"""What `Outbox` and `Relay` promise, kept by every adapter."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, LiteralString

import pytest

from inventiv_adapters.kernel.postgres import PostgresRelay
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.events import DomainEvent
from inventiv_http.container import PostgresAdapters
from tests.builders import NOON, Market

AT_ONCE = timedelta(0)
LONG = timedelta(seconds=30)


class Refused(Exception):
    """Nobody takes it."""


class Paper:
    """Where messages are published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0)
        self.messages += messages

    @property
    def events(self) -> list[DomainEvent]:
        return [message.event for message in self.messages]


async def refuse(messages: Sequence[Message]) -> None:
    raise Refused


def an_event(*, at: datetime = NOON) -> InstanceChanged:
    return InstanceChanged.of(Market().instance(), at=at)


async def happen(adapters: Any, *events: DomainEvent) -> None:
    async with adapters.unit_of_work()() as work:
        for event in events:
            await work.outbox.add(event)


async def almost_happen(adapters: Any, event: DomainEvent) -> None:
    async with adapters.unit_of_work()() as work:
        await work.outbox.add(event)
        raise Refused


@asynccontextmanager
async def another_relay(postgres: PostgresAdapters) -> AsyncGenerator[PostgresRelay]:
    relay = PostgresRelay(postgres.pool(), postgres.settings().database_url)
    try:
        yield relay
    finally:
        await relay.close()


async def test_nothing_is_published_before_the_commit(adapters: Any) -> None:
    paper, event = Paper(), an_event()
    async with adapters.unit_of_work()() as work:
        await work.outbox.add(event)
        assert await adapters.relay().deliver(paper.publish) == 0
    assert await adapters.relay().deliver(paper.publish) == 1
    assert paper.events == [event]


async def test_what_was_undone_is_never_published(adapters: Any) -> None:
    paper = Paper()
    with pytest.raises(Refused):
        await almost_happen(adapters, an_event())
    assert await adapters.relay().deliver(paper.publish) == 0
    assert not paper.messages


async def test_events_are_published_once_and_in_order(adapters: Any) -> None:
    paper = Paper()
    events = [an_event(at=NOON - seconds * timedelta(seconds=1)) for seconds in range(5)]
    await happen(adapters, *events[:3])
    await happen(adapters, *events[3:])
    assert await adapters.relay().deliver(paper.publish) == 5
    assert await adapters.relay().deliver(paper.publish) == 0
    assert paper.events == events
    numbers = [message.id for message in paper.messages]
    assert numbers == sorted(set(numbers))


async def test_what_was_published_during_a_piece_of_work_is_not_published_again(
    adapters: Any,
) -> None:
    paper, first, second = Paper(), an_event(), an_event()
    await happen(adapters, first)
    async with adapters.unit_of_work()() as work:
        await work.outbox.add(second)
        assert await adapters.relay().deliver(paper.publish) == 1
    assert await adapters.relay().deliver(paper.publish) == 1
    assert paper.events == [first, second]


async def test_what_is_refused_goes_on_waiting(adapters: Any) -> None:
    paper, events = Paper(), [an_event(), an_event()]
    await happen(adapters, *events)
    with pytest.raises(Refused):
        await adapters.relay().deliver(refuse)
    assert await adapters.relay().forget(before=NOON + LONG) == 0
    assert await adapters.relay().deliver(paper.publish) == 2
    assert paper.events == events


async def test_a_few_hundred_are_published_at_a_time(adapters: Any) -> None:
    paper = Paper()
    await happen(adapters, *(an_event() for _ in range(520)))
    counts = [await adapters.relay().deliver(paper.publish) for _ in range(3)]
    assert counts == [500, 20, 0]
    assert len(set(paper.events)) == 520


async def test_relays_at_the_same_time_lose_nothing(adapters: Any) -> None:
    paper, first, second = Paper(), an_event(), an_event()
    await happen(adapters, first)

    async def publish(messages: Sequence[Message]) -> None:
        await paper.publish(messages)
        if second not in paper.events:
            await happen(adapters, second)

    await asyncio.gather(*(adapters.relay().deliver(publish) for _ in range(2)))
    while await adapters.relay().deliver(paper.publish):
        pass
    assert {first, second} == set(paper.events)


async def test_whoever_waits_is_woken_by_a_commit(adapters: Any) -> None:
    relay = adapters.relay()
    await relay.wait(at_most=AT_ONCE)
    waiting = asyncio.create_task(relay.wait(at_most=LONG))
    await happen(adapters, an_event())
    await asyncio.wait_for(waiting, 5)


async def test_a_commit_while_nobody_waits_is_noticed_by_the_next_who_does(adapters: Any) -> None:
    relay = adapters.relay()
    await relay.wait(at_most=AT_ONCE)
    await happen(adapters, an_event())
    await asyncio.wait_for(relay.wait(at_most=LONG), 5)


async def test_a_commit_wakes_once(adapters: Any) -> None:
    relay = adapters.relay()
    await relay.wait(at_most=AT_ONCE)
    await happen(adapters, an_event(), an_event())
    await relay.wait(at_most=LONG)
    await nobody_is_woken(relay)


async def nobody_is_woken(relay: Any) -> None:
    waiting = asyncio.create_task(relay.wait(at_most=LONG))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    waiting.cancel()
    assert not done


async def test_what_is_undone_wakes_nobody(adapters: Any) -> None:
    relay = adapters.relay()
    await relay.wait(at_most=AT_ONCE)
    with pytest.raises(Refused):
        await almost_happen(adapters, an_event())
    async with adapters.unit_of_work()():
        pass
    await nobody_is_woken(relay)


async def test_nobody_waits_longer_than_asked(adapters: Any) -> None:
    await asyncio.wait_for(adapters.relay().wait(at_most=timedelta(milliseconds=10)), 5)


async def test_two_relays_share_without_doubles(postgres: PostgresAdapters) -> None:
    papers = Paper(), Paper()
    await happen(postgres, *(an_event() for _ in range(10)))
    async with another_relay(postgres) as other:
        for _ in range(5):
            await happen(postgres, *(an_event() for _ in range(10)))
            await asyncio.gather(
                postgres.relay().deliver(papers[0].publish), other.deliver(papers[1].publish)
            )
        await other.deliver(papers[1].publish)
    events = papers[0].events + papers[1].events
    assert (len(events), len(set(events))) == (60, 60)


async def test_while_one_relay_publishes_the_others_leave_it_to_it(adapters: Any) -> None:
    """Listeners would hear events out of order otherwise."""
    paper, first, second = Paper(), an_event(), an_event()
    await happen(adapters, first)

    async def publish(messages: Sequence[Message]) -> None:
        await happen(adapters, second)
        assert await adapters.relay().deliver(paper.publish) == 0
        await paper.publish(messages)

    assert await adapters.relay().deliver(publish) == 1
    assert await adapters.relay().deliver(paper.publish) == 1
    assert paper.events == [first, second]


async def test_what_a_newer_version_has_said_does_not_stop_the_rest(
    postgres: PostgresAdapters,
) -> None:
    paper, event = Paper(), an_event()
    async with postgres.pool().connection() as connection:
        await connection.execute(
            "INSERT INTO outbox (name, payload, occurred_at) VALUES ('NobodyKnows', '{}', now())"
        )
    await happen(postgres, event)
    assert await postgres.relay().deliver(paper.publish) == 2
    assert paper.events == [event]
    assert await postgres.relay().deliver(paper.publish) == 0


async def test_only_what_was_published_and_is_old_is_forgotten(adapters: Any) -> None:
    relay, paper = adapters.relay(), Paper()
    await happen(adapters, an_event(at=NOON - LONG), an_event(at=NOON))
    await relay.deliver(paper.publish)
    waiting = an_event(at=NOON - LONG)
    await happen(adapters, waiting)
    assert await relay.forget(before=NOON) == 1
    assert await relay.forget(before=NOON) == 0
    await relay.deliver(paper.publish)
    assert paper.events[-1] == waiting


async def test_a_relay_that_has_lost_its_connection_listens_again(
    postgres: PostgresAdapters,
) -> None:
    relay = postgres.relay()
    await relay.wait(at_most=AT_ONCE)
    async with postgres.pool().connection() as connection:
        assert await listening(connection, ", pg_terminate_backend(pid)") == 1
        for _ in range(2):
            await relay.wait(at_most=timedelta(milliseconds=10))
        assert await listening(connection) == 1
    waiting = asyncio.create_task(relay.wait(at_most=LONG))
    await happen(postgres, an_event())
    await asyncio.wait_for(waiting, 5)


async def listening(connection: Any, also: LiteralString = "") -> int:
    """Return how many connections listen, and do something about them."""
    cursor = await connection.execute(
        f"SELECT pid {also} FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    return len(await cursor.fetchall())
