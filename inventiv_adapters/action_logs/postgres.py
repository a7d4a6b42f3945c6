"""Action logs, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from inventiv_adapters.kernel.postgres import Connection, Pool, as_json, fetch_all, fetch_one
from inventiv_core.action_logs.entities import ActionLog, ActionStatus, ActionType, Component
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogRepository
from inventiv_core.action_logs.views import ActionLogFilter, ActionLogRow
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.ports.acts import Acts

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

_LIST = """
    SELECT id, action_type, component, status, error_code, error_message, instance_id, user_id,
           actor_name, source_ip, duration_ms, created_at, completed_at, metadata,
           instance_status_before, instance_status_after
    FROM action_logs
    WHERE organization_id = %(owner)s
      AND (%(instance_id)s::uuid IS NULL OR instance_id = %(instance_id)s)
      AND (%(component)s::text IS NULL OR component = %(component)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(action_type)s::text IS NULL OR action_type = %(action_type)s)
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
"""

_LIST_PLATFORM = """
    SELECT id, action_type, component, status, error_code, error_message, instance_id, user_id,
           actor_name, source_ip, duration_ms, created_at, completed_at, metadata,
           instance_status_before, instance_status_after
    FROM action_logs
    WHERE organization_id IS NULL
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
        async with self._pool.connection() as connection:
            if owner is None:
                return await fetch_all(
                    connection, ActionLogRow, _LIST_PLATFORM, limit=limit, **asdict(where)
                )
            return await fetch_all(
                connection, ActionLogRow, _LIST, owner=owner, limit=limit, **asdict(where)
            )
