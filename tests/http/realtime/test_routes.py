"""``/events/stream``, over real HTTP."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent
from litestar import Litestar

from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import Instance
from inventiv_http.container import Application, MemoryAdapters
from inventiv_http.realtime.feed import Feed
from tests.builders import OTHER, Market, a_number, given
from tests.conftest import SETTINGS
from tests.http.conftest import SignIn
from tests.http.server import PATIENCE_S, eventually, served


class Stream:
    """What one client sees."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._events: AsyncIterator[ServerSentEvent] = EventSource(response).aiter_sse()

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            event = await anext(self._events)
        return event.event, event.json()

    async def names(self, count: int) -> set[str]:
        return {(await self.next())[0] for _ in range(count)}


Watching: TypeAlias = Callable[..., Awaitable[Stream]]


@pytest.fixture
async def watching(app: Litestar, sign_in: SignIn) -> AsyncGenerator[Watching]:
    """Has people watch; whoever is here has been greeted."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app))
        stack.callback(app.state.feed.close)

        async def watch(name: str = "owner", **params: Any) -> Stream:
            token = (await sign_in(name)).cookies[SETTINGS.session_cookie_name]
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
            request = client.stream(
                "GET", "/events/stream", params=params, headers={"Authorization": f"Bearer {token}"}
            )
            stream = Stream(await stack.enter_async_context(request))
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
        with pytest.raises(StopAsyncIteration):
            await stream.next()


async def test_watching_needs_a_session(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get(f"/events/stream?instance_id={a_number()}")
    assert answer.status_code == 401
