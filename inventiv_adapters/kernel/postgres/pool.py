"""How PostgreSQL is reached: by itself, or through a pooler."""

import asyncio
import select
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

Connection: TypeAlias = AsyncConnection[Any]
Pool: TypeAlias = AsyncConnectionPool[Connection]

OUTAGES = (
    OperationalError, InterfaceError, PoolTimeout, PoolClosed, ReadOnlySqlTransaction,
    IdleInTransactionSessionTimeout,
)  # fmt: skip
"""What is raised while the database cannot be reached, or is not the one to write to."""

Pooler: TypeAlias = Literal["session", "transaction", "transaction_prepared"]
"""What a pooler leaves to whoever connects to it: a session for as long as they like, or for a
transaction only. Some of the latter keep prepared statements all the same."""

_UTC: Final = frozenset({"UTC", "Etc/UTC", "UCT", "Etc/UCT", "Zulu", "Etc/Zulu", "GMT", "Etc/GMT"})

_WHERE = """
    SELECT pg_backend_pid(), pg_postmaster_start_time(),
           (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_IN_UTC = "SET TimeZone TO 'UTC'"


_CONNECT_S: Final = 5
_IDLE_S: Final = 30
"""After how long the server ends a transaction in which nobody says anything, such as that of a
process that is frozen: else others would wait for its locks for as long as it is."""
_IDLE: Final = "idle_in_transaction_session_timeout"
_GIVE_UP_S: Final = 2.0
"""After how long a connection that cannot be made is no longer counted on. The pauses between
attempts double until then: the sooner it begins anew, the sooner one is found to be back."""


class _Patient(AsyncConnection[Any]):
    """A connection that does not wait for ever, and is of no use where nothing can be written."""

    patience_s: float = 30.0

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for an answer; in the end, have the server end the statement, or leave it."""
        try:
            async with asyncio.timeout(self.patience_s):
                return await super().wait(*args, **kwargs)
        except TimeoutError as error:
            message = f"The database has not answered within {self.patience_s:g} s."
            raise OperationalError(message) from error

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, ReadOnlySqlTransaction):  # others are the primary now
            await self.close()
        await super().__aexit__(kind, error, traceback)


class WrongLine(Exception):
    """The database is reached in a way on which something would not work."""


def open_later(
    url: str,
    *,
    max_connections: int,
    pooler: Pooler | None = None,
    wait_s: float = 10.0,
    patience_s: float = 30.0,
) -> Pool:
    """Return a pool that connects only when it is entered.

    Connections are in autocommit: a transaction exists where code says so. Statements
    are prepared at their second use, unless a pooler would forget them. Whoever waits
    longer than ``wait_s`` for a connection, or than ``patience_s`` for an answer, gets an
    error instead. A server that was away is found within a second or two of its return.
    """

    async def configure(connection: Connection) -> None:
        if isinstance(connection, _Patient):
            connection.patience_s = patience_s
        await (_set_zone if pooler == "session" else _must_count_in_utc)(connection)

    return _Pool(
        url,
        open=False,
        connection_class=_Patient,
        min_size=1,
        max_size=max_connections,
        timeout=wait_s,
        kwargs=_manners(url, pooler),
        configure=configure,
        reconnect_timeout=_GIVE_UP_S,
        reconnect_failed=AsyncConnectionPool.check,  # begins anew, for those who wait
    )


def _manners(url: str, pooler: Pooler | None) -> dict[str, Any]:
    """Return how to connect. Poolers refuse options: whom would they be for?"""
    known = conninfo_to_dict(url)
    manners: dict[str, Any] = {
        "autocommit": True,
        "prepare_threshold": None if pooler == "transaction" else 1,
        "connect_timeout": known.get("connect_timeout") or _CONNECT_S,
    }
    if pooler is None:
        chosen = known.get("options") or ""
        manners["options"] = f"-c {_IDLE}={_IDLE_S}s {chosen} -c TimeZone=UTC"
    return manners


class _Pool(AsyncConnectionPool[Connection]):
    """A pool that passes over connections which the server has ended, without asking it."""

    async def getconn(self, timeout: float | None = None) -> Connection:
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.timeout if timeout is None else timeout)
        while True:
            connection = await super().getconn(timeout=until - loop.time())
            if not _has_news(connection) or await _is_alive(connection):
                return connection
            await connection.close()
            await self.putconn(connection)  # which has it replaced


def _has_news(connection: Connection) -> bool:
    """Look whether something has come that nobody has asked for: an end, most of all."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


async def _is_alive(connection: Connection) -> bool:
    try:
        await AsyncConnectionPool.check_connection(connection)
    except OUTAGES:
        return False
    return True


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
