"""Calls to models go on while a worker, PostgreSQL and Redis are killed, one after the other."""

import asyncio
import time
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import pytest

from inventiv_adapters.cloud.mock.ledger import Ledger
from tests import postgres, redis
from tests.acceptance.server import PATIENCE_S, Server, deploy, wait_for
from tests.acceptance.test_several_processes import PASSWORD, signed_in
from tests.redis import RedisServer

CALLERS = 12
MODEL = "mock-echo-model"
MESSAGES = [{"role": "user", "content": "One two three four five six seven eight."}]


@dataclass
class Site:
    """A server with a database and a Redis that can be killed."""

    server: Server
    database: postgres.OwnServer
    redis: RedisServer

    def kill_worker(self, instance_id: str) -> None:
        """Have a machine vanish, with all that it was saying."""
        with Ledger(self.server.data_dir / "mock-cloud") as ledger:
            [rental] = [
                each for each in ledger.rentals() if str(each.tag.instance_id) == instance_id
            ]
            ledger.remove(rental.id, at=datetime.now(UTC))

    def records(self) -> Counter[str]:
        """Count the records of usage by the request they are of."""
        rows = postgres.rows(self.database.url, "SELECT request_id FROM inference_usage")
        return Counter(request_id for (request_id,) in rows)


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    with ExitStack() as stack:
        database = stack.enter_context(postgres.own(tmp_path / "postgres"))
        own_redis = stack.enter_context(redis.own(tmp_path))
        settings = {
            "DATABASE_URL": database.url,
            "REDIS_URL": own_redis.url,
            "JWT_SECRET": "a secret that is long enough for a test",
            "INVENTIV_ADMIN_PASSWORD": PASSWORD,
        }
        server = Server(tmp_path / "api", settings)
        server.start()
        stack.callback(server.stop)
        yield Site(server, database, own_redis)


@dataclass
class Load:
    """Callers who ask again and again, and what they got."""

    url: str
    key: str
    whole: int = 0
    broken: int = 0
    """Streams that ended early, after their first byte."""
    failed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    is_over: bool = False
    _numbers: "count[int]" = field(default_factory=count)

    async def run(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        limits = httpx.Limits(max_connections=CALLERS)
        async with (
            httpx.AsyncClient(
                base_url=self.url, headers=headers, timeout=60, limits=limits, trust_env=False
            ) as client,
            asyncio.TaskGroup() as callers,
        ):
            for number in range(CALLERS):
                callers.create_task(self._call_again(client, streamed=number % 2 == 0))

    async def _call_again(self, client: httpx.AsyncClient, *, streamed: bool) -> None:
        while not self.is_over:
            request_id = f"call-{next(self._numbers)}"
            self.asked.append(request_id)
            body = {"model": MODEL, "messages": MESSAGES, "stream": streamed}
            seen = b""
            try:
                async with client.stream(
                    "POST", "/v1/chat/completions", json=body, headers={"X-Request-Id": request_id}
                ) as answer:
                    async for piece in answer.aiter_bytes():
                        seen += piece
            except httpx.HTTPError as error:
                self._broke(f"{request_id}: {error!r}", begun=bool(seen))
                continue
            if answer.status_code != 200:
                self.failed.append(f"{request_id}: {answer.status_code} {seen!r}")
            elif streamed and not seen.endswith(b"data: [DONE]\n\n"):
                self._broke(f"{request_id}: {seen!r}", begun=True)
            else:
                self.whole += 1

    def _broke(self, story: str, *, begun: bool) -> None:
        if begun:
            self.broken += 1
        else:
            self.failed.append(story)


async def test_nothing_is_refused_and_every_call_is_recorded_once(site: Site) -> None:
    with signed_in(site.server) as owner:
        doomed, staying = deploy(owner), deploy(owner)
        for instance_id in (doomed, staying):
            wait_for(owner, instance_id, "ready")
        key = owner.post("/api_keys", json={"name": "load"}).json()["api_key"]
    load = Load(f"http://127.0.0.1:{site.server.port}", key)
    calling = asyncio.create_task(load.run())
    await asyncio.sleep(1.5)
    site.kill_worker(doomed)
    await asyncio.sleep(1.5)
    site.database.kill()
    before_outage = load.whole
    await asyncio.sleep(3)
    in_outage = load.whole - before_outage
    site.database.start()
    await asyncio.sleep(1.5)
    site.redis.stop()
    await asyncio.sleep(2)
    load.is_over = True
    await calling

    assert load.failed == []
    assert in_outage > CALLERS, "nobody waits for the database"
    assert load.broken <= CALLERS, "only those that were under way at the worker that died"
    deadline = time.monotonic() + PATIENCE_S
    while sum((records := site.records()).values()) < len(load.asked):
        assert time.monotonic() < deadline, set(load.asked) - set(records)
        await asyncio.sleep(0.2)
    assert records == Counter(load.asked), "each once"
