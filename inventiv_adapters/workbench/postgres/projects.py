"""Projects, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import LiteralString

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    fetch_all,
    fetch_one,
)
from inventiv_adapters.workbench.postgres.readers import where_of, who_of
from inventiv_core.identity.access import UserId
from inventiv_core.workbench.entities import (
    Project,
    ProjectId,
    Reader,
)
from inventiv_core.workbench.ports import (
    ProjectQueries,
    ProjectRepository,
)
from inventiv_core.workbench.views import Scope

_ADD_PROJECT = """
    INSERT INTO workbench_projects
        (id, owner_user_id, organization_id, name, org_access, created_at, updated_at, deleted_at)
    VALUES
        (%(id)s, %(owner_user_id)s, %(organization_id)s, %(name)s, %(org_access)s,
         %(created_at)s, %(updated_at)s, %(deleted_at)s)
"""


def _projects(rest: LiteralString) -> LiteralString:
    return f"""
    SELECT id, owner_user_id, organization_id, name, org_access, created_at, updated_at,
           deleted_at
    FROM workbench_projects
    WHERE deleted_at IS NULL AND %(api_key_id)s::uuid IS NULL
      AND CASE WHEN organization_id IS NULL THEN owner_user_id = %(user_id)s
          ELSE organization_id = ANY(%(organizations)s::uuid[])
               AND (owner_user_id = %(user_id)s OR org_access IS NOT NULL) END
      {rest}
    """


_LOCK_PROJECT = _projects("AND id = %(id)s FOR UPDATE")

_LIST_PROJECTS = _projects("""
      AND (%(everywhere)s::boolean OR organization_id IS NOT DISTINCT FROM %(workspace)s::uuid)
    ORDER BY organization_id NULLS FIRST, name, created_at DESC, id DESC
    LIMIT %(limit)s
""")

_SAVE_PROJECT = """
    UPDATE workbench_projects
    SET name = %(name)s, org_access = %(org_access)s, updated_at = %(updated_at)s,
        deleted_at = %(deleted_at)s
    WHERE id = %(id)s
"""

_RELEASE_RUNS = """
    UPDATE workbench_runs SET project_id = NULL
    WHERE project_id = %(project_id)s
      AND (%(but_of)s::uuid IS NULL OR created_by_user_id <> %(but_of)s)
"""


class PostgresProjects(ProjectRepository):
    """The projects."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, project: Project) -> None:
        await self._connection.execute(_ADD_PROJECT, asdict(project))

    async def lock(self, project_id: ProjectId, *, reader: Reader) -> Project | None:
        values = who_of(reader) | {"id": project_id}
        return await fetch_one(self._connection, Project, _LOCK_PROJECT, **values)

    async def save(self, project: Project) -> None:
        await self._connection.execute(_SAVE_PROJECT, asdict(project))

    async def release_runs(self, project_id: ProjectId, *, but_of: UserId | None) -> None:
        values = {"project_id": project_id, "but_of": but_of}
        await self._connection.execute(_RELEASE_RUNS, values)


class PostgresProjectQueries(ProjectQueries):
    """The read side of projects."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, reader: Reader, scope: Scope, *, limit: int) -> Sequence[Project]:
        values = who_of(reader) | where_of(reader, scope) | {"limit": limit}
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Project, _LIST_PROJECTS, **values)
