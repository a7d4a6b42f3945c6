"""The catalog, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict

from inventiv_adapters.kernel.postgres import Connection, Pool, count_rows, fetch_all, fetch_one
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeZone,
    Provider,
    ProviderId,
    Region,
    Zone,
    ZoneId,
)
from inventiv_core.catalog.ports import CatalogQueries, CatalogRepository
from inventiv_core.catalog.views import OnSaleFilter, ZoneRow

_ADD_PROVIDER = """
    INSERT INTO providers (id, name, code, description, is_active)
    VALUES (%(id)s, %(name)s, %(code)s, %(description)s, %(is_active)s)
    ON CONFLICT (code) DO NOTHING
"""

_ADD_REGION = """
    INSERT INTO regions (id, provider_id, name, code, is_active)
    VALUES (%(id)s, %(provider_id)s, %(name)s, %(code)s, %(is_active)s)
    ON CONFLICT (provider_id, code) DO NOTHING
"""

_ADD_ZONE = """
    INSERT INTO zones (id, region_id, provider_id, name, code, is_active)
    VALUES (%(id)s, %(region_id)s, %(provider_id)s, %(name)s, %(code)s, %(is_active)s)
    ON CONFLICT (provider_id, code) DO NOTHING
"""

_ADD_INSTANCE_TYPE = """
    INSERT INTO instance_types
        (id, provider_id, name, code, gpu_count, vram_per_gpu_gb, cpu_count, ram_gb,
         bandwidth_bps, cost_per_hour, is_active)
    VALUES
        (%(id)s, %(provider_id)s, %(name)s, %(code)s, %(gpu_count)s, %(vram_per_gpu_gb)s,
         %(cpu_count)s, %(ram_gb)s, %(bandwidth_bps)s, %(cost_per_hour)s, %(is_active)s)
    ON CONFLICT (provider_id, code) DO NOTHING
"""

_PUT_ON_SALE = """
    INSERT INTO instance_type_zones (instance_type_id, zone_id, is_available)
    VALUES (%(instance_type_id)s, %(zone_id)s, %(is_available)s)
    ON CONFLICT (instance_type_id, zone_id) DO UPDATE SET is_available = EXCLUDED.is_available
"""

_FIND_PROVIDER = """
    SELECT id, name, code, description, is_active
    FROM providers
    WHERE id = %(id)s OR (%(id)s::uuid IS NULL AND code = %(code)s)
"""

_FIND_ZONE = """
    SELECT z.id, z.region_id, z.provider_id, z.name, z.code, z.is_active
    FROM zones z
    JOIN regions r ON r.id = z.region_id
    WHERE z.provider_id = %(provider_id)s AND z.code = %(code)s AND z.is_active AND r.is_active
"""

_FIND_ON_SALE = """
    SELECT t.id, t.provider_id, t.name, t.code, t.gpu_count, t.vram_per_gpu_gb, t.cpu_count,
           t.ram_gb, t.bandwidth_bps, t.cost_per_hour, t.is_active
    FROM instance_types t
    JOIN instance_type_zones tz ON tz.instance_type_id = t.id
    WHERE t.provider_id = %(provider_id)s AND t.code = %(code)s AND t.is_active
      AND tz.zone_id = %(zone_id)s AND tz.is_available
"""

_PROVIDERS = "SELECT id, name, code, description, is_active FROM providers ORDER BY name, id"

_REGIONS = "SELECT id, provider_id, name, code, is_active FROM regions ORDER BY name, id"

_ZONES = "SELECT id, region_id, name, code, is_active FROM zones ORDER BY name, id"

_INSTANCE_TYPES = """
    SELECT id, provider_id, name, code, gpu_count, vram_per_gpu_gb, cpu_count, ram_gb,
           bandwidth_bps, cost_per_hour, is_active
    FROM instance_types
    ORDER BY name, id
"""

_ON_SALE = """
    SELECT t.id, t.provider_id, t.name, t.code, t.gpu_count, t.vram_per_gpu_gb, t.cpu_count,
           t.ram_gb, t.bandwidth_bps, t.cost_per_hour, t.is_active
    FROM instance_type_zones tz
    JOIN instance_types t ON t.id = tz.instance_type_id AND t.is_active
    JOIN providers p ON p.id = t.provider_id AND p.is_active
    WHERE tz.zone_id = %(zone_id)s AND tz.is_available
      AND (%(provider_id)s::uuid IS NULL OR p.id = %(provider_id)s)
      AND (%(provider_code)s::text IS NULL OR %(provider_id)s::uuid IS NOT NULL
           OR p.code = %(provider_code)s)
    ORDER BY t.name, t.id
"""


class PostgresCatalog(CatalogRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_provider(self, provider: Provider) -> bool:
        return await count_rows(self._connection, _ADD_PROVIDER, **asdict(provider)) == 1

    async def add_region(self, region: Region) -> bool:
        return await count_rows(self._connection, _ADD_REGION, **asdict(region)) == 1

    async def add_zone(self, zone: Zone) -> bool:
        return await count_rows(self._connection, _ADD_ZONE, **asdict(zone)) == 1

    async def add_instance_type(self, instance_type: InstanceType) -> bool:
        added = await count_rows(self._connection, _ADD_INSTANCE_TYPE, **asdict(instance_type))
        return added == 1

    async def put_on_sale(self, link: InstanceTypeZone) -> None:
        await self._connection.execute(_PUT_ON_SALE, asdict(link))

    async def find_provider(
        self, *, id: ProviderId | None = None, code: str | None = None
    ) -> Provider | None:
        return await fetch_one(self._connection, Provider, _FIND_PROVIDER, id=id, code=code)

    async def find_zone(self, provider_id: ProviderId, code: str) -> Zone | None:
        return await fetch_one(
            self._connection, Zone, _FIND_ZONE, provider_id=provider_id, code=code
        )

    async def find_on_sale(
        self, provider_id: ProviderId, zone_id: ZoneId, code: str
    ) -> InstanceType | None:
        return await fetch_one(
            self._connection,
            InstanceType,
            _FIND_ON_SALE,
            provider_id=provider_id,
            zone_id=zone_id,
            code=code,
        )


class PostgresCatalogQueries(CatalogQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def providers(self) -> Sequence[Provider]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Provider, _PROVIDERS)

    async def regions(self) -> Sequence[Region]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Region, _REGIONS)

    async def zones(self) -> Sequence[ZoneRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, ZoneRow, _ZONES)

    async def instance_types(self) -> Sequence[InstanceType]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, InstanceType, _INSTANCE_TYPES)

    async def on_sale(self, zone_id: ZoneId, where: OnSaleFilter) -> Sequence[InstanceType]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection,
                InstanceType,
                _ON_SALE,
                zone_id=zone_id,
                provider_id=where.provider_id,
                provider_code=where.provider_code,
            )
