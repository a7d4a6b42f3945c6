"""How long runs are kept, in Postgres."""

from dataclasses import asdict
from datetime import datetime

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    count_rows,
    fetch_one,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.workbench.entities import (
    Retention,
)
from inventiv_core.workbench.ports import (
    RetentionQueries,
    RetentionRepository,
)

_CHOSEN = """
    SELECT delete_after_days, keeps_content FROM workbench_retention
    WHERE organization_id = %(owner)s
"""

_CHOOSE_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%(owner)s::text, 0))"

_PUT_CHOSEN = """
    INSERT INTO workbench_retention (organization_id, delete_after_days, keeps_content)
    VALUES (%(owner)s, %(delete_after_days)s, %(keeps_content)s)
    ON CONFLICT (organization_id) DO UPDATE SET
        delete_after_days = EXCLUDED.delete_after_days, keeps_content = EXCLUDED.keeps_content
"""

_DELETE_EXPIRED = """
    DELETE FROM workbench_runs WHERE id IN (
        SELECT r.id
        FROM workbench_retention t
        JOIN workbench_runs r ON r.organization_id = t.organization_id
        WHERE t.delete_after_days IS NOT NULL
          AND r.updated_at < %(at)s::timestamptz - t.delete_after_days * interval '24 hours'
        LIMIT %(limit)s
        FOR UPDATE OF r SKIP LOCKED)
"""

_ERASE_MESSAGES = """
    UPDATE workbench_messages SET content = '' WHERE id IN (
        SELECT m.id
        FROM workbench_retention t
        JOIN workbench_runs r ON r.organization_id = t.organization_id
        JOIN workbench_messages m ON m.run_id = r.id
        WHERE NOT t.keeps_content AND m.content <> ''
        LIMIT %(limit)s
        FOR UPDATE OF m SKIP LOCKED)
"""

_ERASE_RUNS = """
    UPDATE workbench_runs SET metadata = '{}', error_message = NULL WHERE id IN (
        SELECT r.id
        FROM workbench_retention t
        JOIN workbench_runs r ON r.organization_id = t.organization_id
        WHERE NOT t.keeps_content AND (r.metadata <> '{}' OR r.error_message IS NOT NULL)
        FOR UPDATE OF r SKIP LOCKED)
"""

_PURGE_RUNS = """
    DELETE FROM workbench_runs WHERE id IN (
        SELECT id FROM workbench_runs
        WHERE deleted_at < %(before)s OR organization_id IN (
            SELECT id FROM organizations WHERE deleted_at < %(before)s)
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED)
"""

_PURGE_PROJECTS = """
    DELETE FROM workbench_projects WHERE id IN (
        SELECT id FROM workbench_projects
        WHERE deleted_at < %(before)s OR organization_id IN (
            SELECT id FROM organizations WHERE deleted_at < %(before)s)
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED)
"""


class PostgresRetention(RetentionRepository):
    """What organizations have chosen, and what follows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, owner: OrganizationId) -> Retention:
        return await _chosen(self._connection, owner)

    async def lock(self, owner: OrganizationId) -> Retention:
        await self._connection.execute(_CHOOSE_ALONE, {"owner": owner})
        return await _chosen(self._connection, owner)

    async def put(self, owner: OrganizationId, retention: Retention) -> None:
        values = asdict(retention) | {"owner": owner}
        await self._connection.execute(_PUT_CHOSEN, values)

    async def delete_expired(self, *, at: datetime, limit: int) -> int:
        return await count_rows(self._connection, _DELETE_EXPIRED, at=at, limit=limit)

    async def erase_content(self, *, limit: int) -> int:
        await self._connection.execute(_ERASE_RUNS)
        return await count_rows(self._connection, _ERASE_MESSAGES, limit=limit)

    async def purge(self, *, deleted_before: datetime, limit: int) -> int:
        values = {"before": deleted_before, "limit": limit}
        runs = await count_rows(self._connection, _PURGE_RUNS, **values)
        return runs + await count_rows(self._connection, _PURGE_PROJECTS, **values)


class PostgresRetentionQueries(RetentionQueries):
    """The read side of what organizations have chosen."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, owner: OrganizationId) -> Retention:
        async with self._pool.connection() as connection:
            return await _chosen(connection, owner)


async def _chosen(connection: Connection, owner: OrganizationId) -> Retention:
    return await fetch_one(connection, Retention, _CHOSEN, owner=owner) or Retention()
