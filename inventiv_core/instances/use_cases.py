"""What people can do with instances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import (
    GOING,
    TRANSITIONS,
    DeletionReason,
    Instance,
    InstanceId,
    InstanceStatus,
)
from inventiv_core.instances.errors import InstanceNotFound, NotTerminated
from inventiv_core.instances.events import InstanceChanged, TerminationRequested
from inventiv_core.instances.ports import InstanceChanges, InstanceQueries, InstanceWork
from inventiv_core.instances.views import (
    InstanceDetails,
    InstanceFilter,
    InstanceRow,
    instance_keys,
)
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.idempotency import (
    IDEMPOTENCY_LIFETIME,
    IdempotencyKey,
    IdempotentWork,
)
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import (
    MAX_PAGE_ROWS,
    PageRequest,
    Rows,
    SearchPage,
    Window,
    search_page,
)
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.storages.ports import StorageQueries


async def change(
    before: Instance, after: Instance, work: InstanceChanges, *, reason: str, at: datetime
) -> None:
    """Store ``after`` in place of ``before``, with its history, and tell those who watch."""
    await work.instances.save(before, after, reason=reason)
    await work.outbox.add(InstanceChanged.of(after, at=at))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstances:
    """List what the actor's organization has."""

    instance_queries: InstanceQueries
    clock: Clock

    async def __call__(self, *, archived: bool, actor: Actor) -> Sequence[InstanceRow]:
        """Return the newest first. In the personal workspace there are none."""
        actor.must(Permission.VIEW_INSTANCES)
        if actor.organization_id is None:
            return ()
        return await self.instance_queries.list(
            actor.organization_id, archived=archived, limit=MAX_PAGE_ROWS, now=self.clock.now()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchInstances:
    """Look through what the actor's organization has, page by page."""

    instance_queries: InstanceQueries
    clock: Clock

    async def __call__(
        self, where: InstanceFilter, page: PageRequest, *, counted: bool, actor: Actor
    ) -> SearchPage[InstanceRow]:
        """Return one page, the newest first if no order is asked for.

        Raises:
            CursorInvalid: The cursor is not one of this list, sorted like this.
        """
        actor.must(Permission.VIEW_INSTANCES)
        owner, now = actor.organization_id, self.clock.now()

        async def find(window: Window) -> Rows[InstanceRow]:
            if owner is None:
                return Rows(rows=(), total_count=0, filtered_count=0)
            return await self.instance_queries.search(
                owner, where, window, counted=counted, now=now
            )

        return await search_page(find, page, instance_keys(descending=page.descending))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInstance:
    """Look at one instance."""

    instance_queries: InstanceQueries
    storage_queries: StorageQueries
    clock: Clock

    async def __call__(self, instance_id: InstanceId, *, actor: Actor) -> InstanceDetails:
        """Return it with its disks, or raise `InstanceNotFound`."""
        actor.must(Permission.VIEW_INSTANCES)
        owner = actor.organization_id
        if owner is None:
            raise InstanceNotFound(instance_id=instance_id)
        row = await self.instance_queries.find(instance_id, owner=owner, now=self.clock.now())
        if row is None:
            raise InstanceNotFound(instance_id=instance_id)
        storages = await self.storage_queries.list(instance_id, owner=owner, limit=MAX_PAGE_ROWS)
        return InstanceDetails(row=row, storages=storages)


class Termination(StrEnum):
    """How a request to terminate was met."""

    ALREADY_OVER = "already_over"
    """There is nothing to terminate (any more)."""
    UNDER_WAY = "under_way"
    """The machine is to go, and the provider will be held to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateInstance:
    """Give an instance up. Safe to repeat."""

    unit_of_work: UnitOfWork[InstanceWork]
    clock: Clock
    new_id: NewId
    orchestrator_is_external: bool = False
    """Whether others do it: they know of no calls, and wait for none."""

    async def __call__(
        self, instance_id: InstanceId, *, key: IdempotencyKey | None = None, actor: Actor
    ) -> Termination:
        """Have the machine deleted, whatever the instance is doing now.

        One that serves gets no more calls, and goes when those that run on it have ended, or
        have had long enough.

        With a ``key``, a request that is sent again is told what the first one was told.

        An instance without a machine goes the same way: somebody may be renting one for
        it at this very moment, and only the provider knows.

        Raises:
            InstanceNotFound: There is no such instance in the actor's organization.
            IdempotencyKeyReused: The key was used for another request.
        """
        owner = actor.must_in_organization(Permission.MANAGE_INSTANCES)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            if key is not None:
                known = await work.idempotency.begin(key, scope=owner, at=now)
                if known is not None:
                    return Termination(known)
            instance = await work.instances.lock(instance_id, owner=owner)
            termination = await self._terminate(instance, actor, now, work)
            if key is not None:
                await work.idempotency.finish(key, scope=owner, result=termination)
        return termination

    def _leaving(self, instance: Instance, now: datetime) -> Instance:
        serves = instance.status is InstanceStatus.READY
        if serves and not self.orchestrator_is_external:
            return instance.drain(DeletionReason.REQUESTED, at=now)
        return instance.terminate(DeletionReason.REQUESTED, at=now)

    async def _terminate(
        self, instance: Instance, actor: Actor, now: datetime, work: InstanceWork
    ) -> Termination:
        log = ActionLog.begin(
            ActionType.REQUEST_TERMINATE,
            id=ActionLogId(self.new_id()),
            actor=actor,
            organization_id=instance.organization_id,
            instance_id=instance.id,
            at=now,
            status_before=instance.status,
            metadata={"instance_id": str(instance.id)},
        )
        if instance.status in {InstanceStatus.TERMINATED, InstanceStatus.ARCHIVED}:
            over = {"already_terminated": True}
            await record(log.succeed(at=now, status_after=instance.status, metadata=over), work)
            return Termination.ALREADY_OVER
        after = instance
        if instance.status not in GOING:
            after = self._leaving(instance, now)
            await change(instance, after, work, reason="termination requested", at=now)
        await work.leases.schedule(instance.id, at=now)
        await work.outbox.add(
            TerminationRequested(
                instance_id=instance.id,
                organization_id=instance.organization_id,
                correlation_id=log.id,
                occurred_at=now,
            )
        )
        await record(log.succeed(at=now, status_after=after.status), work)
        return Termination.UNDER_WAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveInstance:
    """Put an instance that is over out of sight. Safe to repeat."""

    unit_of_work: UnitOfWork[InstanceWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, instance_id: InstanceId, *, actor: Actor) -> None:
        """Archive it; the history, the costs and the actions stay.

        Raises:
            InstanceNotFound: There is no such instance in the actor's organization.
            NotTerminated: It is not over yet. The attempt is in the action log.
        """
        owner = actor.must_in_organization(Permission.MANAGE_INSTANCES)
        now = self.clock.now()
        refusal: NotTerminated | None = None
        async with self.unit_of_work() as work:
            instance = await work.instances.lock(instance_id, owner=owner)
            log = ActionLog.begin(
                ActionType.ARCHIVE_INSTANCE,
                id=ActionLogId(self.new_id()),
                actor=actor,
                organization_id=instance.organization_id,
                instance_id=instance.id,
                at=now,
                status_before=instance.status,
            )
            if instance.status is InstanceStatus.ARCHIVED:
                await record(log.succeed(at=now, status_after=instance.status), work)
            elif InstanceStatus.ARCHIVED in TRANSITIONS[instance.status]:
                after = instance.archive(at=now)
                await change(instance, after, work, reason="archived", at=now)
                await record(log.succeed(at=now, status_after=after.status), work)
            else:
                refusal = NotTerminated(instance_id=instance_id, status=instance.status)
                failed = log.fail(code=refusal.code, message=str(refusal), at=now)
                await record(failed, work)
        if refusal is not None:
            raise refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetIdempotencyKeys:
    """Drop the keys of requests that nobody will send again."""

    unit_of_work: UnitOfWork[IdempotentWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were dropped."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            return await work.idempotency.forget(before=self.clock.now() - IDEMPOTENCY_LIFETIME)
