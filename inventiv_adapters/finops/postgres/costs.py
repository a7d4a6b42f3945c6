"""What things cost, read from Postgres.

Closed hours and days come from the books; the rest, such as the last hour, is
arithmetic on rentals and prices. Both are exact, so their sum is, too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, TypeAlias, TypeVar

import msgspec
from psycopg.rows import dict_row

from inventiv_adapters.kernel.postgres import Pool
from inventiv_core.finops.entities.rentals import ONE_HOUR
from inventiv_core.finops.ports.costs import CostQueries
from inventiv_core.finops.views.costs import (
    ONE_DAY,
    AdjustmentRow,
    CostRow,
    Costs,
    Mark,
    MinuteFilter,
    Point,
    Span,
)
from inventiv_core.identity.access import OrganizationId

Row = TypeVar("Row")
_ByScope: TypeAlias = Mapping[str, LiteralString]

# What a type costs, from when until when.
_rates: LiteralString = """rates AS (
        SELECT instance_type_id, COALESCE(cost_per_hour, 0) AS rate, valid_from,
               COALESCE(lead(valid_from) OVER (
                   PARTITION BY instance_type_id ORDER BY valid_from), 'infinity') AS valid_until
        FROM instance_type_prices
    )"""

# Where a span from s to e is cut: from a to b the books have it, from d0 to d1 by whole days.
_cuts: LiteralString = """cuts AS (
        SELECT n, s, e, a, b, LEAST(d0, b) AS d0, GREATEST(d1, LEAST(d0, b)) AS d1
        FROM (
            SELECT n, s, e, a, b,
                   date_trunc('day', a + interval '1 day' - interval '1 microsecond') AS d0,
                   date_trunc('day', b) AS d1
            FROM (
                SELECT n, s, e, a,
                       GREATEST(a, LEAST(date_trunc('hour', e),
                           (SELECT COALESCE(until, '-infinity') FROM closed_hours))) AS b
                FROM (
                    SELECT n, s, e, date_trunc('hour',
                               s + interval '1 hour' - interval '1 microsecond') AS a
                    FROM spans
                ) AS begun
            ) AS ended
        ) AS whole
    )"""


def _booked(owned: LiteralString) -> LiteralString:
    """Return what the books say of each cut."""
    return f"""booked AS (
        SELECT t.n, c.day AS at, c.provider_id, c.zone_id, c.instance_type_id, c.amount
        FROM cuts t JOIN cost_days c ON c.day >= t.d0 AND c.day < t.d1
        WHERE {owned}
        UNION ALL
        SELECT t.n, c.hour, c.provider_id, c.zone_id, c.instance_type_id, c.amount
        FROM cuts t JOIN cost_hours c ON c.hour >= t.a AND c.hour < t.d0
        WHERE {owned}
        UNION ALL
        SELECT t.n, c.hour, c.provider_id, c.zone_id, c.instance_type_id, c.amount
        FROM cuts t JOIN cost_hours c ON c.hour >= t.d1 AND c.hour < t.b
        WHERE {owned}
        UNION ALL
        SELECT t.n, c.hour, c.provider_id, c.zone_id, c.instance_type_id, c.amount
        FROM cuts t JOIN cost_adjustments c ON c.hour >= t.a AND c.hour < t.b
        WHERE {owned}
    )"""


def _pieces(owned: LiteralString) -> LiteralString:
    """Return the parts of rentals that the books do not have, each with one rate.

    Spans that end alike have a part in common; it is looked at once. ``OFFSET 0`` has the
    index asked for each part: few rentals are in one, of however many there ever were.
    """
    return f"""gaps AS MATERIALIZED (
        SELECT s AS since, LEAST(a, e) AS until, n FROM cuts WHERE s < LEAST(a, e)
        UNION ALL
        SELECT b, e, n FROM cuts WHERE b < e
    ), pieces AS (
        SELECT t.since, t.until, r.provider_id, r.zone_id, r.instance_type_id,
               p.rate + r.volumes_per_hour AS rate,
               GREATEST(r.started_at, p.valid_from, t.since) AS lower,
               LEAST(r.ended_at, p.valid_until, t.until) AS upper
        FROM (SELECT DISTINCT since, until FROM gaps) AS t
        CROSS JOIN LATERAL (
            SELECT r.provider_id, r.zone_id, r.instance_type_id, r.volumes_per_hour,
                   r.started_at, r.ended_at
            FROM rentals r
            WHERE {owned} AND r.started_at < t.until
              AND COALESCE(r.ended_at, 'infinity'::timestamptz) > t.since
            OFFSET 0
        ) AS r
        JOIN rates p USING (instance_type_id)
        WHERE GREATEST(r.started_at, p.valid_from, t.since)
            < LEAST(r.ended_at, p.valid_until, t.until)
    )"""


# Amounts by part and by instance, summed up at every level, with names.
_levels: LiteralString = """
    SELECT level, amount, minutes, provider_id, provider_code, provider_name, region_id,
           region_code, region_name, zone_name, instance_type_id, instance_type_code,
           instance_type_name, instance_id
    FROM (
        SELECT 'total' AS level, COALESCE(sum(amount), 0) AS amount, NULL::integer AS minutes,
               NULL::uuid AS provider_id, NULL AS provider_code, NULL AS provider_name,
               NULL::uuid AS region_id, NULL AS region_code, NULL AS region_name,
               NULL AS zone_name, NULL::uuid AS instance_type_id, NULL AS instance_type_code,
               NULL AS instance_type_name, NULL::uuid AS instance_id,
               NULL::timestamptz AS created_at, 0 AS place
        FROM by_part
        UNION ALL
        SELECT 'provider', sum(c.amount), NULL, p.id, p.code, p.name, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, 1
        FROM by_part c JOIN providers p ON p.id = c.provider_id
        GROUP BY p.id
        UNION ALL
        SELECT 'region', sum(c.amount), NULL, p.id, p.code, p.name, r.id, r.code, r.name, NULL,
               NULL, NULL, NULL, NULL, NULL, 2
        FROM by_part c
        JOIN providers p ON p.id = c.provider_id
        JOIN zones z ON z.id = c.zone_id
        JOIN regions r ON r.id = z.region_id
        GROUP BY p.id, r.id
        UNION ALL
        SELECT 'instance_type', sum(c.amount), NULL, p.id, p.code, p.name, NULL, NULL, NULL, NULL,
               t.id, t.code, t.name, NULL, NULL, 3
        FROM by_part c
        JOIN providers p ON p.id = c.provider_id
        JOIN instance_types t ON t.id = c.instance_type_id
        GROUP BY p.id, t.id
        UNION ALL
        SELECT 'instance', c.amount, NULL, p.id, p.code, p.name, NULL, NULL, r.name, z.name,
               NULL, NULL, t.name, i.id, i.created_at, 4
        FROM dearest c
        JOIN instances i ON i.id = c.instance_id
        JOIN providers p ON p.id = i.provider_id
        JOIN zones z ON z.id = i.zone_id
        JOIN regions r ON r.id = z.region_id
        JOIN instance_types t ON t.id = i.instance_type_id
    ) AS levels
    ORDER BY place, amount DESC, created_at DESC, provider_id, region_id, instance_type_id,
             instance_id
"""

# Those that may be among the dearest are few: only of those is it asked how new they are.
_dearest: LiteralString = """dearest AS (
        SELECT c.instance_id, c.amount
        FROM by_instance c
        JOIN instances i ON i.id = c.instance_id
        WHERE c.amount >= (SELECT min(amount) FROM (
            SELECT amount FROM by_instance ORDER BY amount DESC LIMIT %(instances)s) AS first)
        ORDER BY c.amount DESC, i.created_at DESC, c.instance_id
        LIMIT %(instances)s
    )"""


def _summary(owned: LiteralString, booked: LiteralString) -> LiteralString:
    return f"""
    WITH {_rates}, now_rented AS MATERIALIZED (
        SELECT r.instance_id, r.provider_id, r.zone_id, r.instance_type_id,
               COALESCE(p.rate + r.volumes_per_hour, 0) AS amount
        FROM rentals r
        LEFT JOIN rates p ON p.instance_type_id = r.instance_type_id
                         AND p.valid_from <= %(now)s AND p.valid_until > %(now)s
        WHERE {owned} AND r.started_at <= %(now)s
          AND COALESCE(r.ended_at, 'infinity'::timestamptz) > %(now)s
    ), by_part AS (
        SELECT provider_id, zone_id, instance_type_id, sum(amount) AS amount
        FROM now_rented GROUP BY 1, 2, 3
    ), by_instance AS (
        SELECT instance_id, sum(amount) AS amount FROM now_rented GROUP BY 1
    ), {_dearest}, spans AS (
        SELECT w.minutes AS n, %(end)s::timestamptz - w.minutes * interval '1 minute' AS s,
               %(end)s::timestamptz AS e
        FROM unnest(%(windows)s::integer[]) AS w (minutes)
        UNION ALL
        SELECT NULL, 'epoch'::timestamptz, %(end)s
    ), {_cuts}, {_booked(booked)}, {_pieces(owned)}, spent AS (
        SELECT n, sum(amount) AS amount
        FROM (
            SELECT n, amount FROM booked
            UNION ALL
            SELECT gaps.n, by_gap.amount
            FROM gaps
            JOIN (
                SELECT since, until, sum(rate * extract(epoch FROM upper - lower)) AS amount
                FROM pieces GROUP BY 1, 2
            ) AS by_gap USING (since, until)
        ) AS parts
        GROUP BY n
    )
    ({_levels})
    UNION ALL
    SELECT 'window', COALESCE(spent.amount, 0), spans.n, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL
    FROM spans LEFT JOIN spent ON spent.n IS NOT DISTINCT FROM spans.n
    """


# The least and the most that each type has cost in an hour of the span, once it had a price, and
# hence each instance: only those that may be among the dearest are counted exactly.
_bounded: LiteralString = """bounds AS MATERIALIZED (
        SELECT instance_type_id, min(valid_from) AS since, min(rate)::float8 AS least,
               max(rate)::float8 AS most
        FROM rates
        WHERE valid_from < %(end)s AND valid_until > %(start)s
        GROUP BY 1
    ), estimates AS MATERIALIZED (
        SELECT r.instance_id,
               sum(GREATEST(date_part('epoch', r.upper - GREATEST(r.lower, b.since)), 0)
                   * COALESCE(b.least + r.volumes, 0)) AS least,
               sum(date_part('epoch', r.upper - r.lower)
                   * COALESCE(b.most + r.volumes, 0)) AS most
        FROM rented r LEFT JOIN bounds b USING (instance_type_id)
        GROUP BY 1
    ), candidates AS MATERIALIZED (
        SELECT instance_id FROM estimates
        WHERE most * 1.000000001 >= (SELECT min(least) FROM (
            SELECT least FROM estimates ORDER BY least DESC LIMIT %(instances)s) AS first)
    )"""


def _spent(owned: LiteralString, booked: LiteralString) -> LiteralString:
    return f"""
    WITH {_rates}, spans AS (
        SELECT 1 AS n, %(start)s::timestamptz AS s, %(end)s::timestamptz AS e
    ), {_cuts}, {_booked(booked)}, {_pieces(owned)}, rented AS MATERIALIZED (
        SELECT r.instance_id, r.provider_id, r.zone_id, r.instance_type_id,
               r.volumes_per_hour, r.volumes_per_hour::float8 AS volumes,
               GREATEST(r.started_at, %(start)s) AS lower, LEAST(r.ended_at, %(end)s) AS upper
        FROM rentals r
        WHERE {owned} AND r.started_at < %(end)s
          AND COALESCE(r.ended_at, 'infinity'::timestamptz) > %(start)s
    ), {_bounded}, by_part AS (
        SELECT provider_id, zone_id, instance_type_id, sum(amount) AS amount
        FROM (
            SELECT provider_id, zone_id, instance_type_id, amount FROM booked
            UNION ALL
            SELECT provider_id, zone_id, instance_type_id, rate * extract(epoch FROM upper - lower)
            FROM pieces
            UNION ALL
            SELECT DISTINCT r.provider_id, r.zone_id, r.instance_type_id, 0
            FROM rented r LEFT JOIN bounds b USING (instance_type_id)
            WHERE b.least IS NULL OR b.least = 0 OR GREATEST(r.lower, b.since) >= r.upper
        ) AS parts
        GROUP BY 1, 2, 3
    ), by_instance AS (
        SELECT r.instance_id, COALESCE(sum((p.rate + r.volumes_per_hour) * extract(epoch FROM
                   LEAST(r.upper, p.valid_until) - GREATEST(r.lower, p.valid_from))), 0) AS amount
        FROM candidates c
        JOIN rented r USING (instance_id)
        LEFT JOIN rates p ON p.instance_type_id = r.instance_type_id
                         AND p.valid_from < r.upper AND p.valid_until > r.lower
        GROUP BY 1
    ), {_dearest}
    {_levels}
    """


def _series(owned: LiteralString, booked: LiteralString) -> LiteralString:
    return f"""
    WITH {_rates}, spans AS (
        SELECT 1 AS n, %(start)s::timestamptz AS s, %(end)s::timestamptz AS e
    ), hourly AS (
        SELECT h.n, h.s, h.e,
               CASE WHEN %(is_booked)s THEN h.a ELSE h.s END AS a,
               CASE WHEN %(is_booked)s THEN h.b ELSE h.s END AS b,
               h.d0, h.d1
        FROM (WITH {_cuts} SELECT * FROM cuts) AS h
    ), cuts AS (
        SELECT n, s, e, a, b,
               CASE WHEN %(is_daily)s THEN d0 ELSE b END AS d0,
               CASE WHEN %(is_daily)s THEN d1 ELSE b END AS d1
        FROM hourly
    ), {_booked(booked)}, {_pieces(owned)}, flat AS (
        SELECT lower, upper, sum(rate) AS rate FROM pieces GROUP BY 1, 2
    ), points AS (
        SELECT at FROM generate_series(
            date_bin(%(width)s, %(start)s, 'epoch'::timestamptz),
            %(end)s::timestamptz - interval '1 microsecond', %(width)s) AS at
    ), amounts AS (
        SELECT date_bin(%(width)s, at, 'epoch'::timestamptz) AS at, sum(amount) AS amount
        FROM booked GROUP BY 1
        UNION ALL
        SELECT points.at, sum(flat.rate * extract(epoch FROM
                   LEAST(flat.upper, points.at + %(width)s) - GREATEST(flat.lower, points.at)))
        FROM points
        JOIN flat ON flat.lower < points.at + %(width)s AND flat.upper > points.at
        GROUP BY 1
    )
    SELECT points.at, COALESCE(sum(amounts.amount), 0) AS amount
    FROM points LEFT JOIN amounts USING (at)
    GROUP BY points.at
    ORDER BY points.at
    """


def _marks(owned: LiteralString) -> LiteralString:
    return f"""
    WITH {_rates}, rented AS (
        SELECT r.instance_type_id, r.volumes_per_hour, r.started_at,
               COALESCE(r.ended_at, 'infinity'::timestamptz) AS ended_at
        FROM rentals r
        WHERE {owned} AND r.started_at <= %(end)s
          AND (%(provider_id)s::uuid IS NULL OR r.provider_id = %(provider_id)s)
          AND (%(instance_id)s::uuid IS NULL OR r.instance_id = %(instance_id)s)
    ), pieces AS (
        SELECT p.rate + r.volumes_per_hour AS rate, GREATEST(r.started_at, p.valid_from) AS lower,
               LEAST(r.ended_at, p.valid_until) AS upper
        FROM rented r JOIN rates p USING (instance_type_id)
        WHERE GREATEST(r.started_at, p.valid_from) < LEAST(r.ended_at, p.valid_until)
    ), turns AS (
        SELECT lower AS at, rate, 0 AS rented, 0 AS begun FROM pieces
        UNION ALL
        SELECT upper, -rate, 0, 0 FROM pieces
        UNION ALL
        SELECT started_at, 0, CASE WHEN started_at < ended_at THEN 1 ELSE 0 END, 1 FROM rented
        UNION ALL
        SELECT ended_at, 0, -1, 0 FROM rented WHERE started_at < ended_at
    ), instants AS (
        SELECT at FROM generate_series(
            %(start)s::timestamptz, %(end)s::timestamptz, interval '1 minute') AS at
        UNION
        SELECT %(end)s
    ), merged AS (
        SELECT at, sum(rate) AS rate, sum(rate * extract(epoch FROM at)) AS moment,
               sum(rented) AS rented, sum(begun) AS begun, false AS is_instant
        FROM turns WHERE at <= %(end)s GROUP BY at
        UNION ALL
        SELECT at, 0, 0, 0, 0, true FROM instants
    ), running AS (
        SELECT at, is_instant, sum(rate) OVER upto AS rate, sum(moment) OVER upto AS moment,
               sum(rented) OVER upto AS rented, sum(begun) OVER upto AS begun
        FROM merged
        WINDOW upto AS (ORDER BY at)
    )
    SELECT at, rate * extract(epoch FROM at) - moment AS spent, rate,
           rented::integer AS rented, begun > 0 AS is_begun
    FROM running
    WHERE is_instant
    ORDER BY at
    """


def _adjustments(owned: LiteralString) -> LiteralString:
    return f"""
    SELECT c.id, c.organization_id, c.provider_id, c.zone_id, c.instance_type_id, c.instance_id,
           c.hour, c.amount, c.reason, c.recorded_at
    FROM cost_adjustments c
    WHERE {owned}
    ORDER BY c.recorded_at DESC, c.id DESC
    LIMIT %(limit)s
    """


_my_rentals: LiteralString = "r.organization_id = %(owner)s"
_my_books: LiteralString = "c.organization_id = %(owner)s"
_everybodys: LiteralString = "true"

# One for each kind of scope: an index helps only with a condition that is surely there.
_SUMMARY: _ByScope = {
    "own": _summary(_my_rentals, _my_books),
    "all": _summary(_everybodys, _everybodys),
}
_SPENT: _ByScope = {"own": _spent(_my_rentals, _my_books), "all": _spent(_everybodys, _everybodys)}
_SERIES: _ByScope = {
    "own": _series(_my_rentals, _my_books),
    "all": _series(_everybodys, _everybodys),
}
_MARKS: _ByScope = {"own": _marks(_my_rentals), "all": _marks(_everybodys)}
_ADJUSTMENTS: _ByScope = {"own": _adjustments(_my_books), "all": _adjustments(_everybodys)}


class PostgresCostQueries(CostQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def summary(
        self,
        owner: OrganizationId | None,
        *,
        now: datetime,
        end: datetime,
        windows: Sequence[int],
        instances: int,
    ) -> Sequence[CostRow]:
        values = {"now": now, "end": end, "windows": list(windows), "instances": instances}
        return await self._fetch(CostRow, _SUMMARY, owner, values)

    async def spent(self, owner: OrganizationId | None, span: Span, *, instances: int) -> Costs:
        values = {"start": span.start, "end": span.end, "instances": instances}
        return Costs(rows=await self._fetch(CostRow, _SPENT, owner, values))

    async def series(
        self, owner: OrganizationId | None, span: Span, *, width: timedelta
    ) -> Sequence[Point]:
        values = {
            "start": span.start,
            "end": span.end,
            "width": width,
            "is_booked": width % ONE_HOUR == timedelta(0),
            "is_daily": width % ONE_DAY == timedelta(0),
        }
        return await self._fetch(Point, _SERIES, owner, values)

    async def marks(
        self, owner: OrganizationId | None, span: Span, where: MinuteFilter
    ) -> Sequence[Mark]:
        values = {
            "start": span.start,
            "end": span.end,
            "provider_id": where.provider_id,
            "instance_id": where.instance_id,
        }
        return await self._fetch(Mark, _MARKS, owner, values)

    async def adjustments(
        self, owner: OrganizationId | None, *, limit: int
    ) -> Sequence[AdjustmentRow]:
        return await self._fetch(AdjustmentRow, _ADJUSTMENTS, owner, {"limit": limit})

    async def _fetch(
        self,
        row: type[Row],
        statements: _ByScope,
        owner: OrganizationId | None,
        values: dict[str, Any],
    ) -> list[Row]:
        """Run the statement for that scope; it is planned each time, with its values."""
        statement = statements["all" if owner is None else "own"]
        async with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=dict_row, binary=True) as cursor,
        ):
            await cursor.execute(statement, {**values, "owner": owner}, prepare=False)
            return [msgspec.convert(columns, row) for columns in await cursor.fetchall()]
