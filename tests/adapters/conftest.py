"""Fixtures: a real Redis, and what databases are asked."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncCursor

from tests import redis
from tests.redis import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Generator[RedisServer]:
    """A server for one test, which may stop it."""
    with redis.own(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The server in ``TEST_REDIS``, or one for the whole session."""
    with redis.server(tmp_path_factory.mktemp("redis")) as url:
        yield url


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
