"""Action logs, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from inventiv_adapters.kernel.postgres import Connection, Pool, as_json, fetch_all, fetch_one
from inventiv_core.action_logs.entities import ActionLog, ActionType
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogRepository
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import OrganizationId

_PUT = """
    INSERT INTO action_logs
        (id, action_type, component, status, organization_id, instance_id, user_id, source_ip,
         error_code, error_message, metadata, instance_status_before, instance_status_after,
         duration_ms, created_at, completed_at)
    VALUES
        (%(id)s, %(action_type)s, %(component)s, %(status)s, %(organization_id)s,
         %(instance_id)s, %(user_id)s, %(source_ip)s, %(error_code)s, %(error_message)s,
         %(metadata)s, %(instance_status_before)s, %(instance_status_after)s, %(duration_ms)s,
         %(created_at)s, %(completed_at)s)
    ON CONFLICT (id) DO UPDATE SET
        status = EXCLUDED.status, error_code = EXCLUDED.error_code,
        error_message = EXCLUDED.error_message, metadata = EXCLUDED.metadata,
        instance_status_after = EXCLUDED.instance_status_after,
        duration_ms = EXCLUDED.duration_ms, completed_at = EXCLUDED.completed_at
"""

_LAST = """
    SELECT id, action_type, component, status, organization_id, instance_id, user_id, source_ip,
           error_code, error_message, metadata, instance_status_before, instance_status_after,
           duration_ms, created_at, completed_at
    FROM action_logs
    WHERE instance_id = %(instance_id)s AND action_type = %(action_type)s
    ORDER BY created_at DESC, id DESC
    LIMIT 1
"""

_LIST = """
    SELECT id, action_type, component, status, error_code, error_message, instance_id, user_id,
           source_ip, duration_ms, created_at, completed_at, metadata, instance_status_before,
           instance_status_after
    FROM action_logs
    WHERE organization_id = %(owner)s
      AND (%(instance_id)s::uuid IS NULL OR instance_id = %(instance_id)s)
      AND (%(component)s::text IS NULL OR component = %(component)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(action_type)s::text IS NULL OR action_type = %(action_type)s)
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
"""


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


class PostgresActionLogQueries(ActionLogQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(
        self, owner: OrganizationId, where: ActionLogFilter, *, limit: int
    ) -> Sequence[ActionLogRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection, ActionLogRow, _LIST, owner=owner, limit=limit, **asdict(where)
            )
