"""Whoever asks for the end and whoever works on the instance never wait for each other."""

import asyncio

from dependency_injector.providers import Object

from inventiv_adapters.cloud.memory import FixedClouds
from inventiv_core.identity.access import PLATFORM
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import ACME, NOON, Market, given_teams


async def until_a_statement_waits(postgres: PostgresAdapters) -> None:
    """Return when some statement waits for a lock."""
    async with postgres.pool().connection() as connection:
        while True:
            cursor = await connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
            if await cursor.fetchone() is not None:
                return
            await asyncio.sleep(0.01)


async def test_an_instance_is_locked_before_its_lease(postgres: PostgresAdapters) -> None:
    market = Market()
    instance = market.instance()
    await given_teams(postgres.unit_of_work(), *market.everything, instance)
    async with postgres.unit_of_work()() as work:
        await work.leases.schedule(instance.id, at=NOON)
    with postgres.clouds.override(Object(FixedClouds({}))):  # nobody to ask: it only concludes
        application = Application(adapters=postgres)
        [lease] = (await application.claim_instances()(limit=1, actor=PLATFORM)).leases
        async with asyncio.timeout(20), postgres.unit_of_work()() as work:
            await work.instances.lock(instance.id, owner=ACME)
            working = asyncio.create_task(application.reconcile_instance()(lease, actor=PLATFORM))
            await until_a_statement_waits(postgres)
            await work.leases.schedule(instance.id, at=NOON)
        await working
