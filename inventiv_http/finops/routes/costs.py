"""``/finops``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery

from inventiv_core.finops.use_cases.costs import (
    GetCostSeries,
    GetCostSummary,
    GetSpent,
    ListActualCosts,
    ListAdjustments,
    ListCumulativeCosts,
    ListForecasts,
)
from inventiv_core.finops.use_cases.leaks import ListLeaks
from inventiv_core.finops.views.costs import MinuteFilter, minutes_of
from inventiv_core.identity.access import Actor, Permission
from inventiv_http.finops.schemas.costs import (
    ActualRow,
    AdjustmentBody,
    CostScope,
    CumulativeRow,
    CurrentCostBody,
    CurrentCostsBody,
    ForecastRow,
    LeaksBody,
    PointBody,
    SummaryBody,
    WindowBody,
)
from inventiv_http.kernel.auth import needs


def _of_platform(whose: FromQuery[CostScope] = CostScope.ORGANIZATION) -> bool:
    """Return whether a query asks for all organizations."""
    return whose is CostScope.PLATFORM


class MinuteCosts(Controller):
    """What things cost, minute by minute."""

    path = "/finops/cost"
    opt = needs(Permission.VIEW_COSTS)
    dependencies = {"of_platform": Provide(_of_platform, sync_to_thread=False)}  # noqa: RUF012
    tags = ["finops"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/current", summary="What is rented now costs, and what was ever spent")
    async def current(
        self,
        actor: NamedDependency[Actor],
        get_cost_summary: NamedDependency[GetCostSummary],
        of_platform: NamedDependency[bool],
    ) -> CurrentCostBody:
        summary = await get_cost_summary(instances=0, actor=actor, of_platform=of_platform)
        return CurrentCostBody.of(summary)

    @get("/forecast/minute", summary="What an hour cost in each minute, newest first")
    async def forecast(
        self,
        actor: NamedDependency[Actor],
        list_forecasts: NamedDependency[ListForecasts],
        of_platform: NamedDependency[bool],
        minutes: FromQuery[int] = 60,
        provider_id: FromQuery[UUID | None] = None,
    ) -> Sequence[ForecastRow]:
        where = MinuteFilter(provider_id=provider_id)
        rows = await list_forecasts(where, minutes=minutes, actor=actor, of_platform=of_platform)
        return [ForecastRow.of(row.minute, row.provider_id, row.amount) for row in rows]

    @get("/actual/minute", summary="What each minute has cost, newest first")
    async def actual(
        self,
        actor: NamedDependency[Actor],
        list_actual_costs: NamedDependency[ListActualCosts],
        of_platform: NamedDependency[bool],
        minutes: FromQuery[int] = 60,
        provider_id: FromQuery[UUID | None] = None,
        instance_id: FromQuery[UUID | None] = None,
    ) -> Sequence[ActualRow]:
        where = MinuteFilter(provider_id=provider_id, instance_id=instance_id)
        rows = await list_actual_costs(where, minutes=minutes, actor=actor, of_platform=of_platform)
        return [ActualRow.of(row) for row in rows]

    @get("/cumulative/minute", summary="What was ever spent by each minute, newest first")
    async def cumulative(
        self,
        actor: NamedDependency[Actor],
        list_cumulative_costs: NamedDependency[ListCumulativeCosts],
        of_platform: NamedDependency[bool],
        minutes: FromQuery[int] = 60,
        provider_id: FromQuery[UUID | None] = None,
        instance_id: FromQuery[UUID | None] = None,
    ) -> Sequence[CumulativeRow]:
        where = MinuteFilter(provider_id=provider_id, instance_id=instance_id)
        rows = await list_cumulative_costs(
            where, minutes=minutes, actor=actor, of_platform=of_platform
        )
        return [CumulativeRow.of(row) for row in rows]

    @get("/adjustments", summary="What closed hours were found to cost more or less, newest first")
    async def adjustments(
        self,
        actor: NamedDependency[Actor],
        list_adjustments: NamedDependency[ListAdjustments],
        of_platform: NamedDependency[bool],
        limit: FromQuery[int] = 100,
    ) -> Sequence[AdjustmentBody]:
        rows = await list_adjustments(limit=limit, actor=actor, of_platform=of_platform)
        return [AdjustmentBody.of(row) for row in rows]


class Leaks(Controller):
    """What is paid for and not wanted, of all organizations."""

    path = "/finops/leaks"
    opt = needs(Permission.VIEW_ALL_COSTS)
    tags = ["finops"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/", summary="What was paid for and not wanted, by provider and machine")
    async def leaks(
        self,
        actor: NamedDependency[Actor],
        list_leaks: NamedDependency[ListLeaks],
        limit: FromQuery[int] = 100,
    ) -> LeaksBody:
        return LeaksBody.of(await list_leaks(limit=limit, actor=actor))


class CostDashboards(Controller):
    """What things cost, at first sight."""

    path = "/finops/dashboard/costs"
    opt = needs(Permission.VIEW_COSTS)
    dependencies = {"of_platform": Provide(_of_platform, sync_to_thread=False)}  # noqa: RUF012
    tags = ["finops"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/current", summary="What the last minute has cost, and on what")
    async def current(
        self,
        actor: NamedDependency[Actor],
        get_spent: NamedDependency[GetSpent],
        of_platform: NamedDependency[bool],
        limit_instances: FromQuery[int] = 100,
    ) -> CurrentCostsBody:
        spent = await get_spent(
            minutes=1, instances=limit_instances, actor=actor, of_platform=of_platform
        )
        return CurrentCostsBody.of(spent)

    @get("/summary", summary="What is rented now costs, and what was spent lately")
    async def summary(
        self,
        actor: NamedDependency[Actor],
        get_cost_summary: NamedDependency[GetCostSummary],
        of_platform: NamedDependency[bool],
        limit_instances: FromQuery[int] = 100,
    ) -> SummaryBody:
        summary = await get_cost_summary(
            instances=max(limit_instances, 1), actor=actor, of_platform=of_platform
        )
        return SummaryBody.of(summary)

    @get("/window", summary="What the last minutes have cost, and on what")
    async def window(
        self,
        actor: NamedDependency[Actor],
        get_spent: NamedDependency[GetSpent],
        of_platform: NamedDependency[bool],
        window: FromQuery[str | None] = None,
        minutes: FromQuery[int] = 60,
        limit_instances: FromQuery[int] = 100,
    ) -> WindowBody:
        spent = await get_spent(
            minutes=minutes if window is None else minutes_of(window),
            instances=limit_instances,
            actor=actor,
            of_platform=of_platform,
        )
        return WindowBody.of(spent, window)

    @get("/series", summary="How spending went, oldest first")
    async def series(
        self,
        actor: NamedDependency[Actor],
        get_cost_series: NamedDependency[GetCostSeries],
        of_platform: NamedDependency[bool],
        window: FromQuery[str] = "hour",
        limit_points: FromQuery[int] = 180,
    ) -> Sequence[PointBody]:
        points = await get_cost_series(
            minutes=minutes_of(window), points=limit_points, actor=actor, of_platform=of_platform
        )
        return [PointBody.of(point) for point in points]
