"""How long runs are kept, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.workbench.memory.projects import MemoryProjects
from inventiv_adapters.workbench.memory.runs import messages_of
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.workbench.entities import (
    Message,
    Project,
    Retention,
    Run,
    RunMetadata,
)
from inventiv_core.workbench.ports import (
    RetentionQueries,
    RetentionRepository,
)


class MemoryRetention(RetentionRepository):
    """What organizations have chosen, and what follows."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._chosen = database.table(Retention)

    async def find(self, owner: OrganizationId) -> Retention:
        return self._chosen.get(owner, Retention())

    async def lock(self, owner: OrganizationId) -> Retention:
        return await self.find(owner)

    async def put(self, owner: OrganizationId, retention: Retention) -> None:
        self._chosen[owner] = retention

    async def delete_expired(self, *, at: datetime, limit: int) -> int:
        expired = [
            run
            for run in self._database.table(Run).values()
            if run.organization_id is not None
            and (days := (await self.find(run.organization_id)).delete_after_days) is not None
            and run.updated_at < at - timedelta(days=days)
        ]
        return self._delete(expired, limit)

    async def erase_content(self, *, limit: int) -> int:
        messages, runs = self._database.table(Message), self._database.table(Run)
        silent = {owner for owner, chosen in self._chosen.items() if not chosen.keeps_content}
        loud = [
            message
            for message in messages.values()
            if message.content and runs[message.run_id].organization_id in silent
        ]
        for message in loud[:limit]:
            messages[message.id] = replace(message, content="")
        for run in list(runs.values()):
            if run.organization_id in silent:
                runs[run.id] = replace(run, error_message=None)
                self._database.table(RunMetadata)[run.id] = RunMetadata(values={})
        return len(loud[:limit])

    async def purge(self, *, deleted_before: datetime, limit: int) -> int:
        gone = {
            organization.id
            for organization in self._database.table(Organization).values()
            if organization.deleted_at is not None and organization.deleted_at < deleted_before
        }
        runs = [
            run
            for run in self._database.table(Run).values()
            if run.organization_id in gone
            or (run.deleted_at is not None and run.deleted_at < deleted_before)
        ]
        projects = self._database.table(Project)
        old = [
            project
            for project in projects.values()
            if project.organization_id in gone
            or (project.deleted_at is not None and project.deleted_at < deleted_before)
        ]
        for project in old[:limit]:
            del projects[project.id]
            await MemoryProjects(self._database).release_runs(project.id, but_of=None)
        return self._delete(runs, limit) + len(old[:limit])

    def _delete(self, runs: Sequence[Run], limit: int) -> int:
        for run in runs[:limit]:
            del self._database.table(Run)[run.id]
            del self._database.table(RunMetadata)[run.id]
            for message in messages_of(self._database, run.id):
                del self._database.table(Message)[message.id]
        return len(runs[:limit])


class MemoryRetentionQueries(RetentionQueries):
    """The read side of what organizations have chosen."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def find(self, owner: OrganizationId) -> Retention:
        return await MemoryRetention(self._database).find(owner)
