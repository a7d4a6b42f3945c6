"""Writers of the catalog at the same time: the database decides."""

import asyncio
from dataclasses import replace
from typing import Any

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.catalog.errors import CodeTaken, NameTaken
from inventiv_core.catalog.use_cases.instance_types import SetZonesOfInstanceType
from inventiv_core.catalog.use_cases.seeding import SeedCatalog
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, PLATFORM
from inventiv_core.kernel.errors import DomainError
from inventiv_http.container import PostgresAdapters
from tests.builders import NOON, Market, a_number, a_provider, a_zone, an_actor, given

OPERATOR = replace(an_actor(), permissions=GLOBAL_PERMISSIONS)


async def attempt(work: Any) -> str:
    try:
        await work
    except DomainError as error:
        return type(error).__name__
    return "done"


async def test_of_several_who_add_the_same_one_does_even_without_taking_turns(
    postgres: PostgresAdapters,
) -> None:
    first = a_provider(code="cloud")

    async def add(**changes: Any) -> None:
        async with postgres.unit_of_work()() as work:
            await work.catalog.add_provider(replace(first, id=ProviderId(a_number()), **changes))
            await asyncio.sleep(0.01)

    results = await asyncio.gather(
        *(attempt(add(name=f"n{number}")) for number in range(4)),
    )
    assert sorted(results) == [CodeTaken.__name__] * 3 + ["done"]
    results = await asyncio.gather(
        *(attempt(add(name="same", code=f"c{number}")) for number in range(4)),
    )
    assert sorted(results) == [NameTaken.__name__] * 3 + ["done"]


async def test_two_renames_into_the_same_name_are_one(postgres: PostgresAdapters) -> None:
    one, two = a_provider(), a_provider()
    await given(postgres.unit_of_work(), one, two)

    async def rename(provider: Any) -> None:
        async with postgres.unit_of_work()() as work:
            await work.catalog.save_provider(replace(provider, name="same"))
            await asyncio.sleep(0.01)

    results = await asyncio.gather(attempt(rename(one)), attempt(rename(two)))
    assert sorted(results) == [NameTaken.__name__, "done"]


async def test_zones_that_two_set_at_once_are_those_of_one(postgres: PostgresAdapters) -> None:
    market = Market()
    zones = [a_zone(market.region, code=f"z{number}") for number in range(6)]
    await given(postgres.unit_of_work(), *market.everything, *zones)
    set_zones = SetZonesOfInstanceType(
        unit_of_work=postgres.unit_of_work(), clock=postgres.clock(), new_id=postgres.new_id()
    )
    choices = [[zone.id for zone in zones[:3]], [zone.id for zone in zones[2:]]]
    for _ in range(5):
        await asyncio.gather(
            *(set_zones(market.kind.id, choice, actor=OPERATOR) for choice in choices * 2)
        )
        rows = await postgres.catalog_queries().zones_of(market.kind.id)
        assert [row.zone_id for row in rows] in choices


async def test_processes_that_start_together_seed_once(postgres: PostgresAdapters) -> None:
    seed = SeedCatalog(
        unit_of_work=postgres.unit_of_work(), clock=postgres.clock(), new_id=postgres.new_id()
    )
    await asyncio.gather(*(seed(actor=PLATFORM) for _ in range(4)))
    assert len(await postgres.catalog_queries().providers()) == 3
    kinds = await postgres.catalog_queries().instance_types()
    assert len(kinds) == 16
    assert len(await postgres.price_queries().between(NOON, NOON.replace(year=2100))) == 16
