"""How long what is said is kept, as the domain sees it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventiv_core.identity.access import PLATFORM, Role
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.workbench.entities import Retention, RunMetadata, WorkbenchActKind
from inventiv_core.workbench.errors import RetentionInvalid, RunNotFound
from inventiv_core.workbench.use_cases.runs import Completion
from inventiv_core.workbench.views import Sweeping
from tests.builders import ACME, OTHER
from tests.core.workbench.bench import BOB, EVE, Bench, actor
from tests.core.workbench.test_runs import NEW, said, say

OWNER = actor(role=Role.OWNER)
DAY = timedelta(days=1)


async def test_an_organization_keeps_everything_until_it_says_otherwise(bench: Bench) -> None:
    assert await bench.retention(actor=actor()) == Retention()
    chosen = Retention(delete_after_days=30)
    assert await bench.set_retention(chosen, actor=OWNER) == chosen
    assert await bench.set_retention(chosen, actor=OWNER) == chosen
    assert await bench.retention(actor=actor(BOB)) == chosen
    assert await bench.retention(actor=actor(EVE, OTHER)) == Retention()
    [act] = bench.acts
    assert (act.kind, act.organization_id) == (WorkbenchActKind.RETENTION_CHANGED, ACME)
    assert (act.before, act.after) == ({"delete_after_days": None}, {"delete_after_days": 30})


async def test_who_manages_settings_chooses(bench: Bench) -> None:
    with pytest.raises(PermissionMissing):
        await bench.set_retention(Retention(), actor=actor(role=Role.MANAGER))
    with pytest.raises(NoCurrentOrganization):
        await bench.set_retention(Retention(), actor=actor(organization=None))
    for days in (0, -1, 3651):
        with pytest.raises(RetentionInvalid):
            await bench.set_retention(Retention(delete_after_days=days), actor=OWNER)
    with pytest.raises(PermissionMissing):
        await bench.sweep(actor=OWNER)


async def test_runs_in_which_nothing_happens_any_more_are_deleted(bench: Bench) -> None:
    await bench.set_retention(Retention(delete_after_days=7), actor=OWNER)
    old = await bench.create(NEW, actor=actor())
    lively = await bench.create(NEW, actor=actor())
    private = await bench.create(NEW, actor=actor(organization=None))
    foreign = await bench.create(NEW, actor=actor(EVE, OTHER))
    await bench.append(old.id, say(1, "Hello"), actor=actor())
    bench.clock.advance(7 * DAY)
    await bench.append(lively.id, say(1, "Hello"), actor=actor())
    assert await bench.sweep(actor=PLATFORM) == Sweeping()
    bench.clock.advance(timedelta(seconds=1))
    assert await bench.sweep(actor=PLATFORM) == Sweeping(expired=1)
    with pytest.raises(RunNotFound):
        await bench.get(old.id, actor=actor())
    assert await said(bench, lively) == [(1, "Hello")]
    await bench.get(private.id, actor=actor())
    await bench.get(foreign.id, actor=actor(EVE, OTHER))


async def test_no_content_means_none_neither_what_comes_nor_what_was(bench: Bench) -> None:
    run = await bench.create(replace(NEW, title="Plan", metadata={"a": 1}), actor=actor())
    await bench.append(run.id, say(1, "Old secret"), actor=actor())
    await bench.complete(run.id, Completion(status="failed", error_message="x"), actor=actor())
    await bench.set_retention(Retention(keeps_content=False), actor=OWNER)
    for _ in range(2):
        await bench.append(run.id, say(2, "New secret", output_tokens=7), actor=actor())
    end = Completion(status="failed", error_message="y", metadata={"b": 1})
    await bench.complete(run.id, end, actor=actor())
    assert await said(bench, run) == [(1, "Old secret"), (2, "")]
    assert await bench.sweep(actor=PLATFORM) == Sweeping(erased=1)
    assert await said(bench, run) == [(1, ""), (2, "")]
    known = (await bench.get(run.id, actor=actor())).run
    assert (known.title, known.error_message, known.output_tokens) == ("Plan", None, 7)
    other = await bench.create(replace(NEW, metadata={"a": 1}), actor=actor())
    kept = bench.database.table(RunMetadata)
    assert (kept[run.id].values, kept[other.id].values) == ({}, {})
    assert "secret" not in str(list(bench.database.tables()))


async def test_what_was_taken_away_is_gone_after_a_month(bench: Bench) -> None:
    run = await bench.create(NEW, actor=actor())
    await bench.append(run.id, say(1, "Hello"), actor=actor())
    project = await bench.create_project("Plan", None, actor=actor())
    await bench.delete(run.id, actor=actor())
    await bench.delete_project(project.id, actor=actor())
    bench.clock.advance(30 * DAY)
    assert await bench.sweep(actor=PLATFORM) == Sweeping()
    bench.clock.advance(timedelta(seconds=1))
    assert await bench.sweep(actor=PLATFORM) == Sweeping(purged=2)
    assert "Hello" not in str(list(bench.database.tables()))


async def test_what_an_organization_had_goes_a_month_after_it(bench: Bench) -> None:
    run = await bench.create(NEW, actor=actor())
    async with bench.unit_of_work() as work:
        acme = await work.organizations.lock_alone(ACME)
        assert acme is not None
        await work.organizations.save(replace(acme, deleted_at=bench.clock.now()))
    bench.clock.advance(31 * DAY)
    assert await bench.sweep(actor=PLATFORM) == Sweeping(purged=1)
    with pytest.raises(RunNotFound):
        await bench.get(run.id, actor=actor())
