"""Bringing a database up to date, alone, while others use it."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import msgspec
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import DeadlockDetected, LockNotAvailable
from psycopg.sql import SQL, Identifier

from inventiv_adapters.kernel.postgres import Connection, fetch_all, fetch_value
from inventiv_adapters.schema.versions import (
    BASELINE,
    Migration,
    Schema,
    SchemaBusy,
    SchemaState,
)

PATIENCE: Final = timedelta(minutes=2)
"""How long to wait for whoever is in the way."""

_LOCK: Final = 0x1_4E_56_45_4E_54  # any number, as long as it is always this one
_PAUSE_S: Final = 0.2

_HAS_TABLES = """
    SELECT EXISTS (
        SELECT FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    )
"""
_IS_COUNTED = "SELECT to_regclass('schema_migrations') IS NOT NULL"
_TAKEN = "SELECT name FROM schema_migrations ORDER BY name"
_REMEMBER = "INSERT INTO schema_migrations (name) VALUES (%(name)s) ON CONFLICT DO NOTHING"
_COUNTING = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name       text COLLATE "C" PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
# Before steps were counted, the whole text was remembered by its SHA-256.
_IS_REMEMBERED = "SELECT to_regclass('schema_applied') IS NOT NULL"

_TRY = "SELECT pg_try_advisory_xact_lock(%(lock)s)"
_STAY = "SET LOCAL idle_in_transaction_session_timeout = 0"
# Whoever waits for a lock on a table has everybody wait who comes after: not for long.
_BRIEFLY = "SET LOCAL lock_timeout = '2s'"
_QUIETLY = "SET LOCAL client_min_messages = warning"
# Statements outside of a transaction are in nobody's way while they wait.
_PATIENTLY = "SET lock_timeout = '10min'"
_AS_BEFORE = "RESET lock_timeout"


class _Step(msgspec.Struct):
    name: str


async def look_at_schema(url: str, schema: Schema) -> SchemaState:
    """Tell how far a database is. Nothing is changed."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        return await _look(connection, schema)


async def upgrade_schema(
    url: str,
    schema: Schema,
    *,
    told: Callable[[str], None] = lambda _: None,
    patience: timedelta = PATIENCE,
) -> tuple[str, ...]:
    """Bring a database up to date, alone; return what was missing.

    ``told`` hears the name of each step before it is taken. Those who use the database go
    on: a step that does not get its locks at once stands back, and is tried again.

    Raises:
        SchemaBusy: Somebody was in the way for all of ``patience``. Steps taken stay taken.
    """
    until_s = asyncio.get_running_loop().time() + patience.total_seconds()
    async with (
        await AsyncConnection.connect(url) as holder,
        await AsyncConnection.connect(url, autocommit=True) as connection,
    ):
        await _alone(holder, until_s)
        state = await _look(connection, schema)
        if state.is_empty:
            told("schema")
            await _make(connection, schema)
            return state.missing
        async with connection.transaction():
            await _count(connection, await _taken(connection, schema))
        steps = {step.name: step for step in schema.migrations}
        for name in state.missing:
            told(name)
            await _take(connection, steps[name], until_s)
        return state.missing


async def _look(connection: Connection, schema: Schema) -> SchemaState:
    # asked for first: who looks while another process makes it all sees nothing, or all
    is_empty = not await fetch_value(connection, _HAS_TABLES)
    taken = await _taken(connection, schema)
    known = [step.name for step in schema.migrations]
    return SchemaState(
        is_empty=is_empty,
        missing=tuple(name for name in known if name not in taken),
        unknown=tuple(sorted(taken - set(known))),
    )


async def _taken(connection: Connection, schema: Schema) -> set[str]:
    if await fetch_value(connection, _IS_COUNTED):
        return {step.name for step in await fetch_all(connection, _Step, _TAKEN)}
    if not await fetch_value(connection, _IS_REMEMBERED):
        return set()
    last = await fetch_value(connection, "SELECT checksum FROM schema_applied")
    return {
        step.name
        for step in schema.migrations
        if step.number == BASELINE and hashlib.sha256(step.text.encode()).hexdigest() == last
    }


async def _alone(holder: Connection, until_s: float) -> None:
    """Hold the lock in a transaction, which ends with the connection.

    Indexes that are made concurrently wait for whoever has a snapshot. So nobody waits in a
    statement, nor in a transaction; and the last word of the one that has the lock is one
    without a result, or the result would keep its snapshot.
    """
    while not await fetch_value(holder, _TRY, lock=_LOCK):
        await holder.rollback()
        await _pause(until_s, "another process does so already")
    await holder.execute(_STAY)


async def _make(connection: Connection, schema: Schema) -> None:
    async with connection.transaction():
        await connection.execute(_QUIETLY)
        await connection.execute(schema.text.encode())
        await _count(connection, {step.name for step in schema.migrations})


async def _take(connection: Connection, step: Migration, until_s: float) -> None:
    while True:
        try:
            await (_take_outside if step.is_outside else _take_at_once)(connection, step)
        except (LockNotAvailable, DeadlockDetected) as error:
            await _pause(until_s, f"{step.name} has to wait ({error.diag.message_primary})")
        else:
            return


async def _take_at_once(connection: Connection, step: Migration) -> None:
    async with connection.transaction():
        await connection.execute(_BRIEFLY)
        await _count(connection, {step.name})
        for statement in step.statements:
            await connection.execute(statement.encode())


async def _take_outside(connection: Connection, step: Migration) -> None:
    await connection.execute(_PATIENTLY)
    try:
        for statement in step.statements:
            await connection.execute(statement.encode())
    finally:
        await connection.execute(_AS_BEFORE)
    async with connection.transaction():
        await _count(connection, {step.name})


async def _count(connection: Connection, names: Collection[str]) -> None:
    await connection.execute(_QUIETLY)
    await connection.execute(_COUNTING)
    for name in names:
        await connection.execute(_REMEMBER, {"name": name})


async def _pause(until_s: float, because: str) -> None:
    if asyncio.get_running_loop().time() >= until_s:
        message = f"The database cannot be brought up to date: {because}. Try again later."
        raise SchemaBusy(message)
    await asyncio.sleep(_PAUSE_S)


_COUNT_TABLES = """
    SELECT count(*) FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
"""


async def count_tables(url: str) -> int:
    """Return how many tables have rows of their own: partitions, but not what they are of."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        return int(await fetch_value(connection, _COUNT_TABLES))


@asynccontextmanager
async def replacement(url: str) -> AsyncGenerator[str]:
    """Yield an empty database, which takes the place of the one at ``url`` at a clean exit.

    Until then that one stays as it is, and so it does if anything goes wrong. Nobody else may
    be connected to it.
    """
    present = str(conninfo_to_dict(url)["dbname"])
    name, former = f"{present}_replacement", f"{present}_replaced"
    aside = make_conninfo(url, dbname="template1")
    async with await AsyncConnection.connect(aside, autocommit=True) as connection:
        for left_behind in (name, former):  # by whoever was killed
            await connection.execute(_DROP.format(Identifier(left_behind)))
        await connection.execute(_CREATE.format(Identifier(name)))
        try:
            yield make_conninfo(url, dbname=name)
            async with connection.transaction():
                await connection.execute(_RENAME.format(Identifier(present), Identifier(former)))
                await connection.execute(_RENAME.format(Identifier(name), Identifier(present)))
        finally:
            for over in (name, former):
                await connection.execute(_DROP.format(Identifier(over)))


_CREATE = SQL("CREATE DATABASE {} TEMPLATE template0")
_DROP = SQL("DROP DATABASE IF EXISTS {}")
_RENAME = SQL("ALTER DATABASE {} RENAME TO {}")
