"""How a database gets its schema."""

import asyncio
from collections.abc import Generator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from inventiv_adapters.kernel.postgres import apply_schema
from inventiv_http.container import schema_text
from tests import postgres as real

SMALL = "CREATE TABLE IF NOT EXISTS things (id integer PRIMARY KEY);"
LARGER = SMALL + "ALTER TABLE things ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT '';"


@pytest.fixture
def empty(postgres_server: str) -> Generator[str]:
    """A database with nothing in it."""
    with real.database(postgres_server) as url:
        yield url


def ask(url: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def run(url: str, statement: Any) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


async def test_a_schema_is_applied_once(empty: str) -> None:
    assert await apply_schema(empty, SMALL) is True
    run(empty, "DROP TABLE things")
    assert await apply_schema(empty, SMALL) is False
    assert ask(empty, "SELECT to_regclass('things')") == [(None,)]


async def test_a_schema_that_has_changed_is_applied_and_the_data_stays(empty: str) -> None:
    await apply_schema(empty, SMALL)
    run(empty, "INSERT INTO things VALUES (1)")
    assert await apply_schema(empty, LARGER) is True
    assert await apply_schema(empty, LARGER) is False
    assert ask(empty, "SELECT id, name FROM things") == [(1, "")]


async def test_whoever_goes_back_to_an_older_text_applies_it_again(empty: str) -> None:
    for text in (SMALL, LARGER, SMALL):
        assert await apply_schema(empty, text) is True


async def test_two_at_once_are_fine(empty: str) -> None:
    applied = await asyncio.gather(*(apply_schema(empty, schema_text()) for _ in range(4)))
    assert sorted(applied) == [False, False, False, True]


async def test_a_schema_that_fails_leaves_nothing_behind(empty: str) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        await apply_schema(empty, SMALL + "INSERT INTO nowhere VALUES (1);")
    assert ask(empty, "SELECT to_regclass('things'), to_regclass('schema_applied')") == [
        (None, None)
    ]
    assert await apply_schema(empty, SMALL) is True


async def test_our_schema_can_be_applied_to_what_is_there_already(empty: str) -> None:
    await apply_schema(empty, schema_text())
    [(installation,)] = ask(empty, "SELECT id FROM installation")
    run(
        empty,
        "INSERT INTO users VALUES (gen_random_uuid(), 'alice', 'a@example.org', '-', 'user',"
        " NULL, NULL, now(), now())",
    )
    tables = ask(empty, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'i') ORDER BY 1")
    assert await apply_schema(empty, schema_text() + "\n-- another text\n") is True
    assert ask(empty, "SELECT id FROM installation") == [(installation,)]
    assert ask(empty, "SELECT username FROM users") == [("alice",)]
    assert tables == ask(
        empty, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'i') ORDER BY 1"
    )


async def test_what_was_on_sale_before_prices_were_kept_gets_its_first_price(empty: str) -> None:
    await apply_schema(empty, schema_text())
    run(
        empty,
        "INSERT INTO providers VALUES ('00000000-0000-0000-0000-000000000001', 'a', 'a', '', true);"
        "INSERT INTO instance_types SELECT gen_random_uuid(), id, 'a', 'a', 1, 1, 1, 1, 1, 0.75,"
        " true FROM providers",
    )
    for text in ("-- another", "-- and another"):
        await apply_schema(empty, schema_text() + text)
    prices = "SELECT cost_per_hour, valid_from <= now() FROM instance_type_prices"
    assert ask(empty, prices) == [(Decimal("0.7500"), True)]


async def test_a_database_from_before_anything_was_remembered_is_taken_over(empty: str) -> None:
    run(empty, SMALL)
    run(empty, "INSERT INTO things VALUES (1)")
    assert await apply_schema(empty, LARGER) is True
    assert ask(empty, "SELECT id, name FROM things") == [(1, "")]


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
