"""Searches of the catalog: pages that are the list, and cost the same wherever they are."""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from psycopg import AsyncConnection, AsyncCursor
from psycopg_pool import AsyncConnectionPool

from inventiv_adapters.catalog.postgres.lists import PostgresCatalogQueries
from inventiv_core.catalog.views import (
    INSTANCE_TYPE_KEYS,
    REGION_KEYS,
    EntryFilter,
    InstanceTypeRow,
)
from inventiv_core.kernel.pagination import PageRequest, SearchPage, search_page
from tests.builders import a_provider, a_region, a_zone, an_instance_type, given

MANY = 100_000
ORDERS = [key.name for key in INSTANCE_TYPE_KEYS]


async def types(adapters: Any, where: EntryFilter, **asked: Any) -> SearchPage[InstanceTypeRow]:
    queries = adapters.catalog_queries()
    return await search_page(
        lambda window: queries.search_instance_types(where, window),
        PageRequest.of(**asked),
        INSTANCE_TYPE_KEYS,
    )


@pytest.fixture
async def stocked(adapters: Any) -> Any:
    """A world with a dozen types of two providers."""
    ours, theirs = a_provider(code="ours"), a_provider(code="theirs")
    kinds = [
        replace(
            an_instance_type(
                theirs if number % 3 else ours,
                code=f"{'aAbB'[number % 4]}%_\\{number}",
                gpu_count=number % 2,
                is_active=number % 5 > 0,
                cost_per_hour=None if number % 4 == 0 else Decimal(f"{number % 3}.0000"),
            ),
            name=f"{'éEe'[number % 3]} {number}",
        )
        for number in range(12)
    ]
    await given(adapters.unit_of_work(), ours, theirs, *kinds)
    return adapters


@for_all(
    order_by=st.sampled_from([*ORDERS, "nonsense"]),
    order_dir=st.sampled_from(["asc", "desc"]),
    limit=st.integers(1, 13),
    is_active=st.none() | st.booleans(),
)
@settings(max_examples=40)
async def test_pages_put_together_are_the_list(
    stocked: Any, order_by: str, order_dir: str, limit: int, *, is_active: bool | None
) -> None:
    where = EntryFilter(is_active=is_active)
    asked = {"order_by": order_by, "order_dir": order_dir}
    whole = await types(stocked, where, **asked)
    seen: list[InstanceTypeRow] = []
    cursor: str | None = None
    while not seen or cursor is not None:
        page = await types(stocked, where, limit=limit, cursor=cursor, **asked)
        at = await types(stocked, where, limit=limit, offset=len(seen), **asked)
        assert page.rows == at.rows
        assert (page.offset, page.total_count) == (len(seen), 12)
        assert page.filtered_count == len(whole.rows)
        seen += page.rows
        cursor = page.next_cursor
    assert seen == whole.rows


@pytest.mark.parametrize(
    ("q", "numbers"),
    [
        (None, range(12)),
        ("%", range(12)),
        ("%_", range(12)),
        ("_%", []),
        ("_\\1", [1, 10, 11]),
        ("\\\\", []),
        ("A%", [0, 1, 4, 5, 8, 9]),
        ("a%", [0, 1, 4, 5, 8, 9]),
        ("é 9", [9]),
        ("É 9", []),
        ("11", [11]),
    ],
)
async def test_what_is_searched_for_is_taken_literally(
    stocked: Any, q: str | None, numbers: Sequence[int]
) -> None:
    page = await types(stocked, EntryFilter(q=q))
    assert sorted(int(row.name.split()[1]) for row in page.rows) == list(numbers)
    assert (page.filtered_count, page.total_count) == (len(numbers), 12)


async def test_what_has_no_price_comes_last_or_first(stocked: Any) -> None:
    for order_dir, place in (("asc", slice(-3, None)), ("desc", slice(0, 3))):
        page = await types(stocked, EntryFilter(), order_by="cost_per_hour", order_dir=order_dir)
        prices = [row.cost_per_hour for row in page.rows]
        assert prices[place] == [None] * 3
        assert None not in prices[:-3] or order_dir == "desc"


async def test_a_search_knows_where_things_are(adapters: Any) -> None:
    ours, theirs = a_provider(code="ours"), a_provider(code="theirs")
    regions = [a_region(ours, code="r1"), a_region(theirs, code="r2")]
    zones = [a_zone(region, code=f"{region.code}-1") for region in regions]
    more = a_zone(regions[0], code="r1-2", is_active=False)
    await given(adapters.unit_of_work(), ours, theirs, *regions, *zones, more)
    queries = adapters.catalog_queries()
    window = PageRequest.of().window(REGION_KEYS)

    async def codes(kind: str, **where: Any) -> list[str]:
        found = await getattr(queries, f"search_{kind}")(EntryFilter(**where), window)
        return [row.code for row in found.rows]

    assert await codes("providers", q="OURS") == ["ours"]
    assert await codes("regions", provider_id=ours.id) == ["r1"]
    assert await codes("zones", provider_id=ours.id) == ["r1-1", "r1-2"]
    assert await codes("zones", region_id=regions[1].id) == ["r2-1"]
    assert await codes("zones", provider_id=ours.id, region_id=regions[1].id) == []
    assert await codes("zones", is_active=False) == ["r1-2"]
    [zone] = (await queries.search_zones(EntryFilter(q="r2"), window)).rows
    assert (zone.region_code, zone.provider_code) == ("r2", "theirs")
    assert (zone.region_name, zone.provider_name) == (regions[1].name, theirs.name)
    [region] = (await queries.search_regions(EntryFilter(q="r2"), window)).rows
    assert (region.provider_code, region.provider_name) == ("theirs", theirs.name)


async def test_what_is_said_of_a_provider_is_searched_too(adapters: Any) -> None:
    said = replace(a_provider(code="cloud"), description="GPUs in Paris")
    await given(adapters.unit_of_work(), said, a_provider(code="other"))
    window = PageRequest.of().window(REGION_KEYS)
    found = await adapters.catalog_queries().search_providers(EntryFilter(q="paris"), window)
    assert (found.rows, found.filtered_count, found.total_count) == ([said], 1, 2)


class Recorder(AsyncCursor[Any]):
    """Keeps what was asked."""

    asked: list[tuple[Any, Any]] = []  # noqa: RUF012 - of all cursors

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self.asked.append((query, params))
        return await super().execute(query, params, **options)


@pytest.fixture
async def crowded(database_url: str) -> AsyncGenerator[AsyncConnectionPool[Any]]:
    """A database with a hundred thousand types of ten providers."""
    async with AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=1,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 1, "cursor_factory": Recorder},
    ) as pool:
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO providers (id, name, code, is_active)"
                " SELECT gen_random_uuid(), 'p' || n, 'p' || n, true FROM generate_series(1, 10) n"
            )
            await connection.execute(
                "INSERT INTO instance_types (id, provider_id, name, code, gpu_count,"
                " vram_per_gpu_gb, cpu_count, ram_gb, bandwidth_bps, cost_per_hour, is_active)"
                " SELECT gen_random_uuid(), p.id, 't' || n, 'c' || n, n % 8, n % 4, 8, 48, 0,"
                " CASE WHEN n % 7 > 0 THEN (n % 1000) / 100.0 END, n % 3 > 0"
                f" FROM providers p, generate_series(1, {MANY // 10}) n"
            )
            await connection.execute("ANALYZE")
        yield pool


def touched(plan: Any, table: str) -> int:
    """Return how many rows of a table a plan has looked at, kept or not."""
    own = 0
    if plan.get("Relation Name") == table:
        seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round(seen * plan["Actual Loops"])
    return own + sum(touched(child, table) for child in plan.get("Plans", ()))


async def explained(connection: AsyncConnection[Any], query: Any, params: Any) -> Any:
    cursor = await connection.execute(
        b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query.encode(), params
    )
    [(plan,)] = await cursor.fetchall()
    return (plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]


async def test_a_page_looks_at_as_many_rows_as_it_shows_wherever_it_is(
    crowded: AsyncConnectionPool[Any],
) -> None:
    queries = PostgresCatalogQueries(crowded)
    limit = 100

    async def page(**asked: Any) -> SearchPage[InstanceTypeRow]:
        return await search_page(
            lambda window: queries.search_instance_types(EntryFilter(), window),
            PageRequest.of(**asked),
            INSTANCE_TYPE_KEYS,
        )

    for order_by, order_dir in product(ORDERS, ["asc", "desc"]):
        order = {"order_by": order_by, "order_dir": order_dir}
        for offset in (0, MANY // 2, MANY - limit - 1):
            cursor = (await page(offset=offset, limit=1, **order)).next_cursor
            Recorder.asked.clear()
            shown = await page(cursor=cursor, limit=limit, **order)
            assert (len(shown.rows), shown.total_count) == (limit, MANY)
            assert len(Recorder.asked) == 2  # the rows, and how many there are
            async with crowded.connection() as connection:
                plan = await explained(connection, *Recorder.asked[0])
            assert touched(plan, "instance_types") <= limit + 1
            assert touched(plan, "providers") <= 10 * (limit + 1)  # there are ten
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= 10 * (limit + 1)


async def test_a_walk_of_a_hundred_thousand_rows_sees_each_once(
    crowded: AsyncConnectionPool[Any],
) -> None:
    queries = PostgresCatalogQueries(crowded)
    seen: list[InstanceTypeRow] = []
    cursor: str | None = None
    while not seen or cursor is not None:
        page = await search_page(
            lambda window: queries.search_instance_types(EntryFilter(), window),
            PageRequest.of(limit=1000, order_by="cost_per_hour", cursor=cursor),
            INSTANCE_TYPE_KEYS,
        )
        assert page.offset == len(seen)
        seen += page.rows
        cursor = page.next_cursor
    assert len(seen) == MANY
    assert len({row.id for row in seen}) == MANY
    places = [(row.cost_per_hour is None, row.cost_per_hour or 0, row.id) for row in seen]
    assert places == sorted(places)
