"""Fixtures for what databases are asked."""

from typing import Any

import pytest
from psycopg import AsyncCursor


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
