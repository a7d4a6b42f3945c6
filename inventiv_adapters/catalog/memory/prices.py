"""Prices, in memory."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.catalog.entities import InstanceTypeId, Price, Prices
from inventiv_core.catalog.ports import PriceQueries
from inventiv_core.catalog.views import PriceRow


class MemoryPriceQueries(PriceQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def at(self, id: InstanceTypeId, instant: datetime) -> Price | None:
        begun = [price for price in self._of(id) if price.valid_from <= instant]
        return begun[-1] if begun else None

    async def between(
        self, start: datetime, end: datetime, *, id: InstanceTypeId | None = None
    ) -> Sequence[Price]:
        wanted = sorted(self._database.table(Prices)) if id is None else [id]
        return [
            price
            for one in wanted
            for price, until in _with_ends(self._of(InstanceTypeId(one)))
            if price.valid_from < end
            and (price.valid_from >= start or until is None or until > start)
        ]

    async def history(self, id: InstanceTypeId, *, limit: int) -> Sequence[PriceRow]:
        rows = [
            PriceRow(
                instance_type_id=price.instance_type_id,
                cost_per_hour=price.cost_per_hour,
                valid_from=price.valid_from,
                valid_until=until,
            )
            for price, until in _with_ends(self._of(id))
        ]
        return rows[::-1][:limit]

    def _of(self, id: InstanceTypeId) -> tuple[Price, ...]:
        return self._database.table(Prices).get(id, Prices()).known


def _with_ends(prices: Sequence[Price]) -> list[tuple[Price, datetime | None]]:
    """Return each price with the instant at which the next one began."""
    ended = [(price, after.valid_from) for price, after in pairwise(prices)]
    return [*ended, *((price, None) for price in prices[-1:])]
