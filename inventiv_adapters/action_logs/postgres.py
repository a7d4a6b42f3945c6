"""Action logs, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, LiteralString
from uuid import UUID

from inventiv_adapters.kernel.postgres import (
    Connection,
    Counts,
    Pool,
    Searches,
    as_json,
    fetch_one,
    fetch_window,
    searches,
)
from inventiv_core.action_logs.entities import ActionLog, ActionStatus, ActionType, Component
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogRepository
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow, ActionLogsFound
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.ports.acts import Acts
from inventiv_core.kernel.pagination import Key, Window

_PUT = """
    INSERT INTO action_logs
        (id, action_type, component, status, organization_id, instance_id, user_id, actor_name,
         api_key_id, source_ip, error_code, error_message, metadata, instance_status_before,
         instance_status_after, duration_ms, created_at, completed_at)
    VALUES
        (%(id)s, %(action_type)s, %(component)s, %(status)s, %(organization_id)s,
         %(instance_id)s, %(user_id)s, %(actor_name)s, %(api_key_id)s, %(source_ip)s,
         %(error_code)s, %(error_message)s, %(metadata)s, %(instance_status_before)s,
         %(instance_status_after)s, %(duration_ms)s, %(created_at)s, %(completed_at)s)
    ON CONFLICT (id) DO UPDATE SET
        status = EXCLUDED.status, error_code = EXCLUDED.error_code,
        error_message = EXCLUDED.error_message, metadata = EXCLUDED.metadata,
        instance_status_after = EXCLUDED.instance_status_after,
        duration_ms = EXCLUDED.duration_ms, completed_at = EXCLUDED.completed_at
    WHERE action_logs.status = 'in_progress'
"""

_ADD_ACT = """
    INSERT INTO action_logs
        (id, action_type, component, status, organization_id, user_id, actor_name, api_key_id,
         source_ip, error_code, metadata, duration_ms, created_at, completed_at)
    VALUES
        (%(id)s, %(action_type)s, %(component)s, %(status)s, %(organization_id)s, %(user_id)s,
         %(actor_name)s, %(api_key_id)s, %(source_ip)s, %(error_code)s, %(metadata)s, 0, %(at)s,
         %(at)s)
"""

_LAST = """
    SELECT id, action_type, component, status, organization_id, instance_id, user_id, actor_name,
           api_key_id, source_ip, error_code, error_message, metadata, instance_status_before,
           instance_status_after, duration_ms, created_at, completed_at
    FROM action_logs
    WHERE instance_id = %(instance_id)s AND action_type = %(action_type)s
    ORDER BY created_at DESC, id DESC
    LIMIT 1
"""


def _rows(where: LiteralString) -> LiteralString:
    return f"""
    SELECT l.id, l.action_type, l.component, l.status, l.error_code, l.error_message,
           l.instance_id, l.user_id, l.actor_name, l.source_ip, l.duration_ms, l.created_at,
           l.completed_at, l.metadata, l.instance_status_before, l.instance_status_after,
           p.name AS provider_name, t.name AS instance_type
    FROM action_logs l
    LEFT JOIN instances i ON i.id = l.instance_id
    LEFT JOIN providers p ON p.id = i.provider_id
    LEFT JOIN instance_types t ON t.id = i.instance_type_id
    WHERE {where}
      AND (%(instance_id)s::uuid IS NULL OR l.instance_id = %(instance_id)s)
      AND (%(component)s::text IS NULL OR l.component = %(component)s)
      AND (%(status)s::text IS NULL OR l.status = %(status)s)
      AND (%(action_type)s::text IS NULL OR l.action_type = %(action_type)s)
      {{after}}
    {{order}}
    OFFSET %(offset)s LIMIT %(limit)s"""


_PLATFORMS: Final = searches(
    _rows("l.organization_id IS NULL"), {"created_at": ("l.created_at", "timestamptz")}, id="l.id"
)

_COUNT = """
    SELECT count(*) AS total_count,
           count(*) FILTER (WHERE found) AS filtered_count,
           count(*) FILTER (WHERE found AND status = 'success') AS success,
           count(*) FILTER (WHERE found AND status = 'failed') AS failed,
           count(*) FILTER (WHERE found AND status = 'in_progress') AS in_progress
    FROM (
        SELECT status,
               (%(component)s::text IS NULL OR component = %(component)s)
               AND (%(status)s::text IS NULL OR status = %(status)s)
               AND (%(action_type)s::text IS NULL OR action_type = %(action_type)s) AS found
        FROM action_logs
        WHERE organization_id = %(owner)s
          AND (%(instance_id)s::uuid IS NULL OR instance_id = %(instance_id)s)
    ) AS all_there_are
"""


def _searches(*, descending: bool) -> Searches:
    unknown: LiteralString = "''" if descending else "chr(1114111)"
    longest: LiteralString = "-1" if descending else "9223372036854775807"
    keys: dict[str, tuple[LiteralString, LiteralString]] = {
        "created_at": ("l.created_at", "timestamptz"),
        "duration_ms": (f"COALESCE(l.duration_ms, {longest})", "bigint"),
        "status": ('l.status COLLATE "C"', "text"),
        "component": ('l.component COLLATE "C"', "text"),
        "action_type": ('l.action_type COLLATE "C"', "text"),
        "provider_name": (f'COALESCE(p.name, {unknown}) COLLATE "C"', "text"),
        "instance_type": (f'COALESCE(t.name, {unknown}) COLLATE "C"', "text"),
        "instance_key": (f'COALESCE(l.instance_id::text, {unknown}) COLLATE "C"', "text"),
    }
    return searches(_rows("l.organization_id = %(owner)s"), keys, id="l.id")


_UPWARDS: Final = _searches(descending=False)
_DOWNWARDS: Final = _searches(descending=True)


class _Counts(Counts):
    success: int
    failed: int
    in_progress: int

    @property
    def by_status(self) -> dict[str, int]:
        return {
            ActionStatus.SUCCESS: self.success,
            ActionStatus.FAILED: self.failed,
            ActionStatus.IN_PROGRESS: self.in_progress,
        }


class PostgresActionLogs(ActionLogRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, log: ActionLog) -> None:
        values = asdict(log) | {"metadata": as_json(log.metadata)}
        await self._connection.execute(_PUT, values)

    async def last(self, instance_id: UUID, action_type: ActionType) -> ActionLog | None:
        return await fetch_one(
            self._connection, ActionLog, _LAST, instance_id=instance_id, action_type=action_type
        )


class PostgresActs(Acts):
    """The books: acts among the actions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, act: Act) -> None:
        values = {
            "id": act.id,
            "action_type": act.kind,
            "component": Component.API,
            "status": ActionStatus.SUCCESS if act.error_code is None else ActionStatus.FAILED,
            "organization_id": act.organization_id,
            "user_id": act.actor.user_id,
            "actor_name": act.actor.name,
            "api_key_id": act.actor.api_key_id,
            "source_ip": act.actor.source_ip,
            "error_code": act.error_code,
            "metadata": as_json(act.metadata),
            "at": act.at,
        }
        await self._connection.execute(_ADD_ACT, values)


class PostgresActionLogQueries(ActionLogQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(
        self, owner: OrganizationId | None, where: ActionLogFilter, *, limit: int
    ) -> Sequence[ActionLogRow]:
        statements = _PLATFORMS if owner is None else _DOWNWARDS
        newest = Window(key=Key(name="created_at"), descending=True, limit=limit)
        async with self._pool.connection() as connection:
            return await fetch_window(
                connection, ActionLogRow, statements, newest, owner=owner, **asdict(where)
            )

    async def search(
        self,
        owner: OrganizationId,
        where: ActionLogFilter,
        window: Window,
        *,
        counted: bool,
        with_stats: bool,
    ) -> ActionLogsFound:
        statements = _DOWNWARDS if window.descending else _UPWARDS
        values = {"owner": owner, **asdict(where)}
        counts = None
        async with self._pool.connection() as connection:
            rows = await fetch_window(connection, ActionLogRow, statements, window, **values)
            if counted or with_stats:
                counts = await fetch_one(connection, _Counts, _COUNT, **values)
        shown = counts if counted else None
        return ActionLogsFound(
            rows=rows,
            total_count=None if shown is None else shown.total_count,
            filtered_count=None if shown is None else shown.filtered_count,
            status_counts=counts.by_status if with_stats and counts is not None else None,
        )
