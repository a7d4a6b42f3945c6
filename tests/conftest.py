"""Fixtures: one world per test, in memory or in Postgres."""

import asyncio
import os
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from dependency_injector.providers import Object
from hypothesis import HealthCheck, settings
from psycopg.conninfo import conninfo_to_dict

from inventiv_adapters.identity.argon2 import quick
from inventiv_adapters.kernel.chance import SeededChance
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_http.container import Application, MemoryAdapters, PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres as real
from tests.builders import NOON

settings.register_profile(
    "default",
    deadline=None,  # a slow machine is not a wrong one
    derandomize="CI" in os.environ,  # a change is judged by what it changes; chance looks elsewhere
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("default")

SECRET = "a secret that is long enough, for tests only"
SECRETS_KEY = "a key for tests only that is long enough"
SETTINGS = Settings(jwt_secret=SECRET, secrets_key=SECRETS_KEY, port=8003)


def under_control() -> dict[str, Any]:
    """Return time, identity, chance and cost under the control of a test."""
    return {
        "clock": Object(ManualClock(NOON)),
        "new_id": Object(SerialIds()),
        "chance": Object(SeededChance(0)),
        "password_hasher": Object(quick()),
    }


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A server for the whole session."""
    with real.server(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(scope="session")
def template(postgres_server: str) -> Generator[str]:
    """Load the schema once; every test then gets a copy of this database."""
    with real.database(postgres_server) as url:
        asyncio.run(real.load_schema(url))
        yield str(conninfo_to_dict(url)["dbname"])


@pytest.fixture
def database_url(postgres_server: str, template: str) -> Generator[str]:
    """A fresh database, with the schema."""
    with real.database(postgres_server, template=template) as url:
        yield url


@pytest.fixture
def memory() -> MemoryAdapters:
    """The world in memory, with time and identity under control."""
    return MemoryAdapters(settings=Object(SETTINGS), **under_control())


@pytest.fixture
async def postgres(database_url: str) -> AsyncGenerator[PostgresAdapters]:
    """The world in Postgres, with time and identity under control."""
    adapters = PostgresAdapters(
        settings=Object(
            Settings(jwt_secret=SECRET, secrets_key=SECRETS_KEY, database_url=database_url)
        ),
        **under_control(),
    )
    async with adapters.pool():
        yield adapters
        await adapters.relay().close()


@pytest.fixture(params=["memory", "postgres"])
def adapters(request: pytest.FixtureRequest) -> Any:
    """Each world in turn. A test that uses this is a contract: both must keep it."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def application(memory: MemoryAdapters) -> Application:
    """Everything a front end can call, over memory."""
    return Application(adapters=memory)
