"""The log: the outbox, as relays have numbered it."""

from typing import Any
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.events import revive
from inventiv_adapters.kernel.postgres import Pool, fetch_all, fetch_value
from inventiv_core.kernel.bus import EventLog, Stretch

_NEWEST = "SELECT COALESCE((SELECT last FROM outbox_numbers), 0)"

# One statement, so that what is there and what was found are of the same moment. Without
# events there is one row all the same, which tells how far the log reaches.
_AFTER = """
    SELECT reach.oldest, reach.newest, event.id, event.name, event.payload
    FROM (SELECT (SELECT min(sequence) FROM outbox) AS oldest,
                 COALESCE((SELECT last FROM outbox_numbers), 0) AS newest) reach
    LEFT JOIN LATERAL (
        SELECT sequence AS id, name, payload FROM outbox
        WHERE sequence > %(after)s
        ORDER BY sequence
        LIMIT %(limit)s
    ) event ON true
    ORDER BY event.id
"""

_AFTER_IN = """
    SELECT reach.oldest, reach.newest, event.id, event.name, event.payload
    FROM (SELECT (SELECT min(sequence) FROM outbox) AS oldest,
                 COALESCE((SELECT last FROM outbox_numbers), 0) AS newest) reach
    LEFT JOIN LATERAL (
        SELECT sequence AS id, name, payload FROM outbox
        WHERE organization_id = %(organization_id)s
          AND sequence > %(after)s AND sequence <= %(until)s
        ORDER BY sequence
        LIMIT %(limit)s
    ) event ON true
    ORDER BY event.id
"""


class _Read(msgspec.Struct):
    """A row of the log, or of none, and how far the log reaches."""

    oldest: int | None
    newest: int
    id: int | None
    name: str | None
    payload: dict[str, Any] | None


class PostgresEventLog(EventLog):
    """Reads what relays have numbered in the table."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def newest(self) -> int:
        async with self._pool.connection() as connection:
            return int(await fetch_value(connection, _NEWEST))

    async def after(self, id: int, *, limit: int) -> Stretch:
        async with self._pool.connection() as connection:
            rows = await fetch_all(connection, _Read, _AFTER, after=id, limit=limit)
        return _stretch(rows, after=id, until=rows[0].newest, limit=limit)

    async def after_in(self, organization_id: UUID, id: int, *, until: int, limit: int) -> Stretch:
        async with self._pool.connection() as connection:
            rows = await fetch_all(
                connection,
                _Read,
                _AFTER_IN,
                organization_id=organization_id,
                after=id,
                until=until,
                limit=limit,
            )
        return _stretch(rows, after=id, until=until, limit=limit)


def _stretch(rows: list[_Read], *, after: int, until: int, limit: int) -> Stretch:
    messages = [
        revive(row.id, row.name, row.payload)
        for row in rows
        if row.id is not None and row.name is not None and row.payload is not None
    ]
    last = rows[-1].id
    return Stretch.found(
        [message for message in messages if message is not None],
        after=after,
        until=until if last is None or len(rows) < limit else last,
        oldest=rows[0].oldest,
        newest=rows[0].newest,
    )
