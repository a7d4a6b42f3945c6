"""What people can do with instances."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inventiv_core.action_logs.entities import ActionLog, ActionLogId, ActionType
from inventiv_core.action_logs.use_cases import record
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import (
    DeletionReason,
    Instance,
    InstanceId,
    InstanceStatus,
)
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.instances.ports import InstanceChanges, InstanceQueries, InstanceWork
from inventiv_core.instances.views import InstanceRow, InstancesSeen
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork


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

    async def __call__(self, *, archived: bool, actor: Actor) -> InstancesSeen:
        """Return the newest first. In the personal workspace there are none."""
        actor.must(Permission.VIEW_INSTANCES)
        if actor.organization_id is None:
            return InstancesSeen(rows=(), at=self.clock.now())
        rows = await self.instance_queries.list(
            actor.organization_id, archived=archived, limit=MAX_PAGE_ROWS
        )
        return InstancesSeen(rows=rows, at=self.clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInstance:
    """Look at one instance."""

    instance_queries: InstanceQueries
    clock: Clock

    async def __call__(self, instance_id: InstanceId, *, actor: Actor) -> InstancesSeen:
        """Return it alone in the list, or raise `InstanceNotFound`."""
        row = await _own(instance_id, actor, self.instance_queries)
        return InstancesSeen(rows=[row], at=self.clock.now())


async def _own(instance_id: InstanceId, actor: Actor, queries: InstanceQueries) -> InstanceRow:
    actor.must(Permission.VIEW_INSTANCES)
    if actor.organization_id is None:
        raise InstanceNotFound(instance_id=instance_id)
    row = await queries.find(instance_id, owner=actor.organization_id)
    if row is None:
        raise InstanceNotFound(instance_id=instance_id)
    return row


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

    async def __call__(self, instance_id: InstanceId, *, actor: Actor) -> Termination:
        """Have the machine deleted, whatever the instance is doing now.

        An instance without a machine goes the same way: somebody may be renting one for
        it at this very moment, and only the provider knows.

        Raises:
            InstanceNotFound: There is no such instance in the actor's organization.
        """
        owner = actor.must_in_organization(Permission.MANAGE_INSTANCES)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            instance = await work.instances.lock(instance_id, owner=owner)
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
                await record(
                    log.succeed(
                        at=now,
                        status_after=instance.status,
                        metadata={"already_terminated": True},
                    ),
                    work,
                )
                return Termination.ALREADY_OVER
            after = instance
            if instance.status is not InstanceStatus.TERMINATING:
                after = instance.terminate(DeletionReason.REQUESTED, at=now)
                await change(instance, after, work, reason="termination requested", at=now)
            await work.leases.schedule(instance.id, at=now)
            await record(log.succeed(at=now, status_after=after.status), work)
        return Termination.UNDER_WAY
