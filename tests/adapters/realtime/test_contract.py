"""What `EventLog` promises, kept by every adapter; and what numbers mean."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_adapters.kernel.postgres import PostgresRelay
from inventiv_core.identity.events import AccessChanged
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message, Stretch
from inventiv_core.kernel.events import DomainEvent
from inventiv_http.container import PostgresAdapters
from tests.adapters.kernel.test_outbox import Paper, Refused, another_relay, happen, refuse
from tests.builders import ACME, ALICE, NOON, OTHER, a_number

LONG = timedelta(hours=1)


def an_event(owner: UUID = ACME, *, late: timedelta = timedelta(0)) -> InstanceChanged:
    return InstanceChanged(
        instance_id=a_number(), organization_id=owner, status="ready", occurred_at=NOON - late
    )


async def told(adapters: Any, *events: DomainEvent) -> Paper:
    """Have events happen and be told."""
    paper = Paper()
    await happen(adapters, *events)
    await adapters.relay().deliver(paper.publish)
    return paper


def ids(messages: Iterable[Message]) -> list[int]:
    return [message.id for message in messages]


def empty(*, after: int, newest: int, is_whole: bool = True) -> Stretch:
    return Stretch(messages=[], until=after, newest=newest, is_whole=is_whole)


async def test_a_log_that_nothing_was_ever_written_to_ends_at_zero(adapters: Any) -> None:
    log = adapters.event_log()
    assert await log.newest() == 0
    assert await log.after(0, limit=5) == empty(after=0, newest=0)
    assert await log.after_in(ACME, 0, until=9, limit=5) == empty(after=0, newest=0)
    assert not (await log.after(1, limit=5)).is_whole


async def test_the_bus_and_the_log_agree_on_numbers_that_leave_none_out(adapters: Any) -> None:
    first = await told(adapters, *(an_event() for _ in range(3)))
    second = await told(adapters, *(an_event(OTHER) for _ in range(2)))
    assert ids(first.messages + second.messages) == [1, 2, 3, 4, 5]
    stretch = await adapters.event_log().after(0, limit=9)
    assert list(stretch.messages) == first.messages + second.messages
    assert (stretch.until, stretch.newest, stretch.is_whole) == (5, 5, True)
    assert await adapters.event_log().newest() == 5


async def test_what_waits_has_no_number_yet(adapters: Any) -> None:
    await told(adapters, an_event())
    await happen(adapters, an_event())
    assert await adapters.event_log().newest() == 1
    assert ids((await adapters.event_log().after(0, limit=9)).messages) == [1]


async def test_what_the_bus_refuses_is_in_the_log_and_keeps_its_number(adapters: Any) -> None:
    event = an_event()
    await happen(adapters, event)
    with pytest.raises(Refused):
        await adapters.relay().deliver(refuse)
    message = Message(id=1, event=event)
    assert list((await adapters.event_log().after(0, limit=9)).messages) == [message]
    assert (await told(adapters, an_event())).messages[0] == message


async def test_the_log_is_read_page_by_page(adapters: Any) -> None:
    await told(adapters, *(an_event() for _ in range(5)))
    pages = [await adapters.event_log().after(after, limit=2) for after in (0, 2, 4, 5)]
    assert [ids(page.messages) for page in pages] == [[1, 2], [3, 4], [5], []]
    assert [page.until for page in pages] == [2, 4, 5, 5]


async def test_an_organization_reads_its_own_and_knows_how_far_it_has_come(adapters: Any) -> None:
    owners = [ACME, OTHER, ACME, OTHER, ACME, OTHER]
    access = AccessChanged(user_id=ALICE, occurred_at=NOON)
    await told(adapters, *(an_event(owner) for owner in owners), access)
    log = adapters.event_log()
    theirs = await log.after_in(ACME, 0, until=7, limit=9)
    assert (ids(theirs.messages), theirs.until) == ([1, 3, 5], 7)
    assert {getattr(message.event, "organization_id", None) for message in theirs.messages} == {
        ACME
    }
    pages = [await log.after_in(OTHER, after, until=7, limit=2) for after in (0, 4, 7)]
    assert [(ids(page.messages), page.until) for page in pages] == [([2, 4], 4), ([6], 7), ([], 7)]


async def test_a_reader_stops_where_it_was_told_to(adapters: Any) -> None:
    await told(adapters, *(an_event() for _ in range(5)))
    page = await adapters.event_log().after_in(ACME, 1, until=3, limit=9)
    assert (ids(page.messages), page.until, page.newest) == ([2, 3], 3, 5)
    beyond = await adapters.event_log().after_in(ACME, 1, until=99, limit=9)
    assert (ids(beyond.messages), beyond.until) == ([2, 3, 4, 5], 5)


async def test_what_was_forgotten_is_not_passed_over_in_silence(adapters: Any) -> None:
    await told(adapters, *(an_event(late=2 * LONG) for _ in range(2)), an_event())
    assert await adapters.relay().forget(before=NOON - LONG) == 2
    log = adapters.event_log()
    for after, is_whole in [(-1, False), (0, False), (1, False), (2, True), (3, True), (4, False)]:
        everybodys = await log.after(after, limit=9)
        theirs = await log.after_in(ACME, after, until=9, limit=9)
        assert (everybodys.is_whole, theirs.is_whole) == (is_whole, is_whole), after
        if not is_whole:
            expected = empty(after=after, newest=3, is_whole=False)
            assert [everybodys.messages, theirs.messages] == [(), ()]
            assert (everybodys.until, theirs.until) == (expected.until, expected.until)


async def test_nothing_is_forgotten_that_comes_after_what_is_kept(adapters: Any) -> None:
    """It occurred early, and was committed late."""
    await told(adapters, an_event(late=2 * LONG), an_event(), an_event(late=2 * LONG))
    assert await adapters.relay().forget(before=NOON - LONG) == 1
    assert ids((await adapters.event_log().after(1, limit=9)).messages) == [2, 3]


async def test_nothing_is_forgotten_that_comes_after_what_was_not_published(adapters: Any) -> None:
    await told(adapters, an_event(late=2 * LONG))
    await happen(adapters, an_event(late=2 * LONG))
    with pytest.raises(Refused):
        await adapters.relay().deliver(refuse)
    assert await adapters.relay().forget(before=NOON) == 1
    assert ids((await adapters.event_log().after(1, limit=9)).messages) == [2]


async def test_numbers_go_on_when_everything_was_forgotten(adapters: Any) -> None:
    await told(adapters, *(an_event(late=2 * LONG) for _ in range(3)))
    assert await adapters.relay().forget(before=NOON) == 3
    log = adapters.event_log()
    assert await log.newest() == 3
    assert (await log.after(3, limit=9)).is_whole
    assert not (await log.after(2, limit=9)).is_whole
    assert ids((await told(adapters, an_event())).messages) == [4]


async def test_what_a_newer_version_has_said_has_a_number_like_all_others(
    postgres: PostgresAdapters,
) -> None:
    await told(postgres, an_event())
    async with postgres.pool().connection() as connection:
        await connection.execute(
            "INSERT INTO outbox (name, payload, occurred_at) VALUES ('NobodyKnows', '{}', now())"
        )
    await told(postgres, an_event())
    stretch = await postgres.event_log().after(0, limit=9)
    assert (ids(stretch.messages), stretch.until) == ([1, 3], 3)
    page = await postgres.event_log().after(0, limit=2)
    assert (ids(page.messages), page.until) == ([1], 2)


async def test_whoever_commits_late_is_numbered_late(postgres: PostgresAdapters) -> None:
    """The row was inserted before others that were told already: it is not lost behind them."""
    early, late = an_event(), an_event()
    paper = Paper()
    async with postgres.unit_of_work()() as slow:
        await slow.outbox.add(late)
        await happen(postgres, early)
        await postgres.relay().deliver(paper.publish)
        assert paper.messages == [Message(id=1, event=early)]
    await postgres.relay().deliver(paper.publish)
    assert paper.messages[1:] == [Message(id=2, event=late)]
    assert list((await postgres.event_log().after(1, limit=9)).messages) == paper.messages[1:]


async def test_numbers_that_are_being_given_are_waited_for(postgres: PostgresAdapters) -> None:
    """Two relays number at the same time: the second must not be seen before the first."""
    first, second = an_event(), an_event()
    await happen(postgres, first)
    paper = Paper()
    async with postgres.pool().connection() as slow, another_relay(postgres) as other:
        async with slow.transaction():
            await slow.execute("SELECT number_events(500)")
            await happen(postgres, second)
            waiting = asyncio.create_task(other.deliver(paper.publish))
            await asyncio.wait([waiting], timeout=0.2)
            assert not waiting.done()
            assert await postgres.event_log().newest() == 0
        assert await waiting == 2
    assert paper.messages == [Message(id=1, event=first), Message(id=2, event=second)]


async def test_many_who_commit_and_many_relays_give_one_order(
    postgres: PostgresAdapters,
) -> None:
    heard: list[Message] = []
    is_over = asyncio.Event()

    async def publish(messages: Sequence[Message]) -> None:
        await asyncio.sleep(0)
        heard.extend(messages)

    async def commit(committer: int) -> None:
        for step in range(12):
            async with postgres.unit_of_work()() as work:
                for _ in range(1 + (committer + step) % 3):
                    await work.outbox.add(an_event())
                await asyncio.sleep(0.002 * ((committer * 7 + step * 3) % 4))

    async def relay(relay: PostgresRelay) -> None:
        while not is_over.is_set():
            await relay.deliver(publish)
            await asyncio.sleep(0)

    async def watch() -> list[int]:
        """Read the log all the while, as if nothing could ever come in between."""
        seen: list[int] = []
        while not is_over.is_set() or len(seen) < await postgres.event_log().newest():
            page = await postgres.event_log().after(len(seen), limit=7)
            assert page.is_whole
            seen += ids(page.messages)
            await asyncio.sleep(0)
        return seen

    async with another_relay(postgres) as one, another_relay(postgres) as other:
        relays = [asyncio.create_task(relay(each)) for each in (one, other)]
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(commit(number) for number in range(4)))
        await asyncio.sleep(0.05)
        is_over.set()
        await asyncio.gather(*relays)
        while await one.deliver(publish):
            pass
        seen = await watching
    total = sum(1 + (committer + step) % 3 for committer in range(4) for step in range(12))
    assert ids(heard) == list(range(1, total + 1))
    assert seen == list(range(1, total + 1))
