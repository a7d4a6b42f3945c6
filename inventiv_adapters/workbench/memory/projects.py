"""Projects, in memory."""

from collections.abc import Sequence
from dataclasses import replace

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import UserId
from inventiv_core.workbench.entities import (
    Project,
    ProjectId,
    Reader,
    Run,
)
from inventiv_core.workbench.ports import (
    ProjectQueries,
    ProjectRepository,
)
from inventiv_core.workbench.views import Scope


class MemoryProjects(ProjectRepository):
    """The projects."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._projects = database.table(Project)
        self._runs = database.table(Run)

    async def add(self, project: Project) -> None:
        self._projects[project.id] = project

    async def lock(self, project_id: ProjectId, *, reader: Reader) -> Project | None:
        project = self._projects.get(project_id)
        return project if project is not None and _shows(project, reader) else None

    async def save(self, project: Project) -> None:
        self._projects[project.id] = project

    async def release_runs(self, project_id: ProjectId, *, but_of: UserId | None) -> None:
        for run in list(self._runs.values()):
            if run.project_id == project_id and run.created_by_user_id != but_of:
                self._runs[run.id] = replace(run, project_id=None)


class MemoryProjectQueries(ProjectQueries):
    """The read side of projects."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._projects = database.table

    async def list(self, reader: Reader, scope: Scope, *, limit: int) -> Sequence[Project]:
        shown = [
            project
            for project in self._projects(Project).values()
            if _shows(project, reader)
            and (scope.everywhere or project.organization_id == scope.organization_id)
        ]
        shown.sort(key=lambda project: (project.created_at, project.id), reverse=True)
        shown.sort(key=lambda project: (str(project.organization_id or ""), project.name))
        return shown[:limit]


def _shows(project: Project, reader: Reader) -> bool:
    if project.deleted_at is not None or reader.api_key_id is not None:
        return False
    is_own = project.owner_user_id == reader.user_id
    if project.organization_id is None:
        return is_own
    is_there = project.organization_id in reader.organizations
    return is_there and (is_own or project.org_access is not None)
