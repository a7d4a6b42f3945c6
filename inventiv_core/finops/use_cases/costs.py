"""Looking at what things cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from inventiv_core.finops.entities.rentals import ONE_MINUTE, floor
from inventiv_core.finops.ports.costs import CostQueries
from inventiv_core.finops.views.costs import (
    WINDOWS,
    AdjustmentRow,
    CostLevel,
    Costs,
    Mark,
    MinuteFilter,
    MinuteRow,
    Point,
    Span,
    Spent,
    Summary,
    bin_width,
    last_minutes,
)
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.kernel.clock import Clock

MAX_INSTANCES = 2_000
MAX_MINUTES = 44_640
MAX_WINDOW_MINUTES = 525_600
MIN_POINTS, MAX_POINTS = 30, 400
_MAX_ADJUSTMENTS = 500


def whose(actor: Actor, *, of_platform: bool) -> OrganizationId | None:
    """Return whose costs the actor is to see; ``None`` for those of all organizations.

    Those belong to the administrators of the platform, who see them when they ask for
    them, or when they are in no organization.
    """
    actor.must(Permission.VIEW_COSTS)
    if of_platform or actor.organization_id is None:
        actor.must(Permission.VIEW_ALL_COSTS)
        return None
    return actor.organization_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCostSummary:
    """See what is rented now costs, and what has been spent, lately and ever."""

    cost_queries: CostQueries
    clock: Clock

    async def __call__(self, *, instances: int, actor: Actor, of_platform: bool = False) -> Summary:
        """Return it, with the dearest ``instances``, within bounds."""
        owner = whose(actor, of_platform=of_platform)
        now = self.clock.now()
        end = floor(now, ONE_MINUTE)
        rows = await self.cost_queries.summary(
            owner,
            now=now,
            end=end,
            windows=tuple(WINDOWS.values()),
            instances=min(max(instances, 0), MAX_INSTANCES),
        )
        spent = {row.minutes: row.amount for row in rows if row.level is CostLevel.WINDOW}
        return Summary(
            at=end,
            latest_minute=end - ONE_MINUTE,
            allocation=Costs(rows=[row for row in rows if row.level is not CostLevel.WINDOW]),
            windows={name: spent[minutes] for name, minutes in WINDOWS.items()},
            cumulative=spent[None],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSpent:
    """See what was spent in the last minutes, and on what."""

    cost_queries: CostQueries
    clock: Clock

    async def __call__(
        self, *, minutes: int, instances: int, actor: Actor, of_platform: bool = False
    ) -> Spent:
        """Return it, with the dearest ``instances``, within bounds."""
        owner = whose(actor, of_platform=of_platform)
        span = last_minutes(min(max(minutes, 1), MAX_WINDOW_MINUTES), self.clock.now())
        costs = await self.cost_queries.spent(
            owner, span, instances=min(max(instances, 1), MAX_INSTANCES)
        )
        return Spent(span=span, costs=costs)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCostSeries:
    """See how spending went, point by point."""

    cost_queries: CostQueries
    clock: Clock

    async def __call__(
        self, *, minutes: int, points: int, actor: Actor, of_platform: bool = False
    ) -> Sequence[Point]:
        """Return the oldest first. At most ``points``, within bounds, show all of the span."""
        owner = whose(actor, of_platform=of_platform)
        span = last_minutes(min(max(minutes, 1), MAX_WINDOW_MINUTES), self.clock.now())
        most = min(max(points, MIN_POINTS), MAX_POINTS)
        return await self.cost_queries.series(owner, span, width=bin_width(span, most))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActualCosts:
    """See what each of the last minutes has cost, newest first."""

    cost_queries: CostQueries
    clock: Clock

    async def __call__(
        self, where: MinuteFilter, *, minutes: int, actor: Actor, of_platform: bool = False
    ) -> Sequence[MinuteRow]:
        """Return them. Of a provider or an instance, only those in which anything was rented."""
        owner = whose(actor, of_platform=of_platform)
        marks = await _marks(self, owner, where, minutes)
        rows = [
            where.row(before.at, after.spent - before.spent)
            for before, after in pairwise(marks)
            if after.is_begun and (where.is_everything or before.rented or after.rented)
        ]
        return rows[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCumulativeCosts:
    """See what had ever been spent by the end of each of the last minutes, newest first."""

    cost_queries: CostQueries
    clock: Clock

    async def __call__(
        self, where: MinuteFilter, *, minutes: int, actor: Actor, of_platform: bool = False
    ) -> Sequence[MinuteRow]:
        """Return them, since anything was rented. Nothing ever starts at zero again."""
        owner = whose(actor, of_platform=of_platform)
        marks = await _marks(self, owner, where, minutes)
        return [
            where.row(mark.at - ONE_MINUTE, mark.spent)
            for mark in reversed(marks[1:])
            if mark.is_begun
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListForecasts:
    """See what an hour cost in each of the last minutes, newest first."""

    cost_queries: CostQueries
    clock: Clock

    async def __call__(
        self, where: MinuteFilter, *, minutes: int, actor: Actor, of_platform: bool = False
    ) -> Sequence[MinuteRow]:
        """Return euros per hour: as of the end of each minute, and in the present one as of now."""
        owner = whose(actor, of_platform=of_platform)
        now = self.clock.now()
        last = floor(now, ONE_MINUTE)
        first = last - (_at_most(minutes) - 1) * ONE_MINUTE
        marks = await self.cost_queries.marks(owner, Span(start=first, end=now), where)
        by_time = {mark.at: mark for mark in marks}
        minutes_shown = [
            first + place * ONE_MINUTE for place in range((last - first) // ONE_MINUTE + 1)
        ]
        rows = [
            where.row(minute, mark.rate)
            for minute in minutes_shown
            if (mark := by_time[min(minute + ONE_MINUTE, now)]).is_begun
            and (where.is_everything or mark.rented)
        ]
        return rows[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAdjustments:
    """See what closed hours were found to have cost more, or less."""

    cost_queries: CostQueries

    async def __call__(
        self, *, limit: int, actor: Actor, of_platform: bool = False
    ) -> Sequence[AdjustmentRow]:
        """Return the newest first."""
        owner = whose(actor, of_platform=of_platform)
        return await self.cost_queries.adjustments(
            owner, limit=min(max(limit, 1), _MAX_ADJUSTMENTS)
        )


async def _marks(
    use_case: ListActualCosts | ListCumulativeCosts,
    owner: OrganizationId | None,
    where: MinuteFilter,
    minutes: int,
) -> Sequence[Mark]:
    """Return how things stood at the end of each of the last minutes, and before the first."""
    if not where.is_sound:
        return ()
    span = last_minutes(_at_most(minutes), use_case.clock.now())
    return await use_case.cost_queries.marks(owner, span, where)


def _at_most(minutes: int) -> int:
    return min(max(minutes, 1), MAX_MINUTES)
