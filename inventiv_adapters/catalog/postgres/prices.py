"""Prices, in Postgres."""

from collections.abc import Sequence
from datetime import datetime

from inventiv_adapters.kernel.postgres import Pool, fetch_all, fetch_one
from inventiv_core.catalog.entities import InstanceTypeId, Price
from inventiv_core.catalog.ports import PriceQueries
from inventiv_core.catalog.views import PriceRow

_AT = """
    SELECT instance_type_id, cost_per_hour, valid_from
    FROM instance_type_prices
    WHERE instance_type_id = %(id)s AND valid_from <= %(instant)s
    ORDER BY valid_from DESC
    LIMIT 1
"""

_BETWEEN = """
    SELECT p.instance_type_id, p.cost_per_hour, p.valid_from
    FROM instance_type_prices p
    WHERE p.valid_from < %(end)s
      AND (%(id)s::uuid IS NULL OR p.instance_type_id = %(id)s)
      AND (p.valid_from >= %(start)s OR NOT EXISTS (
            SELECT FROM instance_type_prices next
            WHERE next.instance_type_id = p.instance_type_id
              AND next.valid_from > p.valid_from AND next.valid_from <= %(start)s))
    ORDER BY p.instance_type_id, p.valid_from
"""

_HISTORY = """
    SELECT instance_type_id, cost_per_hour, valid_from,
           lag(valid_from) OVER (ORDER BY valid_from DESC) AS valid_until
    FROM instance_type_prices
    WHERE instance_type_id = %(id)s
    ORDER BY valid_from DESC
    LIMIT %(limit)s
"""


class PostgresPriceQueries(PriceQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def at(self, id: InstanceTypeId, instant: datetime) -> Price | None:
        async with self._pool.connection() as connection:
            return await fetch_one(connection, Price, _AT, id=id, instant=instant)

    async def between(
        self, start: datetime, end: datetime, *, id: InstanceTypeId | None = None
    ) -> Sequence[Price]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Price, _BETWEEN, start=start, end=end, id=id)

    async def history(self, id: InstanceTypeId, *, limit: int) -> Sequence[PriceRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, PriceRow, _HISTORY, id=id, limit=limit)
