"""How fast a large fleet is looked at: `python -m tests.bench.fleet --instances 1000000`.

Rows are made inside PostgreSQL, for one organization: the worst case, for nothing is left out by
tenancy. Figures are milliseconds of whole queries, as the application asks them, without counts.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from dependency_injector.providers import Object

from inventiv_core.action_logs.views import ActionLogFilter
from inventiv_core.identity.access import Actor
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.instances.views import InstanceFilter
from inventiv_core.kernel.pagination import PageRequest
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres as real
from tests.bench.machine import database_of_its_own
from tests.builders import ACME, Market, an_actor, given_teams

PAGE = 100
BUILD_S = 3600
"""How long it may take to make rows by the million."""
NINETY_NINTH = 98

INSTANCES = """
    INSERT INTO instances
        (id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
         status_since, version, created_at, deleted_by_provider, is_archived)
    SELECT lpad(to_hex(n), 32, '0')::uuid, %(owner)s, %(provider)s, %(zone)s, %(kind)s, %(model)s,
           CASE WHEN n %% 1000 = 0 THEN 'ready' ELSE 'terminated' END, at, 1, at, false, false
    FROM generate_series(1, %(rows)s) AS n,
         LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 second') AS t(at)
"""

ACTIONS = """
    INSERT INTO action_logs
        (id, action_type, component, status, organization_id, instance_id, metadata, created_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'HEALTH_CHECK', 'orchestrator', 'success', %(owner)s,
           lpad(to_hex(1 + n %% %(instances)s), 32, '0')::uuid, '{}',
           timestamptz '2026-01-01' + n * interval '100 milliseconds'
    FROM generate_series(1, %(rows)s) AS n
"""

Ask = Callable[[], Awaitable[Any]]


async def build(adapters: PostgresAdapters, instances: int, actions: int) -> None:
    """Fill the database."""
    market = Market()
    await given_teams(adapters.unit_of_work(), *market.everything)
    ids = {
        "owner": ACME,
        "provider": market.provider.id,
        "zone": market.zone.id,
        "kind": market.kind.id,
        "model": market.model.id,
    }
    async with adapters.pool().connection() as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute(INSTANCES, {**ids, "rows": instances})
        values = {"owner": ACME, "rows": actions, "instances": instances}
        await connection.execute(ACTIONS, values)
        for table in ("instances", "action_logs"):
            await connection.execute(b"VACUUM ANALYZE " + table.encode())


async def questions(
    application: Application, actor: Actor, instances: int, actions: int
) -> dict[str, Ask]:
    """Return what is asked, by name."""
    find, look = application.search_instances(), application.search_action_logs()
    middle = InstanceId(UUID(int=instances // 2))

    async def fleet(page: PageRequest, status: InstanceStatus | None = None) -> Any:
        return await find(InstanceFilter(status=status), page, counted=False, actor=actor)

    async def books(page: PageRequest, instance_id: UUID | None = None) -> Any:
        where = ActionLogFilter(instance_id=instance_id)
        return await look(where, page, counted=False, with_stats=False, actor=actor)

    newest = a_page()
    last_of_fleet = a_page(cursor=(await fleet(a_page(offset=instances - 2 * PAGE))).next_cursor)
    near_the_end = await books(a_page(offset=actions - 2 * PAGE))
    last_of_books = a_page(cursor=near_the_end.page.next_cursor)
    return {
        "instances, first page": lambda: fleet(newest),
        "instances, last page by cursor": lambda: fleet(last_of_fleet),
        "instances, one in a thousand": lambda: fleet(newest, InstanceStatus.READY),
        "one instance": lambda: application.get_instance()(middle, actor=actor),
        "actions, first page": lambda: books(newest),
        "actions, last page by cursor": lambda: books(last_of_books),
        "actions of one instance": lambda: books(newest, middle),
    }


def a_page(*, offset: int = 0, cursor: str | None = None) -> PageRequest:
    """Return what page to ask for, newest first."""
    return PageRequest.of(limit=PAGE, order_dir="desc", offset=offset, cursor=cursor)


async def measure(ask: Ask, rounds: int) -> tuple[float, float]:
    """Return p50 and p99, in milliseconds."""
    await ask()
    took: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=100)[NINETY_NINTH]


async def run(url: str, instances: int, actions: int, rounds: int) -> None:
    """Build, measure, and say what was found."""
    await real.load_schema(url)
    patient = Settings(database_url=url, database_patience_s=BUILD_S)
    builders = PostgresAdapters(settings=Object(patient))
    async with builders.pool():
        began = time.perf_counter()
        await build(builders, instances, actions)
        print(
            f"{instances} instances, {actions} actions: {time.perf_counter() - began:.0f} s",
            flush=True,
        )
    adapters = PostgresAdapters(settings=Object(Settings(database_url=url)))
    async with adapters.pool():
        asked = await questions(Application(adapters=adapters), an_actor(), instances, actions)
        for name, ask in asked.items():
            p50, p99 = await measure(ask, rounds)
            print(f"{name:<30} p50 {p50:8.1f} ms   p99 {p99:8.1f} ms")


def main() -> None:
    """Read the size from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=20_000)
    parser.add_argument("--actions", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=200)
    size = parser.parse_args()
    with database_of_its_own() as (_, url):
        asyncio.run(run(url, size.instances, size.actions, size.rounds))


if __name__ == "__main__":
    main()
