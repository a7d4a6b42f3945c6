"""Commands, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    as_json,
    count_rows,
    fetch_all,
    fetch_one,
)
from inventiv_core.commands.entities import Command, CommandId
from inventiv_core.commands.errors import CommandLost
from inventiv_core.commands.ports import CommandQueries, CommandRepository

# One of a kind waits at most; whoever asks again gets that one, and nobody claims it meanwhile.
_ASK = """
    INSERT INTO commands
        (id, kind, asked_by_user_id, asked_by_name, source_ip, asked_at, state, attempts,
         began_at, lease_until, ended_at, result, error_code, error)
    VALUES
        (%(id)s, %(kind)s, %(asked_by_user_id)s, %(asked_by_name)s, %(source_ip)s, %(asked_at)s,
         %(state)s, %(attempts)s, %(began_at)s, %(lease_until)s, %(ended_at)s, NULL,
         %(error_code)s, %(error)s)
    ON CONFLICT (kind, state) WHERE state IN ('waiting', 'running')
    DO UPDATE SET kind = EXCLUDED.kind
    RETURNING id, kind, asked_by_user_id, asked_by_name, source_ip, asked_at, state, attempts,
              began_at, lease_until, ended_at, result, error_code, error
"""

_CLAIM = """
    UPDATE commands
    SET state = 'running', attempts = attempts + 1, began_at = %(now)s, lease_until = %(until)s
    WHERE id = (
        SELECT c.id FROM commands c
        WHERE (c.state = 'running' AND c.lease_until <= %(now)s)
           OR (c.state = 'waiting' AND NOT EXISTS (
               SELECT FROM commands other WHERE other.kind = c.kind AND other.state = 'running'))
        ORDER BY c.asked_at, c.id
        LIMIT 1
        FOR UPDATE OF c SKIP LOCKED)
    RETURNING id, kind, asked_by_user_id, asked_by_name, source_ip, asked_at, state, attempts,
              began_at, lease_until, ended_at, result, error_code, error
"""

_RENEW = """
    UPDATE commands SET lease_until = %(until)s
    WHERE id = %(id)s AND state = 'running' AND attempts = %(attempts)s
      AND lease_until > %(now)s
"""

_CONCLUDE = """
    UPDATE commands
    SET state = %(state)s, lease_until = NULL, ended_at = %(ended_at)s, result = %(result)s,
        error_code = %(error_code)s, error = %(error)s
    WHERE id = %(id)s AND state = 'running' AND attempts = %(attempts)s
"""

_FORGET = "DELETE FROM commands WHERE ended_at < %(ended_before)s"

_COLUMNS = """
    SELECT id, kind, asked_by_user_id, asked_by_name, source_ip, asked_at, state, attempts,
           began_at, lease_until, ended_at, result, error_code, error
    FROM commands
"""

_LIST = f"{_COLUMNS} ORDER BY asked_at DESC, id DESC LIMIT %(limit)s"

_FIND = f"{_COLUMNS} WHERE id = %(id)s"


class PostgresCommands(CommandRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, command: Command) -> Command:
        known = await fetch_one(self._connection, Command, _ASK, **asdict(command))
        assert known is not None, "whichever waits is returned"  # noqa: S101
        return known

    async def claim(self, *, now: datetime, until: datetime) -> Command | None:
        return await fetch_one(self._connection, Command, _CLAIM, now=now, until=until)

    async def renew(self, command: Command, *, now: datetime, until: datetime) -> None:
        renewed = await count_rows(
            self._connection,
            _RENEW,
            id=command.id,
            attempts=command.attempts,
            now=now,
            until=until,
        )
        if renewed == 0:
            raise CommandLost(command_id=command.id)

    async def conclude(self, ended: Command) -> None:
        result = None if ended.result is None else as_json(ended.result)
        values = asdict(ended) | {"result": result}
        if await count_rows(self._connection, _CONCLUDE, **values) == 0:
            raise CommandLost(command_id=ended.id)

    async def forget(self, *, ended_before: datetime) -> int:
        return await count_rows(self._connection, _FORGET, ended_before=ended_before)


class PostgresCommandQueries(CommandQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, *, limit: int) -> Sequence[Command]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Command, _LIST, limit=limit)

    async def find(self, command_id: CommandId) -> Command | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, Command, _FIND, id=command_id)
