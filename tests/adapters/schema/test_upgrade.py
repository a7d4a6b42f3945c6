"""How a database gets its schema, at once or step by step."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest

from inventiv_adapters.kernel import postgres as kernel
from inventiv_adapters.schema import postgres as making
from inventiv_adapters.schema.postgres import look_at_schema, upgrade_schema
from inventiv_adapters.schema.versions import Migration, Schema, SchemaBusy, shipped_schema
from tests import postgres as real
from tests.adapters.schema.catalog import QUERIES, catalog

SHIPPED = shipped_schema()
BASELINE = SHIPPED.migrations[0]

THINGS = Migration(name="0001_things", text="CREATE TABLE things (id integer PRIMARY KEY)")
NAMES = Migration(name="0002_names", text="ALTER TABLE things ADD COLUMN name text DEFAULT ''")
INDEX = Migration(
    name="0003_index",
    text="-- outside of a transaction\n"
    "DROP INDEX CONCURRENTLY IF EXISTS things_by_name;\n"
    "CREATE INDEX CONCURRENTLY things_by_name ON things (name);\n",
)
FRESH = (
    "CREATE TABLE things (id integer PRIMARY KEY, name text DEFAULT '');"
    "CREATE INDEX things_by_name ON things (name)"
)


def schema(*migrations: Migration, text: str = FRESH) -> Schema:
    return Schema(text=text, migrations=migrations)


FIRST = schema(THINGS, text=THINGS.text)
LATEST = schema(THINGS, NAMES, INDEX)

MADE: Final = f"""
    BEGIN;
    {FRESH};
    CREATE TABLE schema_migrations (name text PRIMARY KEY, applied_at timestamptz);
    INSERT INTO schema_migrations VALUES ('0001_things'), ('0002_names'), ('0003_index');
    COMMIT
"""

AT_A_MOMENT: Final = timedelta(seconds=0.5)

OLD_DATA: Final = """
    INSERT INTO users (id, username, email, password_hash, created_at, updated_at)
    SELECT gen_random_uuid(), 'user-' || n, n || '@example.org', '-', now(), now()
    FROM generate_series(1, 50) n;
    INSERT INTO organizations (id, name, slug, created_by_user_id, created_at)
    SELECT gen_random_uuid(), username, username, id, now() FROM users;
    INSERT INTO organization_memberships (organization_id, user_id, role, created_at)
    SELECT id, created_by_user_id, 'owner', now() FROM organizations;
    INSERT INTO providers (id, code, name, description, is_active)
    VALUES ('00000000-0000-0000-0000-000000000001', 'a', 'a', '', true);
    INSERT INTO outbox (name, payload, occurred_at) VALUES ('Something', '{"a": [1, null]}', now());
    INSERT INTO workbench_projects (id, owner_user_id, name, created_at, updated_at)
    SELECT gen_random_uuid(), id, 'project ' || username, now(), now() FROM users;
"""


@pytest.fixture
def empty(postgres_server: str) -> Generator[str]:
    """A database with nothing in it."""
    with real.database(postgres_server) as url:
        yield url


@pytest.fixture
def other(postgres_server: str) -> Generator[str]:
    """Another one."""
    with real.database(postgres_server) as url:
        yield url


def ask(url: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def run(url: str, statement: Any) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is in the tables of a database, as text."""
    tables = ask(
        url,
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace = current_schema()::regnamespace",
    )
    return {
        table: ask(url, f"SELECT to_jsonb(t) AS row FROM {table} t ORDER BY row")
        for (table,) in tables
        if table != "schema_migrations"
    }


def holds(new: Any, old: Any) -> bool:
    """Tell whether rows are what they were; they may have got more columns."""
    return len(new) == len(old) and all(
        any(before[0].items() <= after[0].items() for after in new) for before in old
    )


async def test_an_old_database_and_a_new_one_end_alike(empty: str, other: str) -> None:
    await upgrade_schema(empty, Schema(text=BASELINE.text, migrations=(BASELINE,)))
    run(empty, OLD_DATA)
    before = contents(empty)
    assert len(before["users"]) == 50
    await upgrade_schema(empty, SHIPPED)
    await upgrade_schema(other, SHIPPED)
    old, new = catalog(empty), catalog(other)
    for what in QUERIES:
        assert old[what] == new[what], what
    after = contents(empty)
    assert {table for table, rows in before.items() if not holds(after[table], rows)} == set()


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("tables", "ALTER TABLE workers RESET (fillfactor)"),
        ("columns", "ALTER TABLE users ALTER COLUMN role DROP DEFAULT"),
        ("columns", 'ALTER TABLE users ALTER COLUMN email TYPE text COLLATE "default"'),
        ("indexes", "DROP INDEX api_keys_by_user"),
        ("constraints", "ALTER TABLE users DROP CONSTRAINT users_role_check"),
        ("triggers", "DROP TRIGGER cost_days_are_final ON cost_days"),
        ("functions", "ALTER FUNCTION drop_partitions RESET lock_timeout"),
        ("types", "CREATE TYPE mood AS ENUM ('well')"),
    ],
)
def test_what_differs_is_seen(database_url: str, what: str, change: str) -> None:
    before = catalog(database_url)
    run(database_url, change.encode())
    assert catalog(database_url)[what] != before[what]


async def test_an_empty_database_is_made_at_once(empty: str) -> None:
    state = await look_at_schema(empty, LATEST)
    assert (state.is_empty, state.is_current) == (True, False)
    told: list[str] = []
    await upgrade_schema(empty, LATEST, told=told.append)
    assert told == ["schema"]
    state = await look_at_schema(empty, LATEST)
    assert (state.is_current, state.missing, state.unknown) == (True, (), ())
    assert await upgrade_schema(empty, LATEST) == ()


@pytest.mark.parametrize("questions", range(4))
async def test_who_looks_while_it_is_made_sees_nothing_or_all(
    empty: str, monkeypatch: pytest.MonkeyPatch, questions: int
) -> None:
    asked = 0

    async def fetch_value(*args: Any, **values: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == questions + 1:
            run(empty, MADE)
        return await kernel.fetch_value(*args, **values)

    monkeypatch.setattr(making, "fetch_value", fetch_value)
    state = await look_at_schema(empty, LATEST)
    assert state.is_empty or not state.missing


async def test_what_is_missing_is_done_in_order_and_once(empty: str, other: str) -> None:
    await upgrade_schema(empty, FIRST)
    run(empty, "INSERT INTO things VALUES (1)")
    state = await look_at_schema(empty, LATEST)
    assert state.missing == ("0002_names", "0003_index")
    assert not state.is_current
    told: list[str] = []
    assert await upgrade_schema(empty, LATEST, told=told.append) == state.missing
    assert told == list(state.missing)
    assert ask(empty, "SELECT id, name FROM things") == [(1, "")]
    await upgrade_schema(other, LATEST)
    assert catalog(empty) == catalog(other)
    run(empty, "ALTER TABLE things DROP COLUMN name")
    assert await upgrade_schema(empty, LATEST) == ()


async def test_many_at_once_are_fine(empty: str) -> None:
    taken = await asyncio.gather(*(upgrade_schema(empty, LATEST) for _ in range(4)))
    assert sorted(len(steps) for steps in taken) == [0, 0, 0, 3]


async def test_an_older_program_goes_on_with_a_newer_database(empty: str) -> None:
    await upgrade_schema(empty, LATEST)
    state = await look_at_schema(empty, FIRST)
    assert state.is_current
    assert state.unknown == ("0002_names", "0003_index")
    assert await upgrade_schema(empty, FIRST) == ()


def columns(url: str, table: str) -> set[str]:
    return {row[1] for row in catalog(url)["columns"] if row[0] == table}


async def test_a_step_that_fails_leaves_nothing_behind(empty: str) -> None:
    await upgrade_schema(empty, FIRST)
    wrong = Migration(name="0003_wrong", text=INDEX.text + "INSERT INTO nowhere VALUES (1);\n")
    half = Migration(name="0002_half", text=NAMES.text + "; INSERT INTO nowhere VALUES (1)")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await upgrade_schema(empty, schema(THINGS, half))
    assert "name" not in columns(empty, "things")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await upgrade_schema(empty, schema(THINGS, NAMES, wrong))
    assert (await look_at_schema(empty, LATEST)).missing == ("0003_index",)
    assert await upgrade_schema(empty, LATEST) == ("0003_index",)  # what was begun is begun anew


async def test_a_step_does_not_wait_for_long_and_is_tried_again(empty: str) -> None:
    await upgrade_schema(empty, FIRST)
    async with await psycopg.AsyncConnection.connect(empty) as reader:
        await reader.execute("SELECT FROM things")  # and its transaction stays open
        with pytest.raises(SchemaBusy, match="0002_names"):
            await upgrade_schema(empty, LATEST, patience=AT_A_MOMENT)
        upgrading = asyncio.create_task(upgrade_schema(empty, LATEST))
        await asyncio.to_thread(_until_somebody_waits, empty)
        await reader.rollback()
        assert await upgrading == ("0002_names", "0003_index")


def _until_somebody_waits(url: str) -> None:
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'things'::regclass"
    while not ask(url, waiting):
        pass


async def test_whoever_waits_for_another_gives_up_in_time(empty: str) -> None:
    async with (
        await psycopg.AsyncConnection.connect(empty) as busy,
        busy.transaction(),
    ):
        await busy.execute("SELECT pg_advisory_xact_lock(%s)", [0x1_4E_56_45_4E_54])
        with pytest.raises(SchemaBusy, match="another process does so"):
            await upgrade_schema(empty, LATEST, patience=AT_A_MOMENT)
    await upgrade_schema(empty, LATEST)


async def test_a_database_from_before_steps_were_counted_is_taken_over(empty: str) -> None:
    run(empty, BASELINE.text.encode())
    run(empty, OLD_DATA.encode())
    before = contents(empty)
    assert (await look_at_schema(empty, SHIPPED)).missing == tuple(
        step.name for step in SHIPPED.migrations
    )
    await upgrade_schema(empty, SHIPPED)
    after = contents(empty)
    assert {table for table, rows in before.items() if not holds(after[table], rows)} == set()
    assert (await look_at_schema(empty, SHIPPED)).is_current


async def test_the_baseline_that_was_remembered_by_its_text_is_not_taken_again(empty: str) -> None:
    run(empty, BASELINE.text.encode())
    run(
        empty,
        "CREATE TABLE schema_applied (checksum text);"
        "INSERT INTO schema_applied VALUES ("
        f"encode(sha256(convert_to($t${BASELINE.text}$t$, 'UTF8')), 'hex'))".encode(),
    )
    told: list[str] = []
    later = schema(BASELINE, Migration(name="0002_later", text="CREATE TABLE later ()"))
    assert (await look_at_schema(empty, Schema(text="", migrations=(BASELINE,)))).is_current
    assert await upgrade_schema(empty, later, told=told.append) == ("0002_later",)
    assert told == ["0002_later"]
    assert (await look_at_schema(empty, later)).is_current


async def test_what_was_on_sale_before_prices_were_kept_gets_its_first_price(empty: str) -> None:
    run(empty, BASELINE.text.encode())
    run(
        empty,
        "INSERT INTO providers VALUES ('00000000-0000-0000-0000-000000000001', 'a', 'a', '', true);"
        "INSERT INTO instance_types SELECT gen_random_uuid(), id, 'a', 'a', 1, 1, 1, 1, 1, 0.75,"
        " true FROM providers",
    )
    await upgrade_schema(empty, SHIPPED)
    prices = "SELECT cost_per_hour, valid_from <= now() FROM instance_type_prices"
    assert ask(empty, prices) == [(Decimal("0.7500"), True)]


def test_steps_are_numbered_without_gaps() -> None:
    numbers = [step.number for step in SHIPPED.migrations]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_foreign_key_has_an_index_to_check_it_by(database_url: str) -> None:
    unindexed = ask(
        database_url,
        """
        SELECT c.conrelid::regclass::text, c.conkey FROM pg_constraint c
        WHERE c.contype = 'f' AND c.confdeltype <> 'a' AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = c.conrelid
              AND (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] = c.conkey
        )
        """,
    )
    assert unindexed == []
