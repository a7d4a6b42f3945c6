"""What people can do with projects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inventiv_core.identity.access import Actor
from inventiv_core.identity.entities.names import one_line
from inventiv_core.identity.errors.names import NameRequired
from inventiv_core.identity.ports.organizations import OrganizationQueries
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.differences import differing
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.workbench.entities import (
    LONGEST_NAME,
    Access,
    Project,
    ProjectId,
    Reader,
    WorkbenchActKind,
    with_access,
)
from inventiv_core.workbench.errors import OwnerRequired, ProjectNotFound
from inventiv_core.workbench.ports import ProjectQueries, WorkbenchWork
from inventiv_core.workbench.use_cases.acts import enter_project
from inventiv_core.workbench.use_cases.readers import reader_of
from inventiv_core.workbench.views import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProjects:
    """List one's own projects, and those that are shared."""

    project_queries: ProjectQueries
    organization_queries: OrganizationQueries

    async def __call__(self, *, everywhere: bool = False, actor: Actor) -> Sequence[Project]:
        """Return those of the workspace, or of all; a key sees none."""
        reader = Reader.of(actor)
        if everywhere:
            reader = await reader_of(actor, self.organization_queries)
        if reader.api_key_id is not None:
            return []
        scope = Scope(organization_id=actor.organization_id, everywhere=everywhere)
        return await self.project_queries.list(reader, scope, limit=MAX_PAGE_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProject:
    """Make a project in the workspace."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, name: str, org_access: Access | None, *, actor: Actor) -> Project:
        """Store it. In the personal workspace there is nobody to share it with.

        Raises:
            UserRequired: It is a key that asks.
            NameRequired: The name is blank.
        """
        reader = Reader.of(actor)
        reader.must_be_signed_in()
        now = self.clock.now()
        project = Project(
            id=ProjectId(self.new_id()),
            owner_user_id=reader.user_id,
            organization_id=actor.organization_id,
            name=_name_of(name),
            org_access=None if actor.organization_id is None else org_access,
            created_at=now,
            updated_at=now,
        )
        async with self.unit_of_work() as work:
            await work.projects.add(project)
            await enter_project(
                WorkbenchActKind.PROJECT_CREATED, project, work,
                actor=actor, new_id=self.new_id, at=now,
                after={"name": project.name, "org_access": project.org_access},
            )  # fmt: skip
        return project


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateProject:
    """Give a project another name, or share it."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    organization_queries: OrganizationQueries
    clock: Clock
    new_id: NewId

    async def __call__(
        self, project_id: ProjectId, changes: Mapping[str, Any], *, actor: Actor
    ) -> Project:
        """Store the fields in ``changes``: ``name``, ``org_access`` or ``is_shared``.

        Once it is not shared any more, the runs of others are no longer in it.

        Raises:
            ProjectNotFound: There is none that the actor may see.
            UserRequired: It is a key that asks.
            OwnerRequired: It is somebody else's, and to be shared otherwise.
            NameRequired: The name is blank.
        """
        reader, now = await reader_of(actor, self.organization_queries), self.clock.now()
        async with self.unit_of_work() as work:
            before = await _lock(project_id, reader, work)
            changes = with_access(changes, before.org_access)
            is_owner = before.owner_user_id == reader.user_id
            if not is_owner and ("org_access" in changes or before.org_access is not Access.WRITE):
                raise OwnerRequired
            after = replace(before, **changes)
            if "name" in changes:
                after = replace(after, name=_name_of(after.name))
            if after.organization_id is None:
                after = replace(after, org_access=None)
            if after == before:
                return before
            after = replace(after, updated_at=now)
            await work.projects.save(after)
            if after.org_access is None and before.org_access is not None:
                await work.projects.release_runs(project_id, but_of=after.owner_user_id)
            was, is_now = differing(before, after, ("name", "org_access"))
            await enter_project(
                WorkbenchActKind.PROJECT_UPDATED, after, work,
                actor=actor, new_id=self.new_id, at=now,
                before=was, after=is_now,
            )  # fmt: skip
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProject:
    """Take a project away. Its runs stay, in no project."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    organization_queries: OrganizationQueries
    clock: Clock
    new_id: NewId

    async def __call__(self, project_id: ProjectId, *, actor: Actor) -> Project:
        """Delete it.

        Raises:
            ProjectNotFound: There is none that the actor may see.
            UserRequired: It is a key that asks.
            OwnerRequired: It is somebody else's.
        """
        reader, now = await reader_of(actor, self.organization_queries), self.clock.now()
        async with self.unit_of_work() as work:
            before = await _lock(project_id, reader, work)
            if before.owner_user_id != reader.user_id:
                raise OwnerRequired
            after = replace(before, deleted_at=now, updated_at=now)
            await work.projects.save(after)
            await work.projects.release_runs(project_id, but_of=None)
            await enter_project(
                WorkbenchActKind.PROJECT_DELETED, after, work,
                actor=actor, new_id=self.new_id, at=now,
                before={"name": before.name},
            )  # fmt: skip
        return after


async def _lock(project_id: ProjectId, reader: Reader, work: WorkbenchWork) -> Project:
    """Lock a project that the reader, or whose key it is, may see."""
    project = await work.projects.lock(project_id, reader=reader.as_user)
    if project is None:
        raise ProjectNotFound(project_id=project_id)
    reader.must_be_signed_in()
    return project


def _name_of(text: str) -> str:
    name = one_line(text)[:LONGEST_NAME].strip()
    if not name:
        raise NameRequired
    return name
