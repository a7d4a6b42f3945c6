"""Acts in the workbench."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from inventiv_core.identity.access import Actor
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.ids import NewId
from inventiv_core.workbench.entities import Project, Run, WorkbenchActKind
from inventiv_core.workbench.ports import WorkbenchWork


async def enter_run(
    kind: WorkbenchActKind,
    run: Run,
    work: WorkbenchWork,
    *,
    actor: Actor,
    new_id: NewId,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Enter an act on a run. Its title is what people talk about: the books have the model."""
    act = Act(
        id=new_id(),
        kind=kind,
        actor=actor,
        organization_id=run.organization_id,
        subject=Subject(kind="workbench_run", id=run.id, name=run.model_id),
        at=at,
        before=before or {},
        after=after or {},
    )
    await enter(act, work)


async def enter_project(
    kind: WorkbenchActKind,
    project: Project,
    work: WorkbenchWork,
    *,
    actor: Actor,
    new_id: NewId,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Enter an act on a project."""
    act = Act(
        id=new_id(),
        kind=kind,
        actor=actor,
        organization_id=project.organization_id,
        subject=Subject(kind="workbench_project", id=project.id, name=project.name),
        at=at,
        before=before or {},
        after=after or {},
    )
    await enter(act, work)
