"""Live events at two processes: none is lost, none comes twice, whatever is killed."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from dependency_injector.providers import Object
from httpx_sse import EventSource
from redis import Redis

from inventiv_adapters.kernel.clock import SystemClock
from inventiv_core.instances.events import InstanceChanged
from inventiv_http.container import PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres
from tests.acceptance.server import Server, eventually
from tests.acceptance.test_several_processes import fleet, signed_in
from tests.builders import a_number

__all__ = ["fleet"]

EVENTS = 40


@dataclass
class Watcher:
    """A browser: whatever happens to its line, it comes back with the last id, maybe elsewhere."""

    token: str
    servers: list[Server]
    seen: list[str] = field(default_factory=list[str])
    last_id: str = ""
    is_greeted: bool = False
    retries: list[int] = field(default_factory=list[int])
    is_over: bool = False

    def watch(self) -> None:
        while not self.is_over and self.servers:
            url = f"http://127.0.0.1:{self.servers[0].port}"
            headers = {"Authorization": f"Bearer {self.token}"}
            if self.last_id:
                headers["Last-Event-ID"] = self.last_id
            try:
                with (
                    httpx.Client(base_url=url, trust_env=False, timeout=30) as client,
                    client.stream("GET", "/events/stream?topics=instances", headers=headers) as it,
                ):
                    self._read(it)
            except httpx.TransportError:
                self.servers = self.servers[1:]

    def _read(self, response: httpx.Response) -> None:
        for event in EventSource(response).iter_sse():
            assert event.event != "reset"
            self.last_id = event.id
            self.is_greeted = True
            if event.retry is not None:
                self.retries.append(event.retry)
                self.is_over = True
            if event.event == "instance.updated":
                self.seen += event.json()["ids"]


@contextmanager
def watching(*watchers: Watcher) -> Generator[None]:
    threads = [threading.Thread(target=watcher.watch, daemon=True) for watcher in watchers]
    for thread in threads:
        thread.start()
    eventually(lambda: all(watcher.is_greeted for watcher in watchers), "the greeting")
    yield
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


async def happen(url: str, owner: UUID, count: int) -> None:
    """Commit events, two at a time, of which the one that began first ends last."""
    adapters: Any = PostgresAdapters(settings=Object(Settings(database_url=url)))

    async def commit(pause_s: float) -> None:
        async with adapters.unit_of_work()() as work:
            event = InstanceChanged(
                instance_id=a_number(),
                organization_id=owner,
                status="ready",
                occurred_at=SystemClock().now(),
            )
            await work.outbox.add(event)
            await asyncio.sleep(pause_s)

    async with adapters.pool():
        for _ in range(count // 2):
            await asyncio.gather(commit(0.06), commit(0.01))


def told(url: str) -> list[str]:
    """Return what was numbered, in order."""
    query = """
        SELECT payload ->> 'instance_id' FROM outbox
        WHERE name = 'InstanceChanged' AND sequence IS NOT NULL ORDER BY sequence
    """
    return [str(row[0]) for row in postgres.rows(url, query)]


def test_each_event_once_to_each_watcher_whatever_is_killed(fleet: tuple[Server, Server]) -> None:
    here, there = fleet
    url, redis_url = here.settings["DATABASE_URL"], here.settings["REDIS_URL"]
    with signed_in(here) as client:
        token = client.cookies["inventiv_session"]
        owner = UUID(client.get("/auth/me").json()["current_organization_id"])
    watchers = [
        Watcher(token, [here, there]),
        Watcher(token, [here, there]),
        Watcher(token, [there]),
        Watcher(token, [there]),
    ]
    with watching(*watchers):
        asyncio.run(happen(url, owner, EVENTS))
        with Redis.from_url(redis_url) as redis:  # what is said until they are back is lost
            redis.client_kill_filter(_type="pubsub")
        asyncio.run(happen(url, owner, EVENTS))
        here.kill()
        asyncio.run(happen(url, owner, EVENTS))
        eventually(lambda: all(len(w.seen) >= 3 * EVENTS for w in watchers), "all events")
        there.stop()
    assert len(told(url)) == 3 * EVENTS
    for watcher in watchers:
        assert watcher.seen == told(url)
        assert len(watcher.retries) == 1
