"""A real PostgreSQL for tests: ``TEST_POSTGRES``, or one of our own."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from inventiv_adapters.embedded.directory import DataDirectoryUnusable
from inventiv_adapters.embedded.server import EmbeddedPostgres
from inventiv_adapters.schema.postgres import upgrade_schema
from inventiv_adapters.schema.versions import shipped_schema

_START_S = 30.0


class OwnServer:
    """A server of our own that forgets nothing, and can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._embedded = EmbeddedPostgres(directory)

    @property
    def url(self) -> str:
        return self._embedded.url

    def start(self) -> None:
        """Return when it answers: what was left of one that was killed may take a moment to go."""
        last = monotonic() + _START_S
        while True:
            try:
                self._embedded.__enter__()
            except DataDirectoryUnusable:
                if monotonic() > last:
                    raise
                sleep(0.2)
            else:
                return

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal, and return when it is gone: SIGQUIT has it end without tidying up."""
        postmaster = int((self._directory / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, number)
        last = monotonic() + _START_S
        while EmbeddedPostgres.found(self._directory) is not None and monotonic() < last:
            sleep(0.01)

    def stop(self) -> None:
        self._embedded.__exit__(None, None, None)


@contextmanager
def own(directory: Path) -> Generator[OwnServer]:
    """Run a server that may be killed."""
    server = OwnServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def socket_of(url: str) -> tuple[Path, str]:
    """Return the Unix socket that an address names, and the database."""
    parts = conninfo_to_dict(url)
    return Path(str(parts["host"])) / f".s.PGSQL.{parts.get('port') or 5432}", str(parts["dbname"])


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


@contextmanager
def slow_disk(url: str) -> Generator[None]:
    """Have each commit take a tenth of a second, as where the disk of the log is that slow."""
    settings = ("commit_siblings = 0", "commit_delay = 100000")
    for setting in (f"ALTER SYSTEM SET {setting}" for setting in settings):
        run(url, setting)
    run(url, "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for setting in settings:
            run(url, f"ALTER SYSTEM RESET {setting.partition(' ')[0]}")
        run(url, "SELECT pg_reload_conf()")


def snapshot(url: str, *statements: LiteralString) -> list[list[tuple[Any, ...]]]:
    """Return what each statement finds, all at the same moment."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return [connection.execute(statement).fetchall() for statement in statements]
