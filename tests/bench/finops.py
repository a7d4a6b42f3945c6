"""What the dashboards of costs take: 10 000 instances over one year, on PostgreSQL.

    python -m tests.bench.finops [--instances 10000] [--alive 0.06] [--rounds 60]

Each call is timed from the use case to its answer, on one connection, with the books
closed up to the last hour. ``--alive`` is how much of the year an instance lives, on average.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from dependency_injector.providers import Object

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, PLATFORM
from inventiv_core.kernel.clock import Clock
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres as real
from tests.bench.machine import database_of_its_own
from tests.builders import ACME, NOON, Market, a_provider, an_actor, an_instance_type, given_teams

YEAR = timedelta(days=365)
TYPES = 10

_INSTANCES = """
    INSERT INTO instances
        (id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
         status_since, version, created_at, deleted_by_provider, is_archived)
    SELECT (lpad(to_hex(n), 32, '0'))::uuid, %(owner)s, %(provider)s, %(zone)s,
           (%(kinds)s::uuid[])[1 + n %% cardinality(%(kinds)s::uuid[])], %(model)s, 'ready',
           %(end)s, 1, %(end)s, false, false
    FROM generate_series(1, %(count)s) AS n
"""

_RENTALS = """
    INSERT INTO rentals
        (id, organization_id, instance_id, provider_id, zone_id, instance_type_id, machine_id,
         started_at, ended_at)
    SELECT i.id, i.organization_id, i.id, i.provider_id, i.zone_id, i.instance_type_id,
           i.id::text, r.started_at, CASE WHEN r.ended_at < %(end)s THEN r.ended_at END
    FROM instances i
    JOIN unnest(%(ids)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
         AS r (id, started_at, ended_at) USING (id)
"""


async def populate(adapters: Any, count: int, alive: float, clock: Clock) -> None:
    """Rent machines at random, at prices that change each month."""
    market, chance = Market(), random.Random(7)  # noqa: S311 - the same at each run
    kinds = [an_instance_type(market.provider, code=f"type-{n}") for n in range(TYPES)]
    await given_teams(adapters.unit_of_work(), *market.everything, a_provider(), *kinds)
    end, start = clock.now(), clock.now() - YEAR
    ids, starts, ends = [], [], []
    for number in range(1, count + 1):
        life = min(chance.expovariate(1 / alive), 1.0) if alive < 1 else 1.0
        begin = start + chance.random() * (1 - min(life, 0.999) / 2) * YEAR if alive < 1 else start
        ids.append(f"{number:032x}")
        starts.append(begin)
        ends.append(begin + life * YEAR if alive < 1 else end)
    async with adapters.pool().connection() as connection:
        await connection.execute(
            _INSTANCES,
            {
                "owner": ACME, "provider": market.provider.id, "zone": market.zone.id,
                "kinds": [kind.id for kind in kinds], "model": market.model.id, "end": end,
                "count": count,
            },
        )  # fmt: skip
        values = {"ids": ids, "starts": starts, "ends": ends, "end": end}
        await connection.execute(_RENTALS, values)
        await connection.execute(
            "INSERT INTO instance_type_prices SELECT id, %(start)s + n * interval '30 days', "
            "round((0.5 + n * 0.01)::numeric, 4) FROM instance_types, generate_series(0, 11) n "
            "ON CONFLICT DO NOTHING",
            {"start": start},
        )


async def timed(call: Callable[[], Awaitable[object]], rounds: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of a call, in milliseconds."""
    for _ in range(3):
        await call()
    took: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1_000)
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


async def measure(url: str, count: int, alive: float, rounds: int) -> None:
    """Print what each call takes."""
    clock = ManualClock(NOON + timedelta(minutes=37, seconds=12))
    adapters = PostgresAdapters(
        settings=Object(Settings(jwt_secret="x" * 40, database_url=url)), clock=Object(clock)
    )
    async with adapters.pool():
        await populate(adapters, count, alive, clock)
        application = Application(adapters=adapters)
        began = time.perf_counter()
        closed = await application.close_hours()(actor=PLATFORM)
        print(f"{closed} hours closed in {time.perf_counter() - began:.1f} s")
        async with adapters.pool().connection() as connection:
            await connection.execute("ANALYZE")
        await adapters.relay().close()
        actor = an_actor()
        admin = an_actor(None)
        everybody = type(admin)(
            user_id=admin.user_id, organization_id=None, permissions=GLOBAL_PERMISSIONS
        )
        summary, spent = application.get_cost_summary(), application.get_spent()
        series = application.get_cost_series()
        for whose, by in (("organization", actor), ("platform", everybody)):
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "summary": lambda by=by: summary(instances=20, actor=by),  # type: ignore[misc]
            }
            for name, minutes in (("day", 1_440), ("month", 43_200), ("year", 525_600)):
                calls[f"window {name}"] = lambda by=by, minutes=minutes: spent(
                    minutes=minutes, instances=20, actor=by
                )  # type: ignore[misc]
                calls[f"series {name}"] = lambda by=by, minutes=minutes: series(
                    minutes=minutes, points=220, actor=by
                )  # type: ignore[misc]
            for name, call in calls.items():
                median, high = await timed(call, rounds)
                print(f"{whose:13} {name:13} p50 {median:6.1f} ms   p99 {high:6.1f} ms")


def main() -> None:
    """Measure on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--alive", type=float, default=0.06)
    parser.add_argument("--rounds", type=int, default=60)
    asked = parser.parse_args()
    with database_of_its_own() as (_, url):
        asyncio.run(real.load_schema(url))
        asyncio.run(measure(url, asked.instances, asked.alive, asked.rounds))


if __name__ == "__main__":
    main()
