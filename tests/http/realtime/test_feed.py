"""The feed: what each reader gets, and when a reader is let go."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from copy import copy
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from inventiv_core.identity.events import AccessChanged, ActRecorded
from inventiv_core.realtime.entities import DEFAULT_TOPICS, Topic, Watch
from inventiv_http.realtime import feed as feeds
from inventiv_http.realtime import streams
from inventiv_http.realtime.feed import Feed
from tests.builders import ACME, ALICE, NOON, OTHER, a_number
from tests.http.realtime.lines import WATCH, Frame, Line, World, changed, logged, reading
from tests.http.server import eventually

HELLO = {"ok": True}
THEIRS = Watch(organization_id=OTHER, topics=DEFAULT_TOPICS)


def ids(*numbers: int) -> list[str]:
    return [str(UUID(int=number)) for number in numbers]


def seen(frames: list[Frame]) -> list[tuple[str | None, int | None]]:
    return [(frame.event, frame.id) for frame in frames]


def told_ids(frames: list[Frame]) -> list[str]:
    return [one for frame in frames if frame.event != "hello" for one in frame.data["ids"]]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def feed(world: World) -> AsyncGenerator[Feed]:
    feed = world.feed()
    yield feed
    assert feed.readers == 0
    await asyncio.sleep(0)
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if "feed" in name], "it goes on although nobody reads"


async def test_whoever_comes_is_greeted_and_knows_where_to_begin_again(
    world: World, feed: Feed
) -> None:
    await world.happen(changed(1), changed(2))
    async with reading(world, feed) as line:
        assert line.text == 'event: hello\ndata: {"ok":true}\nid: 2\n\n'


async def test_what_happens_together_is_written_together_and_in_order(
    world: World, feed: Feed
) -> None:
    async with reading(world, feed) as line:
        events = changed(2), changed(1), logged(8, instance=2), logged(7), changed(2)
        await world.happen(*events, to=[feed])
        frames = await line.until(4)
        assert len(line.parts) == 2
        assert frames[1:] == [
            Frame("instance.updated", {"ids": ids(2, 1), "emitted_at": "2026-01-01T12:00:00Z"}, 2),
            Frame(
                "action_log.created",
                {
                    "ids": ids(8, 7),
                    "instance_ids": ids(1, 2),
                    "emitted_at": "2026-01-01T12:00:00Z",
                },
                4,
            ),
            Frame("instance.updated", {"ids": ids(2), "emitted_at": "2026-01-01T12:00:00Z"}, 5),
        ]


async def test_what_happens_a_moment_later_waits_for_the_rest(world: World, feed: Feed) -> None:
    async with reading(world, feed) as line:
        await world.happen(changed(1), to=[feed])
        await asyncio.sleep(0)
        await world.happen(changed(2), to=[feed])
        frames = await line.until(2)
        assert (frames[1].data["ids"], frames[1].id) == (ids(1, 2), 2)


async def test_acts_are_actions_without_an_instance(world: World, feed: Feed) -> None:
    act = ActRecorded(action_log_id=UUID(int=5), organization_id=ACME, occurred_at=NOON)
    async with reading(world, feed) as line:
        await world.happen(act, to=[feed])
        frames = await line.until(2)
        assert frames[1].event == "action_log.created"
        assert (frames[1].data["ids"], frames[1].data["instance_ids"]) == (ids(5), [])


async def test_long_lists_are_cut_and_say_how_far_they_go(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "AT_ONCE", 2_000)
    async with reading(world, feed) as line:
        await world.commit(*map(changed, range(450)), *map(logged, range(501)))
        for _ in range(2):
            for message in await world.deliver():
                feed.hear(message)
        frames = (await line.until(6))[1:]
        assert [(frame.event, len(frame.data["ids"]), frame.id) for frame in frames] == [
            ("instance.updated", 200, 200),
            ("instance.updated", 200, 400),
            ("instance.updated", 50, 450),
            ("action_log.created", 500, 950),
            ("action_log.created", 1, 951),
        ]


async def test_a_great_many_go_out_bit_by_bit(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "AT_ONCE", 3)
    async with reading(world, feed) as line:
        await world.happen(*map(changed, range(8)), to=[feed])
        assert [frame.id for frame in await line.until(4)] == [0, 3, 6, 8]
        assert len(line.parts) == 4


async def test_nobody_hears_of_other_organizations(world: World, feed: Feed) -> None:
    async with reading(world, feed) as line, reading(world, feed, THEIRS) as theirs:
        await world.happen(changed(1, owner=OTHER), logged(1, owner=OTHER), changed(2), to=[feed])
        assert [frame.data["ids"] for frame in (await line.until(2))[1:]] == [ids(2)]
        assert [frame.data["ids"] for frame in (await theirs.until(3))[1:]] == [ids(1), ids(1)]


async def test_those_who_watch_the_same_are_written_the_same_object(
    world: World, feed: Feed
) -> None:
    only = Watch(organization_id=ACME, topics=frozenset({Topic.INSTANCES}))
    async with (
        reading(world, feed) as one,
        reading(world, feed) as other,
        reading(world, feed, only) as third,
    ):
        await world.happen(changed(1), logged(1), to=[feed])
        for line, count in ((one, 3), (other, 3), (third, 2)):
            await line.until(count)
        assert one.written[1] is other.written[1]
        assert seen(third.frames)[1:] == [("instance.updated", 2)]


async def test_what_the_bus_repeats_is_told_once(world: World, feed: Feed) -> None:
    async with reading(world, feed) as line:
        messages = await world.happen(changed(1), changed(2), to=[feed, feed])
        await line.until(2)
        feed.hear(messages[0])
        await world.happen(changed(3), to=[feed])
        assert [frame.data["ids"] for frame in (await line.until(3))[1:]] == [ids(1, 2), ids(3)]


async def test_what_the_bus_has_lost_is_read_once_and_told_in_order(
    world: World, feed: Feed
) -> None:
    reads = 0
    after = world.log.after

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal reads
        reads += 1
        return await after(*args, **options)

    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(reading(world, feed)) for _ in range(5)]
        await asyncio.sleep(0.01)
        world.log.after = counted  # type: ignore[method-assign]
        await world.happen(changed(1), changed(2))
        await world.happen(changed(3), to=[feed])
        for line in lines:
            frames = await line.until(2)
            assert [frame.data["ids"] for frame in frames[1:]] == [ids(1, 2, 3)]
        assert reads == 1


async def test_what_the_bus_loses_without_a_trace_is_found_in_the_log(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "LOOK_S", 0.01)
    async with reading(world, feed) as line:
        await world.happen(*map(changed, range(1_200)))
        while await world.deliver():
            pass
        await line.until_id(1_200)
        told = told_ids(line.frames)
        assert told == ids(*range(1_200))


async def test_while_the_log_cannot_be_read_the_bus_is_enough(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "LOOK_S", 0.01)
    monkeypatch.setattr(feeds, "_PAUSE_AFTER_ERROR_S", 0.01)
    after = world.log.after

    async def broken(*_: Any, **__: Any) -> Any:
        raise ConnectionError

    with capture_logs() as logs:
        async with reading(world, feed) as line:
            world.log.after = broken  # type: ignore[method-assign]
            await world.happen(changed(1), to=[feed])
            await line.until(2)
            await world.happen(changed(2))
            await world.happen(changed(3), to=[feed])
            await eventually(lambda: logs)
            world.log.after = after  # type: ignore[method-assign]
            assert [frame.data["ids"] for frame in (await line.until(3))[1:]] == [ids(1), ids(2, 3)]
    assert {entry["event"] for entry in logs} == {"feed_cannot_look"}


async def test_when_what_is_missing_was_forgotten_everybody_begins_anew(
    world: World, feed: Feed
) -> None:
    async with reading(world, feed) as line:
        await world.happen(changed(1), changed(2))
        await world.relay.forget(before=NOON + timedelta(hours=1))
        with capture_logs() as logs:
            await world.happen(changed(3), to=[feed])
            await eventually(lambda: line.is_over)
        assert [entry["event"] for entry in logs] == ["feed_lost_track"]
        assert seen(line.frames)[:-1] == [("hello", 0)]
        async with reading(world, feed, last_id=0) as again:
            assert seen(await again.until(2)) == [("hello", None), ("reset", 3)]
            await world.happen(changed(4), to=[feed])
            assert (await again.until(3))[2].data["ids"] == ids(4)


async def test_whoever_comes_back_learns_what_was_missed_and_then_what_happens(
    world: World, feed: Feed
) -> None:
    await world.happen(changed(1), changed(2), changed(9, owner=OTHER), logged(3), changed(4))
    async with reading(world, feed, last_id=1) as line:
        frames = await line.until(4)
        assert seen(frames) == [
            ("hello", None), ("instance.updated", 2), ("action_log.created", 4),
            ("instance.updated", 5),
        ]  # fmt: skip
        assert [frame.data["ids"] for frame in frames[1:]] == [ids(2), ids(3), ids(4)]
        await world.happen(changed(5), to=[feed])
        assert seen(await line.until(5))[4:] == [("instance.updated", 6)]


async def test_whoever_has_missed_nothing_reads_nothing(world: World, feed: Feed) -> None:
    await world.happen(changed(1))
    async with reading(world, feed, last_id=1) as line:
        await world.happen(changed(2), to=[feed])
        assert seen(await line.until(2)) == [("hello", None), ("instance.updated", 2)]


async def test_whoever_has_missed_nothing_of_their_own_need_not_ask_again(
    world: World, feed: Feed
) -> None:
    await world.happen(changed(1), changed(2, owner=OTHER))
    async with reading(world, feed, last_id=1) as line:
        assert seen(await line.until(2)) == [("hello", None), (None, 2)]
        assert line.parts[1] == b"id: 2\n\n"


async def test_what_happens_while_somebody_catches_up_is_neither_lost_nor_told_twice(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventiv_core.realtime.use_cases.PAGE_EVENTS", 2)
    await world.happen(*map(changed, range(1, 8)))
    after_in, numbers = world.log.after_in, count(8)

    async def slow(*args: Any, **options: Any) -> Any:
        page = await after_in(*args, **options)
        two = [changed(next(numbers)), changed(next(numbers))]
        await world.happen(*two, to=[feed])
        await asyncio.sleep(0.02)
        return page

    async with reading(world, feed), reading(world, feed, last_id=0) as line:
        world.log.after_in = slow  # type: ignore[method-assign]
        async with reading(world, feed, last_id=0) as late:
            await eventually(lambda: next(copy(numbers)) > 20)
            world.log.after_in = after_in  # type: ignore[method-assign]
            await world.happen(changed(next(numbers)), to=[feed])
            last = await world.log.newest()
            for each in (line, late):
                await each.until_id(last)
                assert told_ids(each.frames) == ids(*range(1, last + 1))


async def test_whoever_knows_more_than_this_process_waits_for_it(world: World, feed: Feed) -> None:
    """They were told by another process, which the bus has reached sooner."""
    async with reading(world, feed) as here:
        await world.happen(changed(1), changed(2), changed(3))
        async with reading(world, feed, last_id=2) as line:
            assert seen(await line.until(2)) == [("hello", None), ("instance.updated", 3)]
            assert line.frames[1].data["ids"] == ids(3)
        assert (await here.until(2))[1].data["ids"] == ids(1, 2, 3)


@pytest.mark.parametrize("last_id", [-1, 7, 2**63 - 1])
async def test_whoever_names_what_the_log_does_not_have_is_told_to_read_anew(
    world: World, feed: Feed, last_id: int
) -> None:
    await world.happen(changed(1))
    async with reading(world, feed, last_id=last_id) as line:
        assert seen(await line.until(2)) == [("hello", None), ("reset", 1)]
        await world.happen(changed(2), to=[feed])
        assert seen(await line.until(3))[2:] == [("instance.updated", 2)]


async def test_a_replay_that_fails_ends_the_answer_so_that_the_reader_tries_again(
    world: World, feed: Feed
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise ConnectionError

    await world.happen(changed(1))
    world.log.after_in = broken  # type: ignore[method-assign]
    with capture_logs() as logs:
        async with reading(world, feed, last_id=0) as line:
            await eventually(lambda: line.is_over)
    assert [entry["event"] for entry in logs] == ["replay_failed"]
    assert line.frames[-1].retry is not None


async def test_whoever_does_not_read_what_was_missed_is_let_go(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALL_S", 0.01)
    await world.happen(changed(1))
    after_in = world.log.after_in
    line = Line()

    async def then_stall(*args: Any, **options: Any) -> Any:
        line.has_room = False
        return await after_in(*args, **options)

    world.log.after_in = then_stall  # type: ignore[method-assign]
    async with reading(world, feed, last_id=0, line=line):
        await eventually(lambda: line.was_aborted)


async def test_whoever_leaves_while_catching_up_is_forgotten(world: World, feed: Feed) -> None:
    await world.happen(changed(1))
    reads = asyncio.Event()
    may_read = asyncio.Event()
    after_in = world.log.after_in

    async def slow(*args: Any, **options: Any) -> Any:
        reads.set()
        await may_read.wait()
        return await after_in(*args, **options)

    world.log.after_in = slow  # type: ignore[method-assign]
    async with reading(world, feed, last_id=0) as line:
        await reads.wait()
        line.leave()
        may_read.set()
        await eventually(lambda: feed.readers == 0)


@pytest.mark.parametrize("watch", [WATCH, None])
async def test_the_line_is_kept_while_nothing_happens(
    world: World, feed: Feed, watch: Watch | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "KEEP_ALIVE_S", 0.003)
    async with reading(world, feed, watch) as line:
        await eventually(lambda: len(line.parts) > 2)
        assert set(line.parts[1:]) == {b": keep-alive\n\n"}


async def test_while_nothing_happens_that_one_may_know_one_moves_on_all_the_same(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "KEEP_ALIVE_S", 0.2)
    async with reading(world, feed) as line, reading(world, feed, None) as personal:
        await world.happen(changed(1, owner=OTHER), to=[feed])
        await eventually(lambda: len(line.parts) > 2 and len(personal.parts) > 2)
        assert set(line.parts[1:]) == {b"id: 1\n: keep-alive\n\n", b": keep-alive\n\n"}
        assert seen(line.frames) == [("hello", 0), (None, 1)]
        assert set(personal.parts[1:]) == {b": keep-alive\n\n"}


async def test_in_the_personal_workspace_nothing_ever_happens(world: World, feed: Feed) -> None:
    await world.happen(changed(1))
    async with reading(world, feed, None, last_id=0) as personal, reading(world, feed) as line:
        await world.happen(changed(2), to=[feed])
        await line.until(2)
        assert personal.text == 'event: hello\ndata: {"ok":true}\n\n'


async def test_a_reader_without_room_is_let_go_and_the_others_do_not_notice(
    world: World, feed: Feed
) -> None:
    async with reading(world, feed) as quick, reading(world, feed) as slow:
        slow.has_room = False
        await world.happen(changed(1), to=[feed])
        await quick.until(2)
        await eventually(lambda: feed.readers == 1)
        assert (slow.was_aborted, len(slow.parts)) == (True, 1)
        assert not quick.was_aborted


async def test_a_reader_without_room_is_let_go_by_a_server_that_shows_no_connection(
    world: World, feed: Feed
) -> None:
    async with reading(world, feed, line=Line(is_shown=False)) as slow:
        slow.has_room = False
        await world.happen(changed(1), to=[feed])
        await eventually(lambda: feed.readers == 0)


async def test_a_line_that_breaks_does_not_keep_the_others_waiting(
    world: World, feed: Feed
) -> None:
    class Broken(Line):
        async def send(self, message: Any) -> None:
            if len(self.parts) == 1:
                raise RuntimeError
            await super().send(message)

    with capture_logs() as logs:
        async with reading(world, feed, line=Broken(is_shown=False)), reading(world, feed) as line:
            await world.happen(changed(1), to=[feed])
            await line.until(2)
            await eventually(lambda: feed.readers == 1)
    assert [entry["event"] for entry in logs] == ["reader_lost"]


async def test_when_something_cannot_be_told_readers_come_back_and_ask_for_it(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> bytes:
        raise RuntimeError

    with capture_logs() as logs:
        async with reading(world, feed) as line:
            with monkeypatch.context() as patch:
                patch.setattr(feeds, "frames", broken)
                await world.happen(changed(1), to=[feed])
                await eventually(lambda: line.is_over)
            async with reading(world, feed, last_id=0) as again:
                await world.happen(changed(2), to=[feed])
                told = told_ids(await again.until(3))
                assert told == ids(1, 2)
    assert [entry["event"] for entry in logs] == ["feed_failed"]


async def test_when_the_access_of_a_user_changes_their_readers_come_back_and_are_judged(
    world: World, feed: Feed
) -> None:
    bob = a_number()
    async with (
        reading(world, feed) as hers,
        reading(world, feed, None) as hers_too,
        reading(world, feed, user_id=bob) as his,
    ):
        change = AccessChanged(user_id=ALICE, occurred_at=NOON)
        await world.happen(changed(1), change, changed(2), to=[feed])
        await eventually(lambda: hers.is_over and hers_too.is_over)
        assert hers.frames[-1].retry is not None
        await his.until(2)
        assert not his.is_over
    assert "instance.updated" not in hers.text


async def test_a_change_of_access_while_a_reader_is_being_judged_is_not_missed(
    world: World, feed: Feed
) -> None:
    judging, may_judge = asyncio.Event(), asyncio.Event()
    line = Line()

    async def judge() -> Any:
        judging.set()
        await may_judge.wait()
        return streams.Subscription(
            watch=WATCH, expires_at=NOON + timedelta(hours=1), replay=world.replay
        )

    for last_id in (None, 0):
        stream = streams.LiveEvents(feed, judge, user_id=ALICE, last_id=last_id)
        line = Line()
        task = asyncio.create_task(stream({}, line.receive, line.send))  # type: ignore[arg-type]
        await judging.wait()
        await world.happen(AccessChanged(user_id=ALICE, occurred_at=NOON), to=[feed])
        may_judge.set()
        await task
        assert line.is_over
        assert [frame.event for frame in line.frames] == ["hello", None]
        judging.clear()
        may_judge.clear()


async def test_a_reader_whose_session_expires_is_let_go(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "KEEP_ALIVE_S", 0.003)
    soon, later = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
    async with (
        reading(world, feed, expires_at=soon) as line,
        reading(world, feed, expires_at=later) as other,
    ):
        await eventually(lambda: len(line.parts) > 2)
        assert not line.is_over
        world.clock.advance(timedelta(minutes=1))
        await eventually(lambda: line.is_over)
        assert not other.is_over


@pytest.mark.parametrize("watch", [WATCH, None])
async def test_when_the_server_stops_everybody_is_told_when_to_come_back(
    world: World, feed: Feed, watch: Watch | None
) -> None:
    async with reading(world, feed, watch) as line, reading(world, feed, watch) as other:
        feed.close()
        assert line.is_over
        assert line.frames[-1].retry != other.frames[-1].retry
        async with reading(world, feed, watch, last_id=0) as late:
            await eventually(lambda: late.is_over)
            assert late.frames[0] == Frame("hello", HELLO, None)


async def test_with_many_readers_others_have_a_turn_in_between(
    world: World, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "SLICE", 2)
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(reading(world, feed)) for _ in range(6)]
        await world.happen(changed(1), to=[feed])
        progress = set()

        def is_done() -> bool:
            progress.add(sum(len(line.parts) == 2 for line in lines))
            return 6 in progress

        while not is_done():  # noqa: ASYNC110 - to see every turn
            await asyncio.sleep(0)
        assert progress == {0, 2, 4, 6}


async def test_a_reader_that_cannot_be_judged_is_forgotten(world: World, feed: Feed) -> None:
    async def judge() -> Any:
        raise PermissionError

    line = Line()
    answer: Any = streams.LiveEvents(feed, judge, user_id=ALICE, last_id=None)
    with pytest.raises(PermissionError):
        await answer({}, line.receive, line.send)
    assert line.status is None
