"""The catalog as people look at it, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from inventiv_adapters.kernel.postgres import Pool, fetch_all, pattern, search, searches
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    Provider,
    Region,
    ZoneId,
)
from inventiv_core.catalog.ports import CatalogQueries
from inventiv_core.catalog.views import (
    MAX_LIST_ROWS,
    EntryFilter,
    InstanceTypeRow,
    InstanceTypeZoneRow,
    OnSaleFilter,
    RegionRow,
    ZoneDetails,
    ZoneRow,
)
from inventiv_core.kernel.pagination import Rows, Window

_PROVIDERS = """
    SELECT id, name, code, description, is_active FROM providers ORDER BY name, id LIMIT %(limit)s
"""

_REGIONS = """
    SELECT id, provider_id, name, code, is_active FROM regions ORDER BY name, id LIMIT %(limit)s
"""

_ZONES = "SELECT id, region_id, name, code, is_active FROM zones ORDER BY name, id LIMIT %(limit)s"

_INSTANCE_TYPES = """
    SELECT id, provider_id, name, code, gpu_count, vram_per_gpu_gb, cpu_count, ram_gb,
           bandwidth_bps, cost_per_hour, is_active, allocation_params, volume_cost_per_gb_month
    FROM instance_types
    ORDER BY name, id
    LIMIT %(limit)s
"""

_ON_SALE = """
    SELECT t.id, t.provider_id, t.name, t.code, t.gpu_count, t.vram_per_gpu_gb, t.cpu_count,
           t.ram_gb, t.bandwidth_bps, t.cost_per_hour, t.is_active, t.allocation_params,
           t.volume_cost_per_gb_month
    FROM instance_type_zones tz
    JOIN instance_types t ON t.id = tz.instance_type_id AND t.is_active
    JOIN providers p ON p.id = t.provider_id AND p.is_active
    WHERE tz.zone_id = %(zone_id)s AND tz.is_available
      AND (%(provider_id)s::uuid IS NULL OR p.id = %(provider_id)s)
      AND (%(provider_code)s::text IS NULL OR %(provider_id)s::uuid IS NOT NULL
           OR lower(p.code) = %(provider_code)s)
    ORDER BY t.name, t.id
    LIMIT %(limit)s
"""

_ZONES_OF = """
    SELECT tz.instance_type_id, tz.zone_id, tz.is_available, z.name AS zone_name,
           z.code AS zone_code
    FROM instance_type_zones tz
    JOIN zones z ON z.id = tz.zone_id
    WHERE tz.instance_type_id = %(id)s
    ORDER BY z.name, z.id
    LIMIT %(limit)s
"""

_SEARCH_PROVIDERS = searches(
    """
    SELECT id, name, code, description, is_active
    FROM providers
    WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s
           OR description COLLATE "C" ILIKE %(q)s)
      AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
      {after}
    {order}
    LIMIT %(limit)s OFFSET %(offset)s
    """,
    {"name": ("name", "text"), "code": ("code", "text"), "is_active": ("is_active", "boolean")},
)

_COUNT_PROVIDERS = """
    SELECT count(*) AS total_count, count(*) FILTER (
        WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s
               OR description COLLATE "C" ILIKE %(q)s)
          AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
    ) AS filtered_count
    FROM providers
"""

_SEARCH_REGIONS = searches(
    """
    SELECT r.id, r.provider_id, p.name AS provider_name, p.code AS provider_code, r.name, r.code,
           r.is_active
    FROM (
        SELECT id, provider_id, name, code, is_active
        FROM regions
        WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s)
          AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
          AND (%(provider_id)s::uuid IS NULL OR provider_id = %(provider_id)s)
          {after}
        {order}
        LIMIT %(limit)s OFFSET %(offset)s
    ) r
    JOIN providers p ON p.id = r.provider_id
    {order}
    """,
    {"name": ("name", "text"), "code": ("code", "text"), "is_active": ("is_active", "boolean")},
)

_COUNT_REGIONS = """
    SELECT count(*) AS total_count, count(*) FILTER (
        WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s)
          AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
          AND (%(provider_id)s::uuid IS NULL OR provider_id = %(provider_id)s)
    ) AS filtered_count
    FROM regions
"""

_SEARCH_ZONES = searches(
    """
    SELECT z.id, z.region_id, r.name AS region_name, r.code AS region_code, z.provider_id,
           p.name AS provider_name, p.code AS provider_code, z.name, z.code, z.is_active
    FROM (
        SELECT id, region_id, provider_id, name, code, is_active
        FROM zones
        WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s)
          AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
          AND (%(provider_id)s::uuid IS NULL OR provider_id = %(provider_id)s)
          AND (%(region_id)s::uuid IS NULL OR region_id = %(region_id)s)
          {after}
        {order}
        LIMIT %(limit)s OFFSET %(offset)s
    ) z
    JOIN regions r ON r.id = z.region_id
    JOIN providers p ON p.id = z.provider_id
    {order}
    """,
    {"name": ("name", "text"), "code": ("code", "text"), "is_active": ("is_active", "boolean")},
)

_COUNT_ZONES = """
    SELECT count(*) AS total_count, count(*) FILTER (
        WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s)
          AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
          AND (%(provider_id)s::uuid IS NULL OR provider_id = %(provider_id)s)
          AND (%(region_id)s::uuid IS NULL OR region_id = %(region_id)s)
    ) AS filtered_count
    FROM zones
"""

_SEARCH_INSTANCE_TYPES = searches(
    """
    SELECT t.id, t.provider_id, p.name AS provider_name, p.code AS provider_code, t.name, t.code,
           t.gpu_count, t.vram_per_gpu_gb, t.cpu_count, t.ram_gb, t.bandwidth_bps,
           t.cost_per_hour, t.is_active
    FROM (
        SELECT id, provider_id, name, code, gpu_count, vram_per_gpu_gb, cpu_count, ram_gb,
               bandwidth_bps, cost_per_hour, is_active
        FROM instance_types
        WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s)
          AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
          AND (%(provider_id)s::uuid IS NULL OR provider_id = %(provider_id)s)
          {after}
        {order}
        LIMIT %(limit)s OFFSET %(offset)s
    ) t
    JOIN providers p ON p.id = t.provider_id
    {order}
    """,
    {
        "name": ("name", "text"),
        "code": ("code", "text"),
        "is_active": ("is_active", "boolean"),
        "gpu_count": ("gpu_count", "bigint"),
        "vram_per_gpu_gb": ("vram_per_gpu_gb", "bigint"),
        "cost_per_hour": ("COALESCE(cost_per_hour, 'Infinity'::numeric)", "numeric"),
    },
)

_COUNT_INSTANCE_TYPES = """
    SELECT count(*) AS total_count, count(*) FILTER (
        WHERE (%(q)s::text IS NULL OR name ILIKE %(q)s OR code ILIKE %(q)s)
          AND (%(is_active)s::boolean IS NULL OR is_active = %(is_active)s)
          AND (%(provider_id)s::uuid IS NULL OR provider_id = %(provider_id)s)
    ) AS filtered_count
    FROM instance_types
"""


class PostgresCatalogQueries(CatalogQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def providers(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[Provider]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Provider, _PROVIDERS, limit=limit)

    async def regions(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[Region]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Region, _REGIONS, limit=limit)

    async def zones(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[ZoneRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, ZoneRow, _ZONES, limit=limit)

    async def instance_types(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[InstanceType]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, InstanceType, _INSTANCE_TYPES, limit=limit)

    async def on_sale(
        self, zone_id: ZoneId, where: OnSaleFilter, *, limit: int = MAX_LIST_ROWS
    ) -> Sequence[InstanceType]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection, InstanceType, _ON_SALE, zone_id=zone_id, limit=limit, **asdict(where)
            )

    async def zones_of(
        self, id: InstanceTypeId, *, limit: int = MAX_LIST_ROWS
    ) -> Sequence[InstanceTypeZoneRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, InstanceTypeZoneRow, _ZONES_OF, id=id, limit=limit)

    async def search_providers(self, where: EntryFilter, window: Window) -> Rows[Provider]:
        async with self._pool.connection() as connection:
            return await search(
                connection, Provider, _SEARCH_PROVIDERS, _COUNT_PROVIDERS, window, **_values(where)
            )

    async def search_regions(self, where: EntryFilter, window: Window) -> Rows[RegionRow]:
        async with self._pool.connection() as connection:
            return await search(
                connection, RegionRow, _SEARCH_REGIONS, _COUNT_REGIONS, window, **_values(where)
            )

    async def search_zones(self, where: EntryFilter, window: Window) -> Rows[ZoneDetails]:
        async with self._pool.connection() as connection:
            return await search(
                connection, ZoneDetails, _SEARCH_ZONES, _COUNT_ZONES, window, **_values(where)
            )

    async def search_instance_types(
        self, where: EntryFilter, window: Window
    ) -> Rows[InstanceTypeRow]:
        async with self._pool.connection() as connection:
            return await search(
                connection,
                InstanceTypeRow,
                _SEARCH_INSTANCE_TYPES,
                _COUNT_INSTANCE_TYPES,
                window,
                **_values(where),
            )


def _values(where: EntryFilter) -> dict[str, Any]:
    return asdict(where) | {"q": pattern(where.q)}
