"""``/events/stream``, over real HTTP."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from itertools import count, islice
from typing import Any, TypeAlias

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent
from litestar import Litestar

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import Instance
from inventiv_core.kernel.bus import Message
from inventiv_http.container import OUTAGES, Application, MemoryAdapters
from inventiv_http.realtime import feed as feeds
from inventiv_http.realtime.feed import Feed
from tests.builders import NOON, OTHER, Market, a_number, given
from tests.conftest import SETTINGS
from tests.http.conftest import SignIn
from tests.http.realtime.lines import changed
from tests.http.server import PATIENCE_S, eventually, served


class Stream:
    """What one client sees."""

    def __init__(self, response: httpx.Response, client: httpx.AsyncClient) -> None:
        self.response = response
        self.client = client
        """Of whoever reads, signed in."""
        self.last_id = ""
        self.retry_ms: int | None = None
        self._events: AsyncIterator[ServerSentEvent] = EventSource(response).aiter_sse()

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            event = await anext(self._events)
            while not event.data:  # nothing that a browser would tell a page
                self.retry_ms = event.retry
                event = await anext(self._events)
        self.last_id = event.id
        return event.event, event.json()

    async def end(self) -> None:
        """Return when there is nothing more to read."""
        with suppress(StopAsyncIteration):
            while True:
                await self.next()

    async def names(self, count: int) -> set[str]:
        return {(await self.next())[0] for _ in range(count)}


Watching: TypeAlias = Callable[..., Awaitable[Stream]]


@pytest.fixture
async def watching(app: Litestar, sign_in: SignIn) -> AsyncGenerator[Watching]:
    """Has people watch; whoever is here has been greeted."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app))
        stack.callback(app.state.feed.close)

        async def watch(
            name: str = "owner", *, headers: dict[str, str] | None = None, **params: Any
        ) -> Stream:
            person = await sign_in(name)
            token = person.cookies[SETTINGS.session_cookie_name]
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
            headers = {"Authorization": f"Bearer {token}", **(headers or {})}
            request = client.stream("GET", "/events/stream", params=params, headers=headers)
            stream = Stream(await stack.enter_async_context(request), person)
            assert stream.response.status_code == 200
            assert await stream.next() == ("hello", {"ok": True})
            return stream

        yield watch


@pytest.fixture
def happen(application: Application) -> Callable[[], Awaitable[int]]:
    """Takes what was committed to those who watch."""
    return lambda: application.relay_events()(actor=PLATFORM)


@pytest.fixture
async def instances(memory: MemoryAdapters, market: Market) -> tuple[Instance, Instance]:
    """Two instances of ACME."""
    both = market.instance(), market.instance()
    await given(memory.unit_of_work(), *both)
    return both


async def test_it_is_not_kept_back_on_its_way(watching: Watching) -> None:
    headers = (await watching()).response.headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"


async def test_each_answer_has_an_id_of_its_own(watching: Watching) -> None:
    headers = [(await watching()).response.headers for _ in range(3)]
    found = [each.get_list("x-request-id") for each in headers]
    assert [len(ids) for ids in found] == [1, 1, 1]
    assert len({ids[0] for ids in found}) == 3


async def test_whoever_watches_hears_of_what_others_do(
    watching: Watching,
    owner: httpx.AsyncClient,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
) -> None:
    stream = await watching("manager")
    await owner.delete(f"/instances/{instances[0].id}")
    await happen()
    [log] = (await owner.get("/action_logs")).json()
    assert [await stream.next() for _ in range(2)] == [
        (
            "instance.updated",
            {"ids": [str(instances[0].id)], "emitted_at": "2026-01-01T12:00:00Z"},
        ),
        (
            "action_log.created",
            {
                "ids": [log["id"]],
                "instance_ids": [str(instances[0].id)],
                "emitted_at": "2026-01-01T12:00:00Z",
            },
        ),
    ]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"topics": "instances"}, {"instance.updated"}),
        ({"topics": " ACTIONS ,nonsense"}, {"action_log.created"}),
        ({"topics": "action_logs"}, {"action_log.created"}),
        ({"topics": "instances,actions"}, {"instance.updated", "action_log.created"}),
    ],
)
async def test_a_client_may_choose_what_to_watch(
    watching: Watching,
    owner: httpx.AsyncClient,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
    params: dict[str, str],
    names: set[str],
) -> None:
    stream = await watching(**params)
    for instance in instances:
        await owner.delete(f"/instances/{instance.id}")
        await happen()
        assert await stream.names(len(names)) == names


async def test_one_instance_narrows_down_the_actions_and_only_those(
    watching: Watching,
    owner: httpx.AsyncClient,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
) -> None:
    stream = await watching(instance_id=str(instances[1].id))
    for instance in instances:
        await owner.delete(f"/instances/{instance.id}")
    await happen()
    (_, updated), (_, created) = [await stream.next() for _ in range(2)]
    assert updated["ids"] == [str(instance.id) for instance in instances]
    assert created["instance_ids"] == [str(instances[1].id)]


async def test_each_organization_hears_of_its_own(
    watching: Watching,
    memory: MemoryAdapters,
    owner: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    market: Market,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
) -> None:
    theirs = market.instance(owner=OTHER)
    await given(memory.unit_of_work(), theirs)
    here, there = await watching("owner"), await watching("stranger")
    await owner.delete(f"/instances/{instances[0].id}")
    await stranger.delete(f"/instances/{theirs.id}")
    await happen()
    assert (await here.next())[1]["ids"] == [str(instances[0].id)]
    assert (await there.next())[1]["ids"] == [str(theirs.id)]


async def test_actions_are_not_told_to_who_may_not_list_them(
    watching: Watching,
    owner: httpx.AsyncClient,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
) -> None:
    stream = await watching("user")
    for instance in instances:
        await owner.delete(f"/instances/{instance.id}")
        await happen()
        assert (await stream.next())[0] == "instance.updated"


@pytest.mark.parametrize("way", ["header", "query", "both"])
async def test_whoever_comes_back_learns_what_was_missed(
    watching: Watching,
    owner: httpx.AsyncClient,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
    way: str,
) -> None:
    stream = await watching()
    first = stream.last_id
    await owner.delete(f"/instances/{instances[0].id}")
    await happen()
    await stream.names(2)
    await stream.response.aclose()
    await owner.delete(f"/instances/{instances[1].id}")
    await happen()
    again = await watching(
        headers={"Last-Event-ID": stream.last_id} if way != "query" else {},
        **{"last_event_id": first if way == "both" else stream.last_id} if way != "header" else {},
    )
    (name, missed), (_, logged) = [await again.next() for _ in range(2)]
    assert (name, missed["ids"]) == ("instance.updated", [str(instances[1].id)])
    assert logged["instance_ids"] == [str(instances[1].id)]
    assert int(again.last_id) > int(stream.last_id) > int(first)


@pytest.mark.parametrize("last_id", ["0", "99999", "nonsense", "-5", "9" * 30])
async def test_whoever_was_away_for_too_long_is_told_to_read_everything_anew(
    watching: Watching,
    memory: MemoryAdapters,
    owner: httpx.AsyncClient,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
    last_id: str,
) -> None:
    await owner.delete(f"/instances/{instances[0].id}")
    await happen()
    await memory.relay().forget(before=NOON + timedelta(days=1))
    stream = await watching(headers={"Last-Event-ID": last_id})
    assert await stream.next() == ("reset", {"ok": True})
    await owner.delete(f"/instances/{instances[1].id}")
    await happen()
    assert (await stream.next())[1]["ids"] == [str(instances[1].id)]


async def test_whoever_comes_back_to_another_organization_learns_nothing_of_the_first(
    watching: Watching,
    owner: httpx.AsyncClient,
    instances: tuple[Instance, Instance],
    happen: Callable[[], Awaitable[int]],
) -> None:
    stream = await watching("stranger")
    for instance in instances:
        await owner.delete(f"/instances/{instance.id}")
    await happen()
    again = await watching("stranger", headers={"Last-Event-ID": stream.last_id})
    here = await watching("manager", headers={"Last-Event-ID": stream.last_id})
    assert (await here.next())[1]["ids"] == [str(instances[0].id)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await again.next()


async def test_a_session_that_is_revoked_reads_no_more(
    watching: Watching, happen: Callable[[], Awaitable[int]]
) -> None:
    stream, other = await watching(), await watching("manager")
    signed_in_again = await watching()
    listed = (await signed_in_again.client.get("/auth/sessions")).json()
    for one in (one for one in listed if not one["is_current"]):
        path = f"/auth/sessions/{one['session_id']}/revoke"
        assert (await signed_in_again.client.post(path)).status_code == 200
    await happen()
    await stream.end()
    await signed_in_again.end()  # comes back, and is let in
    answer = await stream.client.get("/events/stream", headers={"Last-Event-ID": stream.last_id})
    assert answer.status_code == 401
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await other.next()


async def test_a_session_that_expires_reads_no_more(
    watching: Watching, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "KEEP_ALIVE_S", 0.01)
    stream = await watching()
    clock.advance(timedelta(seconds=SETTINGS.session_lifetime_s))
    await stream.end()


async def test_whoever_works_elsewhere_comes_back_and_watches_that(
    watching: Watching, happen: Callable[[], Awaitable[int]]
) -> None:
    stream = await watching()
    await stream.client.put("/organizations/current", json={"organization_id": None})
    await happen()
    await stream.end()


async def test_a_client_that_does_not_read_is_let_go(
    app: Litestar, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "COALESCE_S", 0.0)
    monkeypatch.setattr(feeds, "LOOK_S", 3600.0)  # what is told here was never committed
    feed: Feed = app.state.feed
    quick = await watching()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)  # noqa: FBT003
        loop = asyncio.get_running_loop()
        url = quick.response.url
        await loop.sock_connect(slow, (url.host, url.port))
        token = quick.client.cookies[SETTINGS.session_cookie_name]
        head = f"GET /events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        await loop.sock_sendall(slow, head.encode())
        await eventually(lambda: feed.readers == 2)
        numbers = count(feed.position + 1)
        told = 0
        async with asyncio.timeout(60):
            while feed.readers == 2:
                for number in islice(numbers, 200):
                    feed.hear(Message(id=number, event=changed(number)))
                told += len((await quick.next())[1]["ids"])
        assert told > 200


async def test_a_client_that_leaves_is_forgotten(app: Litestar, watching: Watching) -> None:
    feed: Feed = app.state.feed
    streams = [await watching(), await watching("loner")]
    assert feed.readers == 2
    for stream in streams:
        await stream.response.aclose()
    await eventually(lambda: feed.readers == 0)


async def test_when_the_server_stops_the_stream_ends(app: Litestar, watching: Watching) -> None:
    streams = [await watching(), await watching("loner")]
    app.state.feed.close()
    for stream in streams:
        await stream.end()
        assert stream.retry_ms is not None


async def test_what_cannot_be_an_instance_is_refused(owner: httpx.AsyncClient) -> None:
    answer = await owner.get("/events/stream?instance_id=5")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_without_its_database_a_stream_does_not_begin(
    application: Application, memory: MemoryAdapters, owner: httpx.AsyncClient, app: Litestar
) -> None:
    async def away() -> int:
        raise OUTAGES[0]

    memory.event_log().newest = away  # type: ignore[method-assign]
    answer = await owner.get("/events/stream")
    assert (answer.status_code, answer.json()["message"]) == (503, "database_unavailable")
    assert app.state.feed.readers == 0


async def test_watching_needs_a_session(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get(f"/events/stream?instance_id={a_number()}")
    assert answer.status_code == 401
