"""Prices, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.catalog.entities import InstanceType, InstanceTypeId, Price
from inventiv_core.catalog.ports import PriceQueries
from inventiv_core.catalog.views import PriceRow


@dataclass(frozen=True, slots=True)
class Prices:
    """All the prices of one type, oldest first."""

    known: tuple[Price, ...] = ()

    def then(self, kind: InstanceType, at: datetime) -> "Prices":
        """Return these with the price of ``kind``, if it is another one than the last."""
        if not self.known:
            return Prices((_price(kind, at),))
        last = self.known[-1]
        if last.cost_per_hour == kind.cost_per_hour:
            return self
        if at > last.valid_from:
            return Prices((*self.known, _price(kind, at)))
        return Prices((*self.known[:-1], _price(kind, last.valid_from)))


def _price(kind: InstanceType, at: datetime) -> Price:
    return Price(instance_type_id=kind.id, cost_per_hour=kind.cost_per_hour, valid_from=at)


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
