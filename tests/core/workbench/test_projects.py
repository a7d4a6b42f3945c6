"""Projects, as the domain sees them."""

from dataclasses import replace

import pytest

from inventiv_core.identity.errors.names import NameRequired
from inventiv_core.workbench.entities import Access, ProjectId, WorkbenchActKind
from inventiv_core.workbench.errors import OwnerRequired, ProjectNotFound, UserRequired
from tests.builders import ACME, OTHER, a_number
from tests.core.workbench.bench import BOB, EVE, KEY, Bench, actor
from tests.core.workbench.test_runs import NEW


async def test_a_project_is_its_maker_s_until_it_is_shared(bench: Bench) -> None:
    project = await bench.create_project(" Été " * 60, None, actor=actor())
    assert (project.organization_id, project.org_access) == (ACME, None)
    assert project.name.startswith("Été Été")
    assert 115 < len(project.name) <= 120
    assert await bench.projects(actor=actor()) == [project]
    for other in (actor(BOB), actor(EVE, OTHER), actor(key=KEY), actor(organization=None)):
        assert await bench.projects(actor=other) == []
    shared = await bench.update_project(project.id, {"is_shared": True}, actor=actor())
    assert shared.org_access is Access.READ
    assert await bench.projects(actor=actor(BOB)) == [shared]
    assert await bench.projects(everywhere=True, actor=actor(organization=None)) == [shared]
    assert await bench.projects(everywhere=True, actor=actor(EVE, OTHER)) == []


async def test_in_the_personal_workspace_nothing_is_shared(bench: Bench) -> None:
    alone = actor(organization=None)
    project = await bench.create_project("Mine", Access.WRITE, actor=alone)
    assert project.org_access is None
    assert await bench.update_project(project.id, {"is_shared": True}, actor=alone) == project


async def test_who_may_write_renames_and_only_the_owner_shares_and_deletes(bench: Bench) -> None:
    project = await bench.create_project("Plan", Access.READ, actor=actor())
    bob = actor(BOB)
    with pytest.raises(OwnerRequired):
        await bench.update_project(project.id, {"name": "Bob's"}, actor=bob)
    await bench.update_project(project.id, {"org_access": Access.WRITE}, actor=actor())
    assert (await bench.update_project(project.id, {"name": "Ours"}, actor=bob)).name == "Ours"
    with pytest.raises(OwnerRequired):
        await bench.update_project(project.id, {"is_shared": False}, actor=bob)
    with pytest.raises(OwnerRequired):
        await bench.delete_project(project.id, actor=bob)
    with pytest.raises(ProjectNotFound):
        await bench.update_project(project.id, {"name": "x"}, actor=actor(EVE, OTHER))


async def test_a_project_that_is_taken_away_leaves_its_runs(bench: Bench) -> None:
    project = await bench.create_project("Plan", Access.READ, actor=actor())
    mine = await bench.create(replace(NEW, project_id=project.id), actor=actor())
    theirs = await bench.create(replace(NEW, project_id=project.id), actor=actor(BOB))
    await bench.update_project(project.id, {"is_shared": False}, actor=actor())
    assert (await bench.get(theirs.id, actor=actor(BOB))).run.project_id is None
    assert (await bench.get(mine.id, actor=actor())).run.project_id == project.id
    gone = await bench.delete_project(project.id, actor=actor())
    assert gone.deleted_at is not None
    assert (await bench.get(mine.id, actor=actor())).run.project_id is None
    assert await bench.projects(actor=actor()) == []
    with pytest.raises(ProjectNotFound):
        await bench.delete_project(project.id, actor=actor())
    kinds = [act.kind for act in bench.acts if act.subject.kind == "workbench_project"]
    assert kinds == [
        WorkbenchActKind.PROJECT_CREATED,
        WorkbenchActKind.PROJECT_UPDATED,
        WorkbenchActKind.PROJECT_DELETED,
    ]


async def test_keys_have_nothing_to_do_with_projects(bench: Bench) -> None:
    project = await bench.create_project("Plan", None, actor=actor())
    program = actor(key=KEY)
    with pytest.raises(UserRequired):
        await bench.create_project("Plan", None, actor=program)
    with pytest.raises(UserRequired):
        await bench.update_project(project.id, {"name": "x"}, actor=program)
    with pytest.raises(UserRequired):
        await bench.delete_project(project.id, actor=program)
    with pytest.raises(ProjectNotFound):
        await bench.delete_project(ProjectId(a_number()), actor=program)


async def test_a_project_has_a_name_and_no_change_is_no_act(bench: Bench) -> None:
    for blank in ("", " \n"):
        with pytest.raises(NameRequired):
            await bench.create_project(blank, None, actor=actor())
    project = await bench.create_project("Plan", None, actor=actor())
    count = len(bench.acts)
    assert await bench.update_project(project.id, {"name": " Plan "}, actor=actor()) == project
    assert len(bench.acts) == count
    with pytest.raises(NameRequired):
        await bench.update_project(project.id, {"name": " "}, actor=actor())
