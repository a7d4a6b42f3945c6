"""A real PostgreSQL for tests: ``TEST_POSTGRES``, or one of our own."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from inventiv_adapters.embedded.server import EmbeddedPostgres
from inventiv_adapters.schema.postgres import upgrade_schema
from inventiv_adapters.schema.versions import shipped_schema


@contextmanager
def server(directory: Path) -> Generator[str]:
    """Yield the address of a server: the one in the environment, else one in ``directory``."""
    given = os.environ.get("TEST_POSTGRES", "")
    if given:
        yield given
        return
    with EmbeddedPostgres(directory / "postgres") as embedded:
        with psycopg.connect(embedded.url, autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(
                    SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting))
                )  # nothing here has to survive
            connection.execute("SELECT pg_reload_conf()")
        yield embedded.url


@contextmanager
def database(server_url: str, *, template: str | None = None) -> Generator[str]:
    """Yield the address of a fresh database, which is dropped afterwards."""
    name = f"test_{uuid4().hex}"
    create = SQL("CREATE DATABASE {} TEMPLATE {}").format(
        Identifier(name), Identifier(template or "template0")
    )
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create)
        try:
            yield make_conninfo(server_url, dbname=name)
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


async def load_schema(url: str) -> None:
    """Load the schema into a database."""
    await upgrade_schema(url, shipped_schema())


def run(url: str, script: str) -> None:
    """Run statements, in one transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script.encode())


def rows(url: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    """Return what a statement finds."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def name_of(url: str) -> str:
    """Return the name of the database at ``url``."""
    return str(conninfo_to_dict(url)["dbname"])
