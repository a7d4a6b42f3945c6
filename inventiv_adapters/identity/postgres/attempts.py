"""Attempts, in Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from inventiv_adapters.kernel.postgres import Connection, count_rows, fetch_all
from inventiv_core.identity.entities.attempts import Attempts
from inventiv_core.identity.ports.attempts import AttemptRepository

_COUNT = """
    INSERT INTO attempts AS known (key, count, since) VALUES (%(key)s, 1, %(at)s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN known.since + %(window)s::interval > %(at)s
                     THEN known.count + 1 ELSE 1 END,
        since = CASE WHEN known.since + %(window)s::interval > %(at)s
                     THEN known.since ELSE %(at)s END
    RETURNING count, since
"""

_TAKE_BACK = "UPDATE attempts SET count = count - 1 WHERE key = %(key)s AND count > 0"

_FORGIVE = "DELETE FROM attempts WHERE key = ANY(%(keys)s)"

_FORGET = "DELETE FROM attempts WHERE since < %(before)s"


class PostgresAttempts(AttemptRepository):
    """The attempts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(self, key: str, *, at: datetime, window: timedelta) -> Attempts:
        [made] = await fetch_all(self._connection, Attempts, _COUNT, key=key, at=at, window=window)
        return made

    async def take_back(self, key: str) -> None:
        await self._connection.execute(_TAKE_BACK, {"key": key})

    async def forgive(self, keys: Sequence[str]) -> None:
        await self._connection.execute(_FORGIVE, {"keys": list(keys)})

    async def forget(self, *, before: datetime) -> int:
        return await count_rows(self._connection, _FORGET, before=before)
