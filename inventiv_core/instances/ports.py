"""What instances need from the outside."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from inventiv_core.action_logs.ports import ActionLogRepository
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceId, Lease
from inventiv_core.instances.views import InstanceFilter, InstanceRow
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.idempotency import IdempotentWork
from inventiv_core.kernel.pagination import Rows, Window


class InstanceRepository(Protocol):
    """All instances, one at a time."""

    async def add(self, instance: Instance) -> None:
        """Store a new instance, and the beginning of its history."""
        ...

    async def lock(self, instance_id: InstanceId, *, owner: OrganizationId | None) -> Instance:
        """Return one instance of ``owner``, and let nobody else change it until the work ends.

        Only the platform itself may pass no owner.

        Raises:
            InstanceNotFound: There is none, or it is another organization's.
        """
        ...

    async def save(self, before: Instance, after: Instance, *, reason: str) -> None:
        """Replace ``before`` by ``after``; a change of status goes into the history.

        Raises:
            InstanceChangedMeanwhile: What is stored is not ``before``, by its version.
        """
        ...

    async def living(self, instance_ids: Sequence[InstanceId]) -> Sequence[Instance]:
        """Return those of the instances that may have a machine: all but those at rest."""
        ...


class LeaseRepository(Protocol):
    """Which instances need work, and who is working on them."""

    async def schedule(self, instance_id: InstanceId, *, at: datetime) -> None:
        """Have the instance looked at by ``at``, or sooner if that was already promised.

        Whoever works on it at this moment finds out at release, and it is looked at again.
        """
        ...

    async def schedule_living(self, *, at: datetime) -> int:
        """Have all instances looked at that are not at rest, likewise; return how many."""
        ...

    async def claim(self, *, now: datetime, until: datetime, limit: int) -> Sequence[Lease]:
        """Take the instances whose time has come and on which nobody works, longest due first."""
        ...

    async def hold(self, lease: Lease, *, now: datetime) -> None:
        """Keep the lease for the rest of this unit of work.

        Raises:
            LeaseLost: It has expired, or somebody has claimed the instance since.
        """
        ...

    async def renew(self, lease: Lease, *, now: datetime, until: datetime) -> None:
        """Keep it longer, or raise `LeaseLost`."""
        ...

    async def release(self, lease: Lease, *, due_at: datetime | None, attempts: int) -> None:
        """Give it back; the next look is at ``due_at``, or never unless somebody asks for one.

        A look that somebody asked for since the claim comes first. A lost lease is let go.
        """
        ...

    async def next_due(self, *, now: datetime) -> timedelta | None:
        """Return how long until the next instance is due; ``None`` if none ever is."""
        ...


class InstanceQueries(Protocol):
    """Instances as people look at them. Reads only, outside any unit of work."""

    async def list(
        self, owner: OrganizationId, *, archived: bool, limit: int, now: datetime
    ) -> Sequence[InstanceRow]:
        """List what ``owner`` has, newest first, in one statement."""
        ...

    async def search(
        self,
        owner: OrganizationId,
        where: InstanceFilter,
        window: Window,
        *,
        counted: bool,
        now: datetime,
    ) -> Rows[InstanceRow]:
        """Find what ``owner`` has, sorted by one of `instance_keys`.

        One statement for the rows and, if they are to be ``counted``, one for the counts.
        The whole list are all instances of ``owner``, archived or not.
        """
        ...

    async def find(
        self, instance_id: InstanceId, *, owner: OrganizationId, now: datetime
    ) -> InstanceRow | None:
        """Return one instance of ``owner``."""
        ...


class InstanceChanges(Protocol):
    """What it takes to change an instance."""

    @property
    def instances(self) -> InstanceRepository: ...
    @property
    def outbox(self) -> Outbox: ...


class InstanceWork(IdempotentWork, InstanceChanges, Protocol):
    """What one atomic piece of work on instances may touch."""

    @property
    def leases(self) -> LeaseRepository: ...
    @property
    def action_logs(self) -> ActionLogRepository: ...
