"""How PostgreSQL is reached: by itself, or through a pooler."""

from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

Connection: TypeAlias = AsyncConnection[Any]
Pool: TypeAlias = AsyncConnectionPool[Connection]

OUTAGES = (OperationalError, InterfaceError, PoolTimeout, PoolClosed)
"""What is raised while the database cannot be reached."""

Pooler: TypeAlias = Literal["session", "transaction", "transaction_prepared"]
"""What a pooler leaves to whoever connects to it: a session for as long as they like, or for a
transaction only. Some of the latter keep prepared statements all the same."""

_UTC: Final = frozenset({"UTC", "Etc/UTC", "UCT", "Etc/UCT", "Zulu", "Etc/Zulu", "GMT", "Etc/GMT"})

_WHERE = """
    SELECT pg_backend_pid(), pg_postmaster_start_time(),
           (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_IN_UTC = "SET TimeZone TO 'UTC'"


class WrongLine(Exception):
    """The database is reached in a way on which something would not work."""


def open_later(
    url: str, *, max_connections: int, pooler: Pooler | None = None, wait_s: float = 10.0
) -> Pool:
    """Return a pool that connects only when it is entered.

    Connections are in autocommit: a transaction exists where code says so. Statements
    are prepared at their second use, unless a pooler would forget them. Whoever waits
    longer than ``wait_s`` for a connection gets an error instead.
    """
    return AsyncConnectionPool(
        url,
        open=False,
        min_size=1,
        max_size=max_connections,
        timeout=wait_s,
        kwargs=_manners(url, pooler),
        configure=_set_zone if pooler == "session" else _must_count_in_utc,
        check=AsyncConnectionPool.check_connection,
    )


def _manners(url: str, pooler: Pooler | None) -> dict[str, Any]:
    """Return how to connect. Poolers refuse options: whom would they be for?"""
    if pooler is not None:
        return {"autocommit": True, "prepare_threshold": None if pooler == "transaction" else 1}
    chosen = conninfo_to_dict(url).get("options") or ""
    options = f"{chosen} -c TimeZone=UTC".strip()
    return {"autocommit": True, "prepare_threshold": 1, "options": options}


async def _set_zone(connection: Connection) -> None:
    await connection.execute(_IN_UTC)


async def _must_count_in_utc(connection: Connection) -> None:
    """Refuse a connection whose days are not ours. What it reports costs no question."""
    zone = _time_zone(connection)
    if zone not in _UTC:
        message = f"This connection counts days in {zone}, and must count them in UTC."
        raise OperationalError(message)


def _time_zone(connection: Connection) -> str:
    return connection.info.parameter_status("TimeZone") or "an unknown time zone"


async def must_be_the_right_line(url: str, direct_url: str | None, pooler: Pooler | None) -> None:
    """Find out whether PostgreSQL is reached as the settings say.

    Whoever stands between greets with a number of its own instead of the backend's.

    Raises:
        WrongLine: It is not: there is a pooler that nobody speaks of, or where there must be
            none, or both ways do not lead to the same database, or its days are not ours.
    """
    if pooler == "session":
        return
    if pooler is not None and direct_url is None:
        message = (
            f"INVENTIV_DATABASE_POOLER={pooler} needs INVENTIV_DATABASE_DIRECT_URL: where "
            "PostgreSQL itself is, for whoever listens and for changes of tables."
        )
        raise WrongLine(message)
    there, is_pooled, zone = await _follow(url)
    if pooler is None:
        if is_pooled:
            message = (
                "There is a pooler at INVENTIV_DATABASE_URL, and some things need PostgreSQL "
                "itself: set INVENTIV_DATABASE_DIRECT_URL to where that is. A pooler in session "
                "mode does without: set INVENTIV_DATABASE_POOLER=session."
            )
            raise WrongLine(message)
        return
    directly, is_pooled, _ = await _follow(direct_url or url)
    if is_pooled:
        message = (
            "There is a pooler at INVENTIV_DATABASE_DIRECT_URL, too: it must lead to PostgreSQL "
            "itself."
        )
        raise WrongLine(message)
    if directly != there:
        message = (
            "INVENTIV_DATABASE_URL and INVENTIV_DATABASE_DIRECT_URL lead to two databases: they "
            "must lead to the same one, of the same server."
        )
        raise WrongLine(message)
    if zone not in _UTC:
        name = conninfo_to_dict(direct_url or url).get("dbname") or "…"
        message = (
            f"The database counts days in {zone}, and through a pooler nobody can have it "
            f"otherwise for a session. Run ALTER DATABASE {name} SET TimeZone = 'UTC', and have "
            "the pooler connect anew."
        )
        raise WrongLine(message)


async def _follow(url: str) -> tuple[tuple[datetime, int], bool, str]:
    """Return which database of which server is there, whether by a pooler, and its time zone."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(_WHERE)
        [(backend, started_at, database)] = await cursor.fetchall()
        is_pooled = backend != connection.info.backend_pid
        return (started_at, database), is_pooled, _time_zone(connection)
