"""What all that is said of costs must have in common, whoever says it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from inventiv_core.finops.entities.rentals import ONE_MINUTE, floor
from inventiv_core.finops.use_cases.costs import (
    MAX_INSTANCES,
    GetCostSeries,
    GetCostSummary,
    GetSpent,
    ListActualCosts,
    ListCumulativeCosts,
    ListForecasts,
)
from inventiv_core.finops.views.costs import WINDOWS, CostLevel, Costs, MinuteFilter, Span
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, Actor, OrganizationId
from inventiv_core.kernel.clock import Clock
from tests.builders import an_actor

EVERYTHING = MinuteFilter()
LEVELS = (CostLevel.PROVIDER, CostLevel.REGION, CostLevel.INSTANCE_TYPE, CostLevel.INSTANCE)


class Looking:
    """Somebody who looks at the costs of one organization, or of all, in every way there is."""

    def __init__(self, adapters: Any, clock: Clock, owner: OrganizationId | None) -> None:
        self.adapters, self.clock, self.owner = adapters, clock, owner
        root = Actor(user_id=an_actor().user_id, organization_id=None,
                     permissions=GLOBAL_PERMISSIONS)  # fmt: skip
        self.actor = root if owner is None else an_actor(organization=owner)
        self.common: Any = {"cost_queries": adapters.cost_queries(), "clock": clock}

    async def compare(
        self, *, minutes: int, points: int, cuts: Sequence[int]
    ) -> tuple[Decimal, Decimal]:
        """Return what was ever spent, and what is spent in an hour, which all agree on."""
        actor, end = self.actor, floor(self.clock.now(), ONE_MINUTE)
        summary = await GetCostSummary(**self.common)(instances=MAX_INSTANCES, actor=actor)
        _adds_up(summary.allocation)

        for name, length in {**WINDOWS, "asked": minutes}.items():
            spent = await GetSpent(**self.common)(
                minutes=length, instances=MAX_INSTANCES, actor=actor
            )
            _adds_up(spent.costs)
            assert spent.costs.total == summary.windows.get(name, spent.costs.total)
            series = await GetCostSeries(**self.common)(minutes=length, points=points, actor=actor)
            assert sum(point.amount for point in series) == spent.costs.total
            pieces = [await self._spent(lower, upper) for lower, upper in pairwise(
                sorted({end - length * ONE_MINUTE, end, *(
                    end - cut % length * ONE_MINUTE for cut in cuts)}))]  # fmt: skip
            assert sum(pieces) == spent.costs.total

        few = min(minutes, 90)
        actual = await ListActualCosts(**self.common)(EVERYTHING, minutes=few, actor=actor)
        assert sum(row.amount for row in actual) == await self._spent(end - few * ONE_MINUTE, end)
        ever = await ListCumulativeCosts(**self.common)(EVERYTHING, minutes=few, actor=actor)
        for newer, older in pairwise(ever):
            [minute] = [row.amount for row in actual if row.minute == newer.minute]
            assert newer.amount - older.amount == minute
        burning = await ListForecasts(**self.common)(EVERYTHING, minutes=1, actor=actor)
        if ever:  # else nothing was rented yet
            assert ever[0].amount == summary.cumulative
        if burning:
            assert burning[0].amount == summary.allocation.total
        else:
            assert summary.allocation.total == 0
        if self.owner is not None:
            await self._instances_agree(self.owner, summary.cumulative, end)
        return summary.cumulative, summary.allocation.total

    async def _spent(self, start: datetime, end: datetime) -> Decimal:
        costs = await self.adapters.cost_queries().spent(
            self.owner, Span(start=start, end=end), instances=MAX_INSTANCES
        )
        return Decimal(costs.total)

    async def _instances_agree(self, owner: OrganizationId, ever: Decimal, end: datetime) -> None:
        """The list of instances says the same as the dashboards."""
        rows = await self.adapters.instance_queries().list(
            owner, archived=False, limit=MAX_INSTANCES, now=end
        )
        assert sum((row.spent or Decimal(0)) for row in rows) == ever


def _adds_up(costs: Costs) -> None:
    for level in LEVELS:
        assert sum(row.amount for row in costs.at(level)) == costs.total, level
