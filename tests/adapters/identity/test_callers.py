"""What a call costs the database, and how soon other processes know that somebody is out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from dependency_injector.providers import Object
from psycopg import AsyncCursor

from inventiv_adapters.identity.postgres.api_keys import PostgresApiKeyQueries
from inventiv_adapters.kernel.postgres.pool import OUTAGES
from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.sessions import ApiKeyOrLoginRequired
from inventiv_core.identity.use_cases.callers import Presented
from inventiv_http.app import create_app
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.settings import Settings
from tests import redis
from tests.builders import (
    NOON,
    PASSWORD,
    a_key,
    a_membership,
    a_user,
    an_actor,
    an_organization,
    given,
    given_teams,
    key_text,
)
from tests.conftest import SECRET, SETTINGS, under_control
from tests.http.conftest import client_of
from tests.http.server import PATIENCE_S, eventually

BEARER = {"Authorization": f"Bearer {key_text()}"}


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return every statement from now on, as it is sent."""
    sent: list[str] = []
    execute = AsyncCursor.execute

    async def counted(cursor: Any, query: Any, *values: Any, **options: Any) -> Any:
        if query:  # a pool asks nothing at all, to see whether a connection lives
            sent.append(query)
        return await execute(cursor, query, *values, **options)

    monkeypatch.setattr(AsyncCursor, "execute", counted)
    return sent


@pytest.fixture
async def client(postgres: PostgresAdapters) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the application over Postgres, which knows Alice, her session and her key."""
    password_hash = await postgres.password_hasher().hash(PASSWORD)
    things = (a_user(password_hash=password_hash), an_organization(), a_membership())
    await given(postgres.unit_of_work(), *things, a_key(key_text()))
    async with client_of(create_app(Application(adapters=postgres))) as client:
        yield client


async def session_token(client: httpx.AsyncClient) -> str:
    answer = await client.post("/auth/login", json={"email": "alice", "password": PASSWORD})
    assert answer.status_code == 200
    token = client.cookies[SETTINGS.session_cookie_name]
    client.cookies.clear()
    return str(token)


async def test_a_caller_costs_one_statement_and_then_none(
    client: httpx.AsyncClient, statements: list[str]
) -> None:
    token = await session_token(client)
    for headers in (
        BEARER,
        {"X-API-Key": key_text()} | {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer {token}"},
        {"cookie": f"{SETTINGS.session_cookie_name}={token}"} | BEARER,
    ):
        before = len(statements)
        for _ in range(3):
            assert (await client.get("/v1/models", headers=headers)).status_code == 200
        is_new = "X-API-Key" not in headers and "cookie" not in headers
        assert len(statements) - before == (1 if is_new else 0), statements[before:]


async def test_a_session_elsewhere_costs_one_statement_each_time(
    client: httpx.AsyncClient, statements: list[str]
) -> None:
    headers = {"Authorization": f"Bearer {await session_token(client)}"}
    for _ in range(2):
        await client.get("/v1/models", headers=headers)
        before = len(statements)
        assert (await client.get("/auth/me", headers=headers)).status_code == 200
        assert len(statements) - before == 1


async def test_many_uses_are_stored_in_one_statement(
    postgres: PostgresAdapters, client: httpx.AsyncClient, statements: list[str]
) -> None:
    for number in range(2, 7):
        await given(postgres.unit_of_work(), a_key(key_text(number)))
        await client.get("/v1/models", headers={"X-API-Key": key_text(number)})
    before = len(statements)
    assert await Application(adapters=postgres).store_uses()(actor=PLATFORM) == 5
    assert len([sent for sent in statements[before:] if "api_keys" in sent]) == 1


async def test_without_a_cache_each_call_costs_one_statement(
    postgres: PostgresAdapters, client: httpx.AsyncClient, statements: list[str]
) -> None:
    known = type(postgres.known_callers())(timedelta(0))
    with postgres.known_callers.override(Object(known)):
        app = create_app(Application(adapters=postgres))
        async with client_of(app) as forgetful:
            for _ in range(3):
                before = len(statements)
                assert (await forgetful.get("/v1/models", headers=BEARER)).status_code == 200
                assert len(statements) - before == 1


@asynccontextmanager
async def process(database_url: str, redis_url: str) -> AsyncGenerator[Application]:
    """A process of the API, with caches of its own and the bus between them."""
    settings = Settings(jwt_secret=SECRET, database_url=database_url, redis_url=redis_url)
    adapters = PostgresAdapters(settings=Object(settings), **under_control())
    application = Application(adapters=adapters)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(adapters.pool())
        stack.push_async_callback(adapters.relay().close)
        create_app(application)  # listens to the bus
        await adapters.bus().open()
        stack.push_async_callback(adapters.bus().close)
        yield application


async def lets_in(application: Application) -> bool:
    try:
        await application.recognise_caller()(Presented(bearer=key_text()), actor=Caller())
    except ApiKeyOrLoginRequired:
        return False
    return True


async def test_who_is_out_here_is_out_elsewhere_as_soon_as_the_bus_says_so(
    database_url: str, tmp_path: Path
) -> None:
    """Time stands still in both processes: what is remembered does not age."""
    with redis.server(tmp_path) as redis_url:
        async with (
            process(database_url, redis_url) as here,
            process(database_url, redis_url) as there,
        ):
            key = a_key(key_text())
            await given_teams(here.adapters.unit_of_work(), key)
            await here.relay_events()(actor=PLATFORM)
            assert [await lets_in(here), await lets_in(there)] == [True, True]
            await here.revoke_api_key()(key.id, actor=an_actor())
            assert [await lets_in(here), await lets_in(there)] == [False, True]
            changes = there.adapters.known_callers().changes
            assert await here.relay_events()(actor=PLATFORM) > 0
            await eventually(lambda: there.adapters.known_callers().changes > changes)
            assert [await lets_in(here), await lets_in(there)] == [False, False]


async def test_a_call_does_not_wait_long_for_a_connection_to_find_its_key_with(
    postgres: PostgresAdapters,
) -> None:
    pool = postgres.pool()
    queries = PostgresApiKeyQueries(pool, find_within_s=0.01)
    async with AsyncExitStack() as stack:
        for _ in range(pool.max_size):
            await stack.enter_async_context(pool.connection())
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(OUTAGES):
                await queries.find("a hash", now=NOON)
