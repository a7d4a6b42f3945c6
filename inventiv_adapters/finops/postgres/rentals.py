"""Rentals and the books of closed hours, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import msgspec

from inventiv_adapters.kernel.postgres import (
    Connection,
    count_rows,
    fetch_all,
    fetch_value,
)
from inventiv_core.catalog.entities import InstanceTypeId, Price, ProviderId, ZoneId
from inventiv_core.finops.entities.books import Adjustment, AdjustmentReason
from inventiv_core.finops.entities.rentals import EurSeconds, Rental
from inventiv_core.finops.ports.costs import CostBooks, RentalRepository
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import Eur

_BEGIN = """
    INSERT INTO rentals
        (id, organization_id, instance_id, provider_id, zone_id, instance_type_id, machine_id,
         started_at, ended_at, volumes_per_hour)
    VALUES
        (%(id)s, %(organization_id)s, %(instance_id)s, %(provider_id)s, %(zone_id)s,
         %(instance_type_id)s, %(machine_id)s, %(started_at)s, %(ended_at)s,
         %(volumes_per_hour)s)
    ON CONFLICT (provider_id, machine_id) DO NOTHING
"""

_END = """
    WITH ended AS (
        UPDATE rentals
        SET ended_at = GREATEST(%(at)s::timestamptz, started_at)
        WHERE instance_id = %(instance_id)s AND ended_at IS NULL
          AND (%(machine_id)s::text IS NULL OR machine_id = %(machine_id)s)
        RETURNING id, organization_id, instance_id, provider_id, zone_id, instance_type_id,
                  machine_id, started_at, volumes_per_hour
    )
    SELECT *, NULL::timestamptz AS ended_at FROM ended ORDER BY id
"""

_KEEP_OPEN = "SELECT until FROM closed_hours FOR SHARE"

_LOCK = """
    INSERT INTO closed_hours DEFAULT VALUES
    ON CONFLICT (only_one) DO UPDATE SET until = closed_hours.until
    RETURNING until
"""

_FIRST = "SELECT min(started_at) FROM rentals"

_PRICES = """
    SELECT instance_type_id, cost_per_hour, valid_from FROM instance_type_prices
    WHERE instance_type_id = %(id)s
    ORDER BY valid_from
"""

_VOLUME_PRICE = "SELECT volume_cost_per_gb_month FROM instance_types WHERE id = %(id)s"

_CLOSE_HOURS = """
    WITH rates AS (
        SELECT instance_type_id, COALESCE(cost_per_hour, 0) AS rate, valid_from,
               COALESCE(lead(valid_from) OVER (
                   PARTITION BY instance_type_id ORDER BY valid_from), 'infinity') AS valid_until
        FROM instance_type_prices
    )
    INSERT INTO cost_hours (organization_id, hour, provider_id, zone_id, instance_type_id, amount)
    SELECT r.organization_id, h.hour, r.provider_id, r.zone_id, r.instance_type_id,
           sum((p.rate + r.volumes_per_hour) * extract(epoch FROM
               LEAST(r.ended_at, p.valid_until, h.hour + interval '1 hour')
               - GREATEST(r.started_at, p.valid_from, h.hour)))
    FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 hour',
                         interval '1 hour') AS h (hour)
    JOIN rentals r ON r.started_at < h.hour + interval '1 hour'
                  AND COALESCE(r.ended_at, 'infinity'::timestamptz) > h.hour
    JOIN rates p ON p.instance_type_id = r.instance_type_id
    WHERE GREATEST(r.started_at, p.valid_from, h.hour)
        < LEAST(r.ended_at, p.valid_until, h.hour + interval '1 hour')
      AND p.rate + r.volumes_per_hour > 0
    GROUP BY r.organization_id, h.hour, r.provider_id, r.zone_id, r.instance_type_id
"""

_CLOSE_DAYS = """
    INSERT INTO cost_days (organization_id, day, provider_id, zone_id, instance_type_id, amount)
    SELECT organization_id, date_trunc('day', hour), provider_id, zone_id, instance_type_id,
           sum(amount)
    FROM cost_hours
    WHERE hour >= date_trunc('day', %(start)s::timestamptz)
      AND hour < date_trunc('day', %(end)s::timestamptz)
    GROUP BY 1, 2, 3, 4, 5
"""

_CLOSED = "UPDATE closed_hours SET until = %(end)s"

_BOOK_PRICES = """
    INSERT INTO booked_prices (instance_type_id, valid_from, cost_per_hour)
    SELECT instance_type_id, valid_from, cost_per_hour FROM instance_type_prices
    WHERE valid_from < %(until)s
    ON CONFLICT (instance_type_id, valid_from) DO UPDATE
    SET cost_per_hour = EXCLUDED.cost_per_hour
    WHERE booked_prices.cost_per_hour IS DISTINCT FROM EXCLUDED.cost_per_hour
"""

_LATE = """
    WITH late AS (
        SELECT p.instance_type_id, date_trunc('hour', min(p.valid_from)) AS since
        FROM instance_type_prices p
        LEFT JOIN booked_prices b USING (instance_type_id, valid_from)
        WHERE p.valid_from < %(until)s
          AND (b.valid_from IS NULL OR b.cost_per_hour IS DISTINCT FROM p.cost_per_hour)
        GROUP BY p.instance_type_id
    ), rates AS (
        SELECT p.instance_type_id, COALESCE(p.cost_per_hour, 0) AS rate, p.valid_from,
               COALESCE(lead(p.valid_from) OVER (
                   PARTITION BY p.instance_type_id ORDER BY p.valid_from), 'infinity')
                   AS valid_until
        FROM instance_type_prices p JOIN late USING (instance_type_id)
    ), due AS (
        SELECT r.organization_id, r.provider_id, r.zone_id, r.instance_type_id, h.hour,
               (p.rate + r.volumes_per_hour) * extract(epoch FROM
                   LEAST(r.ended_at, p.valid_until, h.hour + interval '1 hour')
                   - GREATEST(r.started_at, p.valid_from, h.hour)) AS amount
        FROM late
        JOIN rentals r USING (instance_type_id)
        JOIN rates p USING (instance_type_id)
        CROSS JOIN LATERAL generate_series(
            GREATEST(late.since, date_trunc('hour', r.started_at)),
            LEAST(r.ended_at, %(until)s) - interval '1 microsecond',
            interval '1 hour') AS h (hour)
        WHERE GREATEST(r.started_at, p.valid_from, h.hour)
            < LEAST(r.ended_at, p.valid_until, h.hour + interval '1 hour')
        UNION ALL
        SELECT c.organization_id, c.provider_id, c.zone_id, c.instance_type_id, c.hour, -c.amount
        FROM late JOIN cost_hours c USING (instance_type_id)
        WHERE c.hour >= late.since
        UNION ALL
        SELECT a.organization_id, a.provider_id, a.zone_id, a.instance_type_id, a.hour, -a.amount
        FROM late JOIN cost_adjustments a USING (instance_type_id)
        WHERE a.hour >= late.since
    )
    SELECT organization_id, provider_id, zone_id, instance_type_id, hour, sum(amount) AS amount
    FROM due
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(amount) <> 0
    ORDER BY 1, 2, 3, 4, 5
"""

_ADJUST = """
    INSERT INTO cost_adjustments
        (id, organization_id, provider_id, zone_id, instance_type_id, hour, amount, reason,
         instance_id, recorded_at)
    VALUES
        (%(id)s, %(organization_id)s, %(provider_id)s, %(zone_id)s, %(instance_type_id)s, %(hour)s,
         %(amount)s, %(reason)s, %(instance_id)s, %(recorded_at)s)
"""


class PostgresRentals(RentalRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, rental: Rental) -> bool:
        return await count_rows(self._connection, _BEGIN, **asdict(rental)) > 0

    async def end(
        self, instance_id: InstanceId, *, machine_id: str | None, at: datetime
    ) -> Sequence[Rental]:
        return await fetch_all(
            self._connection, Rental, _END, instance_id=instance_id, machine_id=machine_id, at=at
        )


class _Late(msgspec.Struct):
    organization_id: OrganizationId
    provider_id: ProviderId
    zone_id: ZoneId
    instance_type_id: InstanceTypeId
    hour: datetime
    amount: EurSeconds


class PostgresCostBooks(CostBooks):
    """The books. One row says until when they are closed, and is what is locked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def closed_until(self) -> datetime | None:
        until: datetime | None = await fetch_value(self._connection, _KEEP_OPEN)
        return until

    async def lock(self) -> datetime | None:
        until: datetime | None = await fetch_value(self._connection, _LOCK)
        return until

    async def first_rental_at(self) -> datetime | None:
        first: datetime | None = await fetch_value(self._connection, _FIRST)
        return first

    async def prices(self, id: InstanceTypeId) -> Sequence[Price]:
        return await fetch_all(self._connection, Price, _PRICES, id=id)

    async def volume_price(self, id: InstanceTypeId) -> Eur | None:
        price: Eur | None = await fetch_value(self._connection, _VOLUME_PRICE, id=id)
        return price

    async def close(self, start: datetime, end: datetime) -> None:
        values = {"start": start, "end": end}
        await self._connection.execute(_CLOSE_HOURS, values)
        await self._connection.execute(_CLOSE_DAYS, values)
        await self._connection.execute(_CLOSED, values)
        await self._connection.execute(_BOOK_PRICES, {"until": end})

    async def adjust(self, adjustments: Sequence[Adjustment]) -> None:
        async with self._connection.cursor() as cursor:
            await cursor.executemany(_ADJUST, [asdict(one) for one in adjustments])

    async def restate(self, *, until: datetime, at: datetime, new_id: NewId) -> int:
        late = await fetch_all(self._connection, _Late, _LATE, until=until)
        adjustments = [
            Adjustment(
                id=new_id(),
                organization_id=one.organization_id,
                provider_id=one.provider_id,
                zone_id=one.zone_id,
                instance_type_id=one.instance_type_id,
                hour=one.hour,
                amount=one.amount,
                reason=AdjustmentReason.PRICE_CHANGED,
                instance_id=None,
                recorded_at=at,
            )
            for one in late
        ]
        await self.adjust(adjustments)
        await self._connection.execute(_BOOK_PRICES, {"until": until})
        return len(adjustments)
