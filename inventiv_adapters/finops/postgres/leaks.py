"""What costs money and nobody wants, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from inventiv_adapters.kernel.postgres import Connection, Pool, fetch_all
from inventiv_core.finops.entities.leaks import Leak, Rates
from inventiv_core.finops.ports.leaks import LeakQueries, LeakRepository
from inventiv_core.finops.views.leaks import LeakTotal

_RATES = """
    SELECT max(t.cost_per_hour) FILTER (WHERE t.code = %(instance_type)s) AS cost_per_hour,
           CASE WHEN bool_or(t.code = %(instance_type)s)
                THEN max(t.volume_cost_per_gb_month) FILTER (WHERE t.code = %(instance_type)s)
                ELSE max(t.volume_cost_per_gb_month)
           END AS volume_cost_per_gb_month
    FROM providers p
    JOIN instance_types t ON t.provider_id = p.id
    WHERE p.code = %(provider_code)s
"""

_BEGIN = """
    INSERT INTO leaks
        (id, provider_code, machine_id, zone, instance_type, organization_id, instance_id,
         reason, since, until, cost_per_hour, volumes_per_hour)
    VALUES
        (%(id)s, %(provider_code)s, %(machine_id)s, %(zone)s, %(instance_type)s,
         %(organization_id)s, %(instance_id)s, %(reason)s, %(since)s, %(until)s,
         %(cost_per_hour)s, %(volumes_per_hour)s)
    ON CONFLICT (provider_code, machine_id) DO UPDATE SET until = NULL
    RETURNING id, provider_code, machine_id, zone, instance_type, organization_id, instance_id,
              reason, since, until, cost_per_hour, volumes_per_hour
"""

_END = """
    UPDATE leaks SET until = GREATEST(%(at)s::timestamptz, since)
    WHERE instance_id = %(instance_id)s AND until IS NULL
      AND (%(machine_id)s::text IS NULL OR machine_id = %(machine_id)s)
"""

_END_UNSEEN = """
    UPDATE leaks SET until = GREATEST(%(at)s::timestamptz, since)
    WHERE provider_code = %(provider_code)s AND since < %(listed_at)s AND until IS NULL
      AND machine_id <> ALL(%(seen)s::text[])
"""

_TOTALS = """
    SELECT provider_code,
           sum((COALESCE(cost_per_hour, 0) + volumes_per_hour)
               * GREATEST(extract(epoch FROM COALESCE(until, %(at)s) - since), 0)) / 3600 AS eur,
           count(*) FILTER (WHERE until IS NULL) AS open,
           COALESCE(sum(COALESCE(cost_per_hour, 0) + volumes_per_hour)
                    FILTER (WHERE until IS NULL), 0) AS eur_per_hour
    FROM leaks
    GROUP BY provider_code
    ORDER BY provider_code COLLATE "C"
"""

_NEWEST = """
    SELECT id, provider_code, machine_id, zone, instance_type, organization_id, instance_id,
           reason, since, until, cost_per_hour, volumes_per_hour
    FROM leaks
    ORDER BY until IS NULL DESC, since DESC, id DESC
    LIMIT %(limit)s
"""


class PostgresLeaks(LeakRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rates(self, provider_code: str, instance_type: str) -> Rates:
        [rates] = await fetch_all(
            self._connection,
            Rates,
            _RATES,
            provider_code=provider_code,
            instance_type=instance_type,
        )
        return rates

    async def begin(self, leak: Leak) -> Leak:
        [stored] = await fetch_all(self._connection, Leak, _BEGIN, **asdict(leak))
        return stored

    async def end(self, instance_id: UUID, *, machine_id: str | None, at: datetime) -> None:
        values = {"instance_id": instance_id, "machine_id": machine_id, "at": at}
        await self._connection.execute(_END, values)

    async def end_unseen(
        self, provider_code: str, seen: Sequence[str], *, listed_at: datetime, at: datetime
    ) -> None:
        values = {
            "provider_code": provider_code, "seen": list(seen), "listed_at": listed_at, "at": at,
        }  # fmt: skip
        await self._connection.execute(_END_UNSEEN, values)


class PostgresLeakQueries(LeakQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def totals(self, *, at: datetime) -> Sequence[LeakTotal]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, LeakTotal, _TOTALS, at=at)

    async def newest(self, *, limit: int) -> Sequence[Leak]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Leak, _NEWEST, limit=limit)
