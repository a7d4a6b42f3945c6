"""How long what is said is kept."""

from dataclasses import dataclass

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.differences import differing
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.workbench.entities import KEPT_AFTER_DELETION, Retention, WorkbenchActKind
from inventiv_core.workbench.ports import RetentionQueries, WorkbenchWork
from inventiv_core.workbench.views import Sweeping

_AT_ONCE = 1000
"""Rows of one transaction: nobody waits for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRetention:
    """Look at how long the organization keeps runs."""

    retention_queries: RetentionQueries

    async def __call__(self, *, actor: Actor) -> Retention:
        """Return what it has chosen."""
        owner = actor.must_in_organization(Permission.USE_ORGANIZATION)
        return await self.retention_queries.find(owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRetention:
    """Choose how long the organization keeps runs, and whether it keeps what is said."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, wanted: Retention, *, actor: Actor) -> Retention:
        """Store it. What is kept for too long already goes within the hour.

        Raises:
            RetentionInvalid: It is no number of days.
        """
        owner = actor.must_in_organization(Permission.MANAGE_SETTINGS)
        after, now = wanted.validated(), self.clock.now()
        async with self.unit_of_work() as work:
            before = await work.retention.lock(owner)
            if after == before:
                return before
            await work.retention.put(owner, after)
            was, is_now = differing(before, after, ("delete_after_days", "keeps_content"))
            act = Act(
                id=self.new_id(),
                kind=WorkbenchActKind.RETENTION_CHANGED,
                actor=actor,
                organization_id=owner,
                subject=Subject(kind="workbench_retention", id=owner, name="workbench"),
                at=now,
                before=was,
                after=is_now,
            )
            await enter(act, work)
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepWorkbench:
    """Let go what is not to be kept any longer. Any number of processes may."""

    unit_of_work: UnitOfWork[WorkbenchWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Sweeping:
        """Do it, many small pieces at a time; return how much it was."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        before = now - KEPT_AFTER_DELETION
        expired = erased = purged = 0
        is_more = True
        while is_more:
            async with self.unit_of_work() as work:
                found = (
                    await work.retention.delete_expired(at=now, limit=_AT_ONCE),
                    await work.retention.erase_content(limit=_AT_ONCE),
                    await work.retention.purge(deleted_before=before, limit=_AT_ONCE),
                )
            expired, erased, purged = expired + found[0], erased + found[1], purged + found[2]
            is_more = any(found)
        return Sweeping(expired=expired, erased=erased, purged=purged)
