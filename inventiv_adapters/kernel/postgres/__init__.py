"""The few words we add to psycopg."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from psycopg import AsyncConnection, OperationalError
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from inventiv_adapters.kernel.events import revive
from inventiv_adapters.kernel.postgres.pool import Connection, Pool
from inventiv_core.kernel.bus import Message, Relay
from inventiv_core.kernel.events import DomainEvent, Outbox, TenantEvent
from inventiv_core.kernel.idempotency import (
    IDEMPOTENCY_LIFETIME,
    IdempotencyKey,
    IdempotencyKeyReused,
    IdempotencyRepository,
)
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.kernel.seeding import SeedRecord

Row = TypeVar("Row")

__all__ = ["Connection", "Pool"]  # beside what is below: whoever has statements needs them

_RELAY_LOCK = 0x1_52_45_4C_41_59  # any number, as long as it is always this one
_RELAYED_AT_ONCE = 500


def as_json(value: object) -> Jsonb:
    """Return ``value`` as a parameter for a ``jsonb`` column."""
    return Jsonb(value, dumps=msgspec.json.encode)


async def fetch_all(
    connection: Connection, row: type[Row], query: LiteralString, **values: object
) -> list[Row]:
    """Run ``query``, and check every row against the fields of ``row``."""
    async with connection.cursor(row_factory=dict_row, binary=True) as cursor:
        await cursor.execute(query, values)
        return [msgspec.convert(columns, row) for columns in await cursor.fetchall()]


async def fetch_one(
    connection: Connection, row: type[Row], query: LiteralString, **values: object
) -> Row | None:
    """Like `fetch_all`, for queries that find one row or none."""
    rows = await fetch_all(connection, row, query, **values)
    return rows[0] if rows else None


async def fetch_value(connection: Connection, query: LiteralString, **values: object) -> Any:
    """Return the first column of the first row, or ``None``."""
    cursor = await connection.execute(query, values, binary=True)
    row = await cursor.fetchone()
    return None if row is None else row[0]


class Counts(msgspec.Struct):
    """How many rows there are, and how many of them were searched for."""

    total_count: int
    filtered_count: int


def pattern(needle: str | None) -> str | None:
    """Return the pattern for ``ILIKE`` that finds ``needle`` anywhere, taken literally."""
    if needle is None:
        return None
    literal = needle.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{literal}%"


Searches: TypeAlias = Mapping[tuple[str, bool, bool], LiteralString]
"""A statement for each key, whether descending, and whether it begins after a row."""


def searches(
    template: LiteralString,
    keys: Mapping[str, tuple[LiteralString, LiteralString]],
    *,
    id: LiteralString = "id",
) -> Searches:
    """Return the statements of a search; ``keys`` has the expression and the type of each key.

    The template says ``{after}`` at the end of its conditions, and ``{order}`` where it sorts.
    An index on the expression and the id makes every page cost the same: to begin after a
    row takes a statement of its own, as no index helps with conditions that may not be there.
    """
    statements: dict[tuple[str, bool, bool], LiteralString] = {}
    for name, (key, kind) in keys.items():
        up: LiteralString = f"ORDER BY {key} ASC, {id} ASC"
        down: LiteralString = f"ORDER BY {key} DESC, {id} DESC"
        later: LiteralString = f"AND ({key}, {id}) > (%(key)s::{kind}, %(id)s::uuid)"
        earlier: LiteralString = f"AND ({key}, {id}) < (%(key)s::{kind}, %(id)s::uuid)"
        statements[name, False, False] = template.format(after="", order=up)
        statements[name, True, False] = template.format(after="", order=down)
        statements[name, False, True] = template.format(after=later, order=up)
        statements[name, True, True] = template.format(after=earlier, order=down)
    return statements


async def search(
    connection: Connection,
    row: type[Row],
    statements: Searches,
    count: LiteralString,
    window: Window,
    **where: object,
) -> Rows[Row]:
    """Return what is in ``window``, and how much there is, in two statements."""
    rows = await fetch_window(connection, row, statements, window, **where)
    counts = await fetch_one(connection, Counts, count, **where) or Counts(0, 0)
    return Rows(rows=rows, total_count=counts.total_count, filtered_count=counts.filtered_count)


async def fetch_window(
    connection: Connection, row: type[Row], statements: Searches, window: Window, **where: object
) -> list[Row]:
    """Return the rows in ``window``, by the statement that begins there.

    It is planned each time, with its values: a plan for all values could not leave out
    the conditions that nobody has set, and would not find the index.
    """
    after = window.after
    query = statements[window.key.name, window.descending, after is not None]
    values = where | {
        "key": None if after is None else after.value,
        "id": None if after is None else after.id,
        "offset": window.offset,
        "limit": window.limit,
    }
    async with connection.cursor(row_factory=dict_row, binary=True) as cursor:
        await cursor.execute(query, values, prepare=False)
        return [msgspec.convert(columns, row) for columns in await cursor.fetchall()]


async def count_rows(connection: Connection, query: LiteralString, **values: object) -> int:
    """Run ``query``, and return how many rows it has touched."""
    cursor = await connection.execute(query, values)
    return cursor.rowcount


_BEGIN = """
    INSERT INTO idempotency_keys AS known (scope, key, fingerprint, began_at)
    VALUES (%(scope)s, %(key)s, %(fingerprint)s, %(at)s)
    ON CONFLICT (scope, key) DO UPDATE SET
        fingerprint = EXCLUDED.fingerprint, began_at = EXCLUDED.began_at, result = NULL
    WHERE known.began_at + %(lifetime)s::interval <= %(at)s
    RETURNING true
"""

_BEGUN = """
    SELECT fingerprint, result FROM idempotency_keys WHERE scope = %(scope)s AND key = %(key)s
"""

_FINISH = """
    UPDATE idempotency_keys SET result = %(result)s WHERE scope = %(scope)s AND key = %(key)s
"""

_FORGET_KEYS = "DELETE FROM idempotency_keys WHERE began_at < %(before)s"


_REMEMBER_SEEDED = """
    INSERT INTO seeded (kind, key) SELECT %(kind)s, unnest(%(keys)s::text[])
    ON CONFLICT (kind, key) DO NOTHING
    RETURNING key
"""


class _Seeded(msgspec.Struct):
    key: str


class PostgresSeedRecord(SeedRecord):
    """What was there from the start."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def remember(self, kind: str, keys: Collection[str]) -> frozenset[str]:
        new = await fetch_all(
            self._connection, _Seeded, _REMEMBER_SEEDED, kind=kind, keys=list(keys)
        )
        return frozenset(seeded.key for seeded in new)


class _Begun(msgspec.Struct):
    fingerprint: str
    result: str | None


class PostgresIdempotency(IdempotencyRepository):
    """The keys. Who comes second waits at the primary key until the first has ended."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, key: IdempotencyKey, *, scope: UUID, at: datetime) -> str | None:
        is_new = await fetch_value(
            self._connection,
            _BEGIN,
            scope=scope,
            key=key.key,
            fingerprint=key.fingerprint,
            at=at,
            lifetime=IDEMPOTENCY_LIFETIME,
        )
        if is_new:
            return None
        [known] = await fetch_all(self._connection, _Begun, _BEGUN, scope=scope, key=key.key)
        if known.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused(key=key.key)
        return known.result

    async def finish(self, key: IdempotencyKey, *, scope: UUID, result: str) -> None:
        values = {"scope": scope, "key": key.key, "result": result}
        await self._connection.execute(_FINISH, values)

    async def forget(self, *, before: datetime) -> int:
        return await count_rows(self._connection, _FORGET_KEYS, before=before)


_ADD = """
    WITH added AS (
        INSERT INTO outbox (name, payload, organization_id, occurred_at)
        VALUES (%(name)s, %(payload)s, %(organization_id)s, %(occurred_at)s)
    )
    SELECT pg_notify('inventiv_outbox', '')
"""

_NUMBER = "SELECT number_events(%(at_most)s)"

_IS_MY_TURN = "SELECT pg_try_advisory_xact_lock(%(lock)s)"

_WAITING = """
    SELECT sequence AS id, name, payload FROM outbox
    WHERE published_at IS NULL AND sequence IS NOT NULL
    ORDER BY sequence
    LIMIT %(limit)s
"""

_PUBLISHED = """
    UPDATE outbox SET published_at = now()
    WHERE published_at IS NULL AND sequence BETWEEN %(first)s AND %(last)s
"""

_FORGET = """
    DELETE FROM outbox
    WHERE published_at IS NOT NULL AND occurred_at < %(before)s
      AND (sequence IS NULL OR sequence < COALESCE(
          (SELECT min(kept.sequence) FROM outbox kept
           WHERE kept.published_at IS NULL OR kept.occurred_at >= %(before)s),
          (SELECT last + 1 FROM outbox_numbers)))
"""

_LISTEN = "LISTEN inventiv_outbox"
_LISTENING_WITHIN_S: Final = 5.0
# who only listens would not notice that nobody is there any more
_NOTICES_DEATH: Final[Mapping[str, Any]] = {
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


class PostgresOutbox(Outbox):
    """Events wait in a table, and are relayed after the commit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.added: list[DomainEvent] = []

    async def add(self, event: DomainEvent) -> None:
        values = {
            "name": type(event).__name__,
            "payload": as_json(event),
            "organization_id": event.organization_id if isinstance(event, TenantEvent) else None,
            "occurred_at": event.occurred_at,
        }
        await self._connection.execute(_ADD, values)
        self.added.append(event)


class _Waiting(msgspec.Struct):
    id: int
    name: str
    payload: dict[str, Any]


class PostgresRelay(Relay):
    """Takes events from the table; a commit wakes it through NOTIFY, in whatever process."""

    def __init__(self, pool: Pool, url: str) -> None:
        self._pool = pool
        self._url = url
        self._listener: Connection | None = None

    async def deliver(self, publish: Callable[[Sequence[Message]], Awaitable[None]]) -> int:
        async with self._pool.connection() as connection:
            await connection.execute(_NUMBER, {"at_most": _RELAYED_AT_ONCE})
            async with connection.transaction():
                return await self._publish(connection, publish)

    async def _publish(
        self,
        connection: Connection,
        publish: Callable[[Sequence[Message]], Awaitable[None]],
    ) -> int:
        if not await fetch_value(connection, _IS_MY_TURN, lock=_RELAY_LOCK):
            return 0
        waiting = await fetch_all(connection, _Waiting, _WAITING, limit=_RELAYED_AT_ONCE)
        if not waiting:
            return 0
        messages = (revive(row.id, row.name, row.payload) for row in waiting)
        await publish([message for message in messages if message is not None])
        values = {"first": waiting[0].id, "last": waiting[-1].id}
        await connection.execute(_PUBLISHED, values)
        return len(waiting)

    async def wait(self, *, at_most: timedelta) -> None:
        seconds = at_most.total_seconds()
        try:
            listener = await self._listening()
            async for _ in listener.notifies(timeout=seconds, stop_after=1):
                return
        except OperationalError:
            await self.close()
            await asyncio.sleep(min(seconds, 1.0))  # the table is read all the same

    async def forget(self, *, before: datetime) -> int:
        async with self._pool.connection() as connection:
            return await count_rows(connection, _FORGET, before=before)

    async def close(self) -> None:
        """Stop listening."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.close()

    async def _listening(self) -> Connection:
        if self._listener is None:
            try:
                async with asyncio.timeout(_LISTENING_WITHIN_S):
                    self._listener = await AsyncConnection.connect(
                        self._url, autocommit=True, **_NOTICES_DEATH
                    )
                    await self._listener.execute(_LISTEN)
            except TimeoutError as error:
                raise OperationalError from error
        return self._listener
