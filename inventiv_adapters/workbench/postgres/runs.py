"""Runs, in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, LiteralString

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    Searches,
    as_json,
    fetch_all,
    fetch_one,
    fetch_value,
    fetch_window,
    pattern,
    search,
    searches,
)
from inventiv_adapters.workbench.postgres.readers import where_of, who_of
from inventiv_core.kernel.pagination import Key, Rows, Window
from inventiv_core.workbench.entities import (
    Message,
    MessageRole,
    Reader,
    Run,
    RunId,
)
from inventiv_core.workbench.ports import (
    RunQueries,
    RunRepository,
)
from inventiv_core.workbench.views import Place, RunFilter, Scope

_ADD_RUN = """
    INSERT INTO workbench_runs
        (id, organization_id, created_by_user_id, created_via_api_key_id, project_id, title,
         model_id, mode, status, ttft_ms, duration_ms, error_message, input_tokens, output_tokens,
         cached_input_tokens, cost_eur, message_count, org_access, metadata, created_at,
         started_at, updated_at, completed_at, deleted_at)
    VALUES
        (%(id)s, %(organization_id)s, %(created_by_user_id)s, %(created_via_api_key_id)s,
         %(project_id)s, %(title)s, %(model_id)s, %(mode)s, %(status)s, %(ttft_ms)s,
         %(duration_ms)s, %(error_message)s, %(input_tokens)s, %(output_tokens)s,
         %(cached_input_tokens)s, %(cost_eur)s, %(message_count)s, %(org_access)s, %(metadata)s,
         %(created_at)s, %(started_at)s, %(updated_at)s, %(completed_at)s, %(deleted_at)s)
"""


def _visible(*, select: LiteralString, rest: LiteralString) -> LiteralString:
    """Return a statement on the runs that a reader may see."""
    return f"""
    SELECT {select}
    FROM workbench_runs
    WHERE deleted_at IS NULL
      AND (%(api_key_id)s::uuid IS NULL OR created_via_api_key_id = %(api_key_id)s)
      AND (%(api_key_id)s::uuid IS NOT NULL
           OR (organization_id IS NULL AND created_by_user_id = %(user_id)s)
           OR (organization_id = ANY(%(organizations)s::uuid[])
               AND (created_by_user_id = %(user_id)s OR org_access IS NOT NULL)))
      {rest}
    """


def _runs(rest: LiteralString) -> LiteralString:
    return _visible(
        select="""id, organization_id, created_by_user_id, created_via_api_key_id, project_id,
           title, model_id, mode, status, ttft_ms, duration_ms, error_message, input_tokens,
           output_tokens, cached_input_tokens, cost_eur, message_count, org_access, created_at,
           started_at, updated_at, completed_at, deleted_at""",
        rest=rest,
    )


_FIND_RUN = _runs("AND id = %(id)s")
_LOCK_RUN = _runs("AND id = %(id)s FOR UPDATE")

_SAVE_RUN = """
    UPDATE workbench_runs
    SET project_id = %(project_id)s, title = %(title)s, status = %(status)s,
        ttft_ms = %(ttft_ms)s, duration_ms = %(duration_ms)s, error_message = %(error_message)s,
        input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s,
        cached_input_tokens = %(cached_input_tokens)s, cost_eur = %(cost_eur)s,
        message_count = %(message_count)s, org_access = %(org_access)s,
        updated_at = %(updated_at)s, completed_at = %(completed_at)s, deleted_at = %(deleted_at)s
    WHERE id = %(id)s
"""

_METADATA = "SELECT metadata FROM workbench_runs WHERE id = %(id)s"

_PUT_METADATA = "UPDATE workbench_runs SET metadata = %(metadata)s WHERE id = %(id)s"

_KEYS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "created_at": ("created_at", "timestamptz"),
    "updated_at": ("updated_at", "timestamptz"),
    "model_id": ("model_id", "text"),
    "duration_ms": ("COALESCE(duration_ms, 9223372036854775807)", "bigint"),
    "cost_eur": ("COALESCE(cost_eur, 'Infinity'::numeric)", "numeric"),
}


def _in_scope(rest: LiteralString) -> LiteralString:
    return f"""
      AND (%(everywhere)s::boolean OR organization_id IS NOT DISTINCT FROM %(workspace)s::uuid)
      {rest}
    """


def _filtered(rest: LiteralString) -> LiteralString:
    return f"""
      AND (%(model_id)s::text IS NULL OR model_id = %(model_id)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(mode)s::text IS NULL OR mode = %(mode)s)
      AND (%(project_id)s::uuid IS NULL OR project_id = %(project_id)s)
      AND (%(is_shared)s::boolean IS NULL OR (org_access IS NOT NULL) = %(is_shared)s)
      AND (%(pattern)s::text IS NULL OR title ILIKE %(pattern)s OR EXISTS (
          SELECT 1 FROM workbench_messages said
          WHERE said.run_id = workbench_runs.id AND said.content ILIKE %(pattern)s))
      {rest}
    """


_LISTS: Searches = searches(
    _runs(_in_scope("{after} {order} OFFSET %(offset)s LIMIT %(limit)s")),
    {"created_at": _KEYS["created_at"]},
)

_SEARCHES: Searches = searches(
    _runs(_in_scope(_filtered("{after} {order} OFFSET %(offset)s LIMIT %(limit)s"))), _KEYS
)

_COUNT = _visible(
    select=f"""count(*) AS total_count,
           count(*) FILTER (WHERE true {_filtered("")}) AS filtered_count""",
    rest=_in_scope(""),
)

_FIND_SENT = """
    SELECT id, run_id, message_index, sent_index, role, content, created_at, input_tokens,
           output_tokens, cached_input_tokens
    FROM workbench_messages
    WHERE run_id = %(run_id)s AND sent_index = %(sent_index)s AND role = %(role)s
      AND content = %(content)s
    ORDER BY message_index
    LIMIT 1
"""

_PLACE = """
    SELECT COALESCE(bool_or(message_index = %(index)s), false) AS is_taken,
           COALESCE(max(message_index), -1) AS last_index
    FROM workbench_messages
    WHERE run_id = %(run_id)s
"""

_ADD_MESSAGE = """
    INSERT INTO workbench_messages
        (id, run_id, message_index, sent_index, role, content, created_at, input_tokens,
         output_tokens, cached_input_tokens)
    VALUES
        (%(id)s, %(run_id)s, %(message_index)s, %(sent_index)s, %(role)s, %(content)s,
         %(created_at)s, %(input_tokens)s, %(output_tokens)s, %(cached_input_tokens)s)
"""

_MESSAGES = """
    SELECT id, run_id, message_index, sent_index, role, content, created_at, input_tokens,
           output_tokens, cached_input_tokens
    FROM workbench_messages
    WHERE run_id = %(run_id)s
    ORDER BY message_index
    LIMIT %(limit)s
"""


class PostgresRuns(RunRepository):
    """The runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, run: Run, metadata: Mapping[str, Any]) -> None:
        await self._connection.execute(_ADD_RUN, asdict(run) | {"metadata": as_json(metadata)})

    async def lock(self, run_id: RunId, *, reader: Reader) -> Run | None:
        return await fetch_one(self._connection, Run, _LOCK_RUN, id=run_id, **who_of(reader))

    async def save(self, run: Run) -> None:
        await self._connection.execute(_SAVE_RUN, asdict(run))

    async def metadata(self, run_id: RunId) -> Mapping[str, Any]:
        kept: dict[str, Any] = await fetch_value(self._connection, _METADATA, id=run_id)
        return kept

    async def put_metadata(self, run_id: RunId, metadata: Mapping[str, Any]) -> None:
        values = {"id": run_id, "metadata": as_json(metadata)}
        await self._connection.execute(_PUT_METADATA, values)

    async def find_sent(
        self, run_id: RunId, *, sent_index: int, role: MessageRole, content: str
    ) -> Message | None:
        values = {"run_id": run_id, "sent_index": sent_index, "role": role, "content": content}
        return await fetch_one(self._connection, Message, _FIND_SENT, **values)

    async def place(self, run_id: RunId, index: int) -> Place:
        [place] = await fetch_all(self._connection, Place, _PLACE, run_id=run_id, index=index)
        return place

    async def add_message(self, message: Message) -> None:
        await self._connection.execute(_ADD_MESSAGE, asdict(message))


class PostgresRunQueries(RunQueries):
    """The read side of runs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, reader: Reader, scope: Scope, *, limit: int) -> Sequence[Run]:
        newest = Window(key=Key(name="created_at", kind=datetime), descending=True, limit=limit)
        async with self._pool.connection() as connection:
            values = who_of(reader) | where_of(reader, scope)
            return await fetch_window(connection, Run, _LISTS, newest, **values)

    async def search(
        self, reader: Reader, scope: Scope, where: RunFilter, window: Window
    ) -> Rows[Run]:
        values = {
            "model_id": where.model_id,
            "status": where.status,
            "mode": where.mode,
            "project_id": where.project_id,
            "is_shared": where.is_shared,
            "pattern": pattern(where.needle),
        }
        values |= who_of(reader) | where_of(reader, scope)
        async with self._pool.connection() as connection:
            return await search(connection, Run, _SEARCHES, _COUNT, window, **values)

    async def find(self, run_id: RunId, *, reader: Reader) -> Run | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, Run, _FIND_RUN, id=run_id, **who_of(reader))

    async def messages(self, run_id: RunId, *, limit: int) -> Sequence[Message]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Message, _MESSAGES, run_id=run_id, limit=limit)
