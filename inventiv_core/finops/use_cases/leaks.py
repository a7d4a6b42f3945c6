"""Noting what costs money and nobody wants, inside the work of who finds it; and looking at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventiv_core.cloud.entities import Machine
from inventiv_core.finops.entities.leaks import Leak, LeakReason
from inventiv_core.finops.ports.leaks import LeakQueries, LeakWork
from inventiv_core.finops.views.leaks import Leaked, LeakTotal
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId

_MAX_LEAKS: Final = 500


async def begin_leak(
    machine: Machine,
    work: LeakWork,
    *,
    provider_code: str,
    reason: LeakReason,
    since: datetime,
    new_id: NewId,
    volumes_gb: int | None = None,
) -> Leak:
    """Note that nobody wants the machine; again is not news. Return what is known of it.

    Its volumes are as large as the provider says, or ``volumes_gb``, if somebody knows better.
    """
    rates = await work.leaks.rates(provider_code, machine.instance_type)
    size_gb = sum(volume.size_gb or 0 for volume in machine.volumes)
    return await work.leaks.begin(
        Leak(
            id=new_id(),
            provider_code=provider_code,
            machine_id=machine.id,
            zone=machine.zone,
            instance_type=machine.instance_type,
            organization_id=machine.tag.organization_id,
            instance_id=machine.tag.instance_id,
            reason=reason,
            since=max(since, machine.created_at),
            until=None,
            cost_per_hour=rates.cost_per_hour,
            volumes_per_hour=rates.of_volumes(size_gb if volumes_gb is None else volumes_gb),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLeaks:
    """Sum up what has leaked, for those who watch the platform."""

    leak_queries: LeakQueries
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Sequence[LeakTotal]:
        """Return it by provider."""
        actor.must(Permission.OPERATE)
        return await self.leak_queries.totals(at=self.clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLeaks:
    """See what was paid for and not wanted, of all organizations."""

    leak_queries: LeakQueries
    clock: Clock

    async def __call__(self, *, limit: int, actor: Actor) -> Leaked:
        """Return the sums, and at most ``limit`` leaks, within bounds."""
        actor.must(Permission.VIEW_ALL_COSTS)
        now = self.clock.now()
        return Leaked(
            at=now,
            totals=await self.leak_queries.totals(at=now),
            leaks=await self.leak_queries.newest(limit=min(max(limit, 1), _MAX_LEAKS)),
        )
