"""What a pool makes of a PostgreSQL that goes away, comes back, or is another one."""

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, LiteralString

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from inventiv_adapters.embedded.server import EmbeddedPostgres
from inventiv_adapters.kernel.postgres.pool import OUTAGES, Pool, open_later
from tests import postgres

WRITE = "INSERT INTO written DEFAULT VALUES"
COUNT = "SELECT count(*) FROM written"
TABLE = "CREATE TABLE written (at timestamptz NOT NULL DEFAULT now())"


class Primary:
    """A server that may be stopped, and started again at the same address."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running = ExitStack()
        self.url = self.start()

    def start(self) -> str:
        return self._running.enter_context(EmbeddedPostgres(self._directory)).url

    def stop(self) -> None:
        self._running.close()

    @contextmanager
    def taking_no_writes(self) -> Generator[None]:
        """Be a primary no more, as after others have taken over."""
        self._set("ALTER SYSTEM SET default_transaction_read_only = on")
        try:
            yield
        finally:
            self._set("ALTER SYSTEM SET default_transaction_read_only = off")

    def _set(self, change: str) -> None:
        postgres.run(self.url, change)
        postgres.run(self.url, "SELECT pg_reload_conf()")
        sleep(0.2)  # each backend is told by a signal


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Generator[list[Primary]]:
    made = [Primary(tmp_path_factory.mktemp("primary") / "data") for _ in range(2)]
    for server in made:
        postgres.run(server.url, TABLE)
    yield made
    for server in made:
        server.stop()


@pytest.fixture
def primary(servers: list[Primary]) -> Primary:
    return servers[0]


async def ask(pool: Pool, statement: LiteralString) -> Any:
    async with pool.connection() as connection:
        cursor = await connection.execute(statement)
        return None if cursor.description is None else await cursor.fetchone()


async def ask_many(pool: Pool, statement: LiteralString, times: int) -> list[Any]:
    asked = (ask(pool, statement) for _ in range(times))
    return await asyncio.gather(*asked, return_exceptions=True)


async def until_answered(pool: Pool, statement: LiteralString, within_s: float) -> float:
    """Return how long it took until a statement was carried out."""
    began = monotonic()
    while True:
        try:
            await ask(pool, statement)
        except OUTAGES:
            assert monotonic() < began + within_s
            await asyncio.sleep(0.05)
        else:
            return monotonic() - began


async def test_a_server_that_has_restarted_is_not_noticed(primary: Primary) -> None:
    async with open_later(primary.url, max_connections=5) as pool:
        await ask_many(pool, "SELECT pg_sleep(0.1)", 5)
        primary.stop()
        primary.start()
        began = monotonic()
        assert await ask_many(pool, "SELECT 1", 20) == [(1,)] * 20
        assert monotonic() - began < 1.0


async def test_a_server_that_was_away_for_long_is_found_at_once(primary: Primary) -> None:
    async with open_later(primary.url, max_connections=5, wait_s=0.5) as pool:
        await ask_many(pool, "SELECT pg_sleep(0.1)", 5)
        primary.stop()
        until = monotonic() + 3.5
        while monotonic() < until:
            began = monotonic()
            for answer in await ask_many(pool, "SELECT 1", 3):
                assert isinstance(answer, OUTAGES)
            assert monotonic() - began < 1.5
        primary.start()
        assert await until_answered(pool, "SELECT 1", 5) < 2.0


async def test_whoever_waits_is_served_as_soon_as_it_is_back(primary: Primary) -> None:
    async with open_later(primary.url, max_connections=5, wait_s=20) as pool:
        await ask_many(pool, "SELECT pg_sleep(0.1)", 5)
        primary.stop()
        waiting = asyncio.create_task(ask(pool, "SELECT 1"))
        await asyncio.sleep(3.5)
        primary.start()
        assert await asyncio.wait_for(waiting, 2.5) == (1,)


async def test_a_connection_on_which_nothing_can_be_written_is_given_up(primary: Primary) -> None:
    async with open_later(primary.url, max_connections=3) as pool:
        with primary.taking_no_writes():
            await ask_many(pool, "SELECT pg_sleep(0.1)", 3)
            for answer in await ask_many(pool, WRITE, 3):
                assert isinstance(answer, OUTAGES)
        await ask_many(pool, WRITE, 3)  # what was connected meanwhile
        assert await ask_many(pool, WRITE, 6) == [None] * 6


async def test_of_several_hosts_the_one_that_takes_writes_is_used(servers: list[Primary]) -> None:
    known = [conninfo_to_dict(server.url) for server in servers]
    url = (
        f"user={known[0]['user']} dbname={known[0]['dbname']} "
        f"host={known[0]['host']},{known[1]['host']} target_session_attrs=read-write"
    )
    before, after = servers
    async with open_later(url, max_connections=3) as pool:
        await ask_many(pool, WRITE, 6)
        assert postgres.rows(after.url, COUNT) == [(0,)]
        with before.taking_no_writes():
            refused = await ask_many(pool, WRITE, 9)
            assert any(isinstance(answer, OUTAGES) for answer in refused)
            assert await ask_many(pool, WRITE, 6) == [None] * 6
    assert postgres.rows(after.url, COUNT)[0][0] >= 6


async def test_a_statement_that_takes_too_long_is_ended_and_its_connection_kept(
    primary: Primary,
) -> None:
    async with open_later(primary.url, max_connections=1, patience_s=0.2) as pool:
        before = await ask(pool, "SELECT pg_backend_pid()")
        with pytest.raises(OUTAGES, match="within 0"):
            await ask(pool, "SELECT pg_sleep(60)")
        assert await ask(pool, "SELECT pg_backend_pid()") == before
    [(busy,)] = postgres.rows(
        primary.url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'"
    )
    assert busy == 0


async def test_a_backend_that_says_nothing_any_more_is_given_up(primary: Primary) -> None:
    async with open_later(primary.url, max_connections=1, patience_s=0.2) as pool:
        [frozen] = await ask(pool, "SELECT pg_backend_pid()")
        os.kill(frozen, signal.SIGSTOP)
        try:
            with pytest.raises(OUTAGES):
                await asyncio.wait_for(ask(pool, "SELECT 1"), 15)
            assert await ask(pool, "SELECT pg_backend_pid()") != (frozen,)
        finally:
            os.kill(frozen, signal.SIGCONT)


async def test_whoever_falls_silent_in_a_transaction_keeps_nobody_waiting_for_long(
    primary: Primary,
) -> None:
    url = make_conninfo(primary.url, options="-c idle_in_transaction_session_timeout=200ms")
    async with open_later(url, max_connections=2, patience_s=5) as pool:

        async def fall_silent() -> None:
            async with pool.connection() as frozen, frozen.transaction():
                await frozen.execute("LOCK TABLE written")
                await asyncio.wait_for(ask(pool, WRITE), 4)  # which has to wait, but not for ever
                await frozen.execute("SELECT 1")

        with pytest.raises(OUTAGES):
            await fall_silent()


async def test_silence_in_a_transaction_is_bounded_where_nobody_has_said_how(
    primary: Primary,
) -> None:
    async with open_later(primary.url, max_connections=1) as pool:
        assert await ask(pool, "SHOW idle_in_transaction_session_timeout") == ("30s",)
