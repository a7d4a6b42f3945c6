"""What people can do with what was measured; and how it is stored, summed up and let go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.observability.entities import (
    MAX_LATENESS,
    MAX_WINDOW_S,
    MIN_WINDOW_S,
    ROLLED_UP,
    Kept,
    Level,
    MeasurementQueue,
    Resolution,
    resolution,
)
from inventiv_core.observability.errors import NoRequestsYet
from inventiv_core.observability.ports import (
    MeasurementWork,
    ObservabilityQueries,
    RuntimeModelWork,
)
from inventiv_core.observability.views import (
    RequestMetrics,
    RuntimeModelRow,
    Series,
    SeriesFilter,
)
from inventiv_core.settings.use_cases.effective import EffectiveSettings

MAX_SERIES: Final = 500
"""The most series in one answer."""

_SETTLE: Final = timedelta(seconds=2)
"""How long after its end a minute is summed up first: most of what belongs to it is there."""
_SUMS_AT_ONCE: Final = 500
_AHEAD: Final = 2
"""How many partitions there are beyond the present one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRequest:
    """What somebody wants to see."""

    window_s: int
    level: Level | None
    """How fine it should be; ``None`` for whatever suits the window."""
    instance_id: InstanceId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What was measured in a window of time that ends now."""

    window_s: int
    generated_at: datetime
    shown: Resolution
    series: Sequence[Series]


def _empty(request: ActivityRequest, kept: Kept, now: datetime) -> Activity:
    """Return what is to be shown, with nothing in it yet."""
    window_s = min(max(request.window_s, MIN_WINDOW_S), MAX_WINDOW_S)
    shown = resolution(timedelta(seconds=window_s), request.level, kept)
    return Activity(window_s=window_s, generated_at=now, shown=shown, series=())


def _where(request: ActivityRequest, activity: Activity) -> SeriesFilter:
    until = activity.generated_at
    return SeriesFilter(
        instance_id=request.instance_id,
        since=until - timedelta(seconds=activity.window_s),
        until=until,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowGpuActivity:
    """See what the GPUs of the actor's organization have been doing."""

    observability_queries: ObservabilityQueries
    samples_kept: Kept
    clock: Clock

    async def __call__(self, request: ActivityRequest, *, actor: Actor) -> Activity:
        """Return a series for each GPU. In the personal workspace there are none."""
        actor.must(Permission.VIEW_INSTANCES)
        activity = _empty(request, self.samples_kept, self.clock.now())
        if actor.organization_id is None:
            return activity
        series = await self.observability_queries.gpus(
            actor.organization_id, _where(request, activity), activity.shown, limit=MAX_SERIES
        )
        return replace(activity, series=series)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSystemActivity:
    """See what the machines of the actor's organization have been doing."""

    observability_queries: ObservabilityQueries
    samples_kept: Kept
    clock: Clock

    async def __call__(self, request: ActivityRequest, *, actor: Actor) -> Activity:
        """Return a series for each machine. In the personal workspace there are none."""
        actor.must(Permission.VIEW_INSTANCES)
        activity = _empty(request, self.samples_kept, self.clock.now())
        if actor.organization_id is None:
            return activity
        series = await self.observability_queries.systems(
            actor.organization_id, _where(request, activity), activity.shown, limit=MAX_SERIES
        )
        return replace(activity, series=series)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRuntimeModels:
    """List the models that the actor's organization has served."""

    observability_queries: ObservabilityQueries
    clock: Clock
    effective_settings: EffectiveSettings

    async def __call__(self, *, actor: Actor) -> Sequence[RuntimeModelRow]:
        """Return those with the most instances first. In the personal workspace there are none."""
        actor.must(Permission.VIEW_INSTANCES)
        if actor.organization_id is None:
            return ()
        return await self.observability_queries.runtime_models(
            actor.organization_id,
            now=self.clock.now(),
            stale_after=await self.effective_settings.stale_after(),
            limit=MAX_PAGE_ROWS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRequestMetrics:
    """See how many requests an instance has answered."""

    observability_queries: ObservabilityQueries

    async def __call__(self, instance_id: InstanceId, *, actor: Actor) -> RequestMetrics:
        """Return what was counted, or raise `NoRequestsYet`."""
        actor.must(Permission.VIEW_INSTANCES)
        counted = None
        if actor.organization_id is not None:
            counted = await self.observability_queries.requests(
                instance_id, owner=actor.organization_id
            )
        if counted is None:
            raise NoRequestsYet(instance_id=instance_id)
        return counted


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFleet:
    """Count the instances of the whole platform by status."""

    observability_queries: ObservabilityQueries

    async def __call__(self, *, actor: Actor) -> Mapping[InstanceStatus, int]:
        """Return how many there are; every status is named."""
        actor.must(Permission.OPERATE)
        counted = await self.observability_queries.fleet()
        return {status: counted.get(status, 0) for status in InstanceStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushMeasurements:
    """Store what was measured since the last time."""

    unit_of_work: UnitOfWork[MeasurementWork]
    measurement_queue: MeasurementQueue
    clock: Clock

    async def __call__(self, *, actor: Actor) -> int:
        """Store what waits; return how many rows it was. What cannot be stored waits on.

        What has waited for too long is given up, and so is what alone cannot be stored.
        """
        actor.must(Permission.OPERATE)
        queue, stored = self.measurement_queue, 0
        while taken := queue.take(queue.pace.limit):
            now = self.clock.now()
            fresh = [measured for measured in taken if now - measured.at <= MAX_LATENESS]
            queue.give_up([measured for measured in taken if now - measured.at > MAX_LATENESS])
            try:
                async with self.unit_of_work() as work:
                    await work.measurements.add(fresh, at=now)
            except Exception:
                if queue.pace.failed():
                    queue.give_up(fresh)
                else:
                    queue.put_back(fresh)
                raise
            except BaseException:
                queue.put_back(fresh)
                raise
            queue.pace.succeeded()
            stored += sum(measured.size for measured in fresh)
            if len(queue) < queue.pace.limit:
                break  # a few have come meanwhile, and will be more next time
        return stored


@dataclass(frozen=True, slots=True, kw_only=True)
class RollUpMeasurements:
    """Sum up what has changed: minutes, then hours, then days.

    A row is computed anew as a whole from the finer ones, so it does not matter how often,
    in which order, or after which crash. What changes later is marked and computed again.
    """

    unit_of_work: UnitOfWork[MeasurementWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many beginnings were summed up."""
        actor.must(Permission.OPERATE)
        done = 0
        for level in ROLLED_UP:
            for _ in range(_SUMS_AT_ONCE):
                if not await self._one(level):
                    break
                done += 1
        return done

    async def _one(self, level: Level) -> bool:
        now = self.clock.now()
        async with self.unit_of_work() as work:
            begins = await work.measurements.take(
                level, over_by=now - _SETTLE, marked_by=now - level.patience
            )
            if begins is None:
                return False
            await work.measurements.sum_up(level, begins, at=now)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepMeasurements:
    """Have room for what will be measured, and let go of what is old."""

    unit_of_work: UnitOfWork[MeasurementWork]
    samples_kept: Kept
    clock: Clock

    async def __call__(self, *, actor: Actor) -> None:
        """Make partitions ahead of time, and drop those that nobody wants any more.

        Nothing is dropped that is still to be summed up.
        """
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        for level in Level:
            async with self.unit_of_work() as work:
                for number in range(1 + _AHEAD):
                    await work.measurements.make_room(level, at=now + number * level.span)
            async with self.unit_of_work() as work:
                before = now - self.samples_kept.of(level)
                if level.coarser is not None:
                    unsummed = await work.measurements.oldest_mark(level.coarser)
                    before = before if unsummed is None else min(before, unsummed)
                await work.measurements.drop(level, before=before)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRuntimeModels:
    """Remember which models are served."""

    unit_of_work: UnitOfWork[RuntimeModelWork]

    async def __call__(self, *, actor: Actor) -> None:
        """Remember them."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            await work.runtime_models.note_served()
