"""What is on sale, one thing at a time, in Postgres."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg.errors import IntegrityError

from inventiv_adapters.kernel.postgres import (
    Connection,
    as_json,
    fetch_all,
    fetch_one,
    fetch_value,
)
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
)
from inventiv_core.catalog.errors import (
    CodeTaken,
    EntryInUse,
    InstanceTypeNotFound,
    NameTaken,
    ProviderNotFound,
    RegionNotFound,
    ZoneNotFound,
    no_provider,
    no_region,
)
from inventiv_core.catalog.ports import CatalogRepository
from inventiv_core.catalog.views import WholeCatalog
from inventiv_core.kernel.errors import DomainError

_TAKE = "SELECT pg_advisory_xact_lock(%(lock)s)"

_ADD_PROVIDER = """
    INSERT INTO providers (id, name, code, description, is_active)
    VALUES (%(id)s, %(name)s, %(code)s, %(description)s, %(is_active)s)
"""

_ADD_REGION = """
    INSERT INTO regions (id, provider_id, name, code, is_active)
    VALUES (%(id)s, %(provider_id)s, %(name)s, %(code)s, %(is_active)s)
"""

_ADD_ZONE = """
    INSERT INTO zones (id, region_id, provider_id, name, code, is_active)
    VALUES (%(id)s, %(region_id)s, %(provider_id)s, %(name)s, %(code)s, %(is_active)s)
"""

_ADD_INSTANCE_TYPE = """
    WITH added AS (
        INSERT INTO instance_types
            (id, provider_id, name, code, gpu_count, vram_per_gpu_gb, cpu_count, ram_gb,
             bandwidth_bps, cost_per_hour, is_active, allocation_params,
             volume_cost_per_gb_month)
        VALUES
            (%(id)s, %(provider_id)s, %(name)s, %(code)s, %(gpu_count)s, %(vram_per_gpu_gb)s,
             %(cpu_count)s, %(ram_gb)s, %(bandwidth_bps)s, %(cost_per_hour)s, %(is_active)s,
             %(allocation_params)s, %(volume_cost_per_gb_month)s)
        RETURNING id, cost_per_hour
    )
    INSERT INTO instance_type_prices (instance_type_id, valid_from, cost_per_hour)
    SELECT id, %(at)s, cost_per_hour FROM added
"""

_SAVE_PROVIDER = """
    UPDATE providers
    SET name = %(name)s, code = %(code)s, description = %(description)s, is_active = %(is_active)s
    WHERE id = %(id)s
"""

_SAVE_REGION = """
    UPDATE regions
    SET provider_id = %(provider_id)s, name = %(name)s, code = %(code)s, is_active = %(is_active)s
    WHERE id = %(id)s
"""

_SAVE_ZONE = """
    UPDATE zones
    SET region_id = %(region_id)s, provider_id = %(provider_id)s, name = %(name)s,
        code = %(code)s, is_active = %(is_active)s
    WHERE id = %(id)s
"""

_SAVE_INSTANCE_TYPE = """
    WITH saved AS (
        UPDATE instance_types
        SET provider_id = %(provider_id)s, name = %(name)s, code = %(code)s,
            gpu_count = %(gpu_count)s, vram_per_gpu_gb = %(vram_per_gpu_gb)s,
            cpu_count = %(cpu_count)s, ram_gb = %(ram_gb)s, bandwidth_bps = %(bandwidth_bps)s,
            cost_per_hour = %(cost_per_hour)s, is_active = %(is_active)s,
            allocation_params = %(allocation_params)s,
            volume_cost_per_gb_month = %(volume_cost_per_gb_month)s
        WHERE id = %(id)s
        RETURNING id, cost_per_hour
    ), last AS (
        SELECT valid_from, cost_per_hour FROM instance_type_prices
        WHERE instance_type_id = %(id)s
        ORDER BY valid_from DESC
        LIMIT 1
    )
    INSERT INTO instance_type_prices (instance_type_id, valid_from, cost_per_hour)
    SELECT saved.id, GREATEST(last.valid_from, %(at)s), saved.cost_per_hour
    FROM saved LEFT JOIN last ON true
    WHERE last.valid_from IS NULL OR last.cost_per_hour IS DISTINCT FROM saved.cost_per_hour
    ON CONFLICT (instance_type_id, valid_from) DO UPDATE SET cost_per_hour = EXCLUDED.cost_per_hour
"""

_GET_PROVIDER = "SELECT id, name, code, description, is_active FROM providers WHERE id = %(id)s"

_GET_REGION = "SELECT id, provider_id, name, code, is_active FROM regions WHERE id = %(id)s"

_GET_ZONE = "SELECT id, region_id, provider_id, name, code, is_active FROM zones WHERE id = %(id)s"

_GET_INSTANCE_TYPE = """
    SELECT id, provider_id, name, code, gpu_count, vram_per_gpu_gb, cpu_count, ram_gb,
           bandwidth_bps, cost_per_hour, is_active, allocation_params, volume_cost_per_gb_month
    FROM instance_types
    WHERE id = %(id)s
"""

_ZONE_IS_IN_USE = """
    SELECT EXISTS (SELECT FROM instance_type_zones WHERE zone_id = %(id)s)
        OR EXISTS (SELECT FROM instances WHERE zone_id = %(id)s)
"""

_INSTANCE_TYPE_IS_IN_USE = """
    SELECT EXISTS (SELECT FROM instance_type_zones WHERE instance_type_id = %(id)s)
        OR EXISTS (SELECT FROM instances WHERE instance_type_id = %(id)s)
"""

_PUT_ON_SALE = """
    WITH forgotten AS (
        DELETE FROM withdrawn_instance_type_zones
        WHERE instance_type_id = %(instance_type_id)s AND zone_id = %(zone_id)s
    )
    INSERT INTO instance_type_zones (instance_type_id, zone_id, is_available)
    VALUES (%(instance_type_id)s, %(zone_id)s, %(is_available)s)
    ON CONFLICT (instance_type_id, zone_id) DO UPDATE SET is_available = EXCLUDED.is_available
"""

_WITHDRAW = """
    WITH withdrawn AS (
        DELETE FROM instance_type_zones
        WHERE instance_type_id = %(id)s AND zone_id <> ALL(%(zone_ids)s::uuid[])
        RETURNING instance_type_id, zone_id
    )
    INSERT INTO withdrawn_instance_type_zones (instance_type_id, zone_id)
    SELECT instance_type_id, zone_id FROM withdrawn
    ON CONFLICT DO NOTHING
"""

_SET_ZONES = """
    WITH forgotten AS (
        DELETE FROM withdrawn_instance_type_zones
        WHERE instance_type_id = %(id)s AND zone_id = ANY(%(zone_ids)s::uuid[])
    )
    INSERT INTO instance_type_zones (instance_type_id, zone_id, is_available)
    SELECT %(id)s, wanted.zone_id, true FROM unnest(%(zone_ids)s::uuid[]) AS wanted (zone_id)
    ON CONFLICT (instance_type_id, zone_id) DO UPDATE SET is_available = true
"""

_FIND_ZONES = """
    SELECT id, region_id, provider_id, name, code, is_active
    FROM zones
    WHERE provider_id = %(provider_id)s AND id = ANY(%(ids)s::uuid[])
    ORDER BY code, id
"""

_ZONES_OF = """
    SELECT z.id, z.region_id, z.provider_id, z.name, z.code, z.is_active
    FROM instance_type_zones tz
    JOIN zones z ON z.id = tz.zone_id
    WHERE tz.instance_type_id = %(id)s
    ORDER BY z.code, z.id
"""

_ALL_PROVIDERS = """
    SELECT id, name, code, description, is_active FROM providers ORDER BY code, id
"""

_ALL_REGIONS = """
    SELECT id, provider_id, name, code, is_active FROM regions ORDER BY code, id
"""

_ALL_ZONES = """
    SELECT id, region_id, provider_id, name, code, is_active FROM zones ORDER BY code, id
"""

_ALL_INSTANCE_TYPES = """
    SELECT id, provider_id, name, code, gpu_count, vram_per_gpu_gb, cpu_count, ram_gb,
           bandwidth_bps, cost_per_hour, is_active, allocation_params, volume_cost_per_gb_month
    FROM instance_types
    ORDER BY code, id
"""

_ALL_LINKS = """
    SELECT instance_type_id, zone_id, is_available FROM instance_type_zones
    ORDER BY instance_type_id, zone_id
"""

_ALL_WITHDRAWN = """
    SELECT instance_type_id, zone_id, false AS is_available FROM withdrawn_instance_type_zones
"""

_FIND_PROVIDER = """
    SELECT id, name, code, description, is_active
    FROM providers
    WHERE id = %(id)s OR (%(id)s::uuid IS NULL AND lower(code) = lower(%(code)s COLLATE "C"))
    ORDER BY code <> %(code)s, code
    LIMIT 1
"""

_FIND_ZONE = """
    SELECT z.id, z.region_id, z.provider_id, z.name, z.code, z.is_active
    FROM zones z
    JOIN regions r ON r.id = z.region_id
    WHERE z.provider_id = %(provider_id)s AND z.code = %(code)s AND z.is_active AND r.is_active
"""

_FIND_ON_SALE = """
    SELECT t.id, t.provider_id, t.name, t.code, t.gpu_count, t.vram_per_gpu_gb, t.cpu_count,
           t.ram_gb, t.bandwidth_bps, t.cost_per_hour, t.is_active, t.allocation_params,
           t.volume_cost_per_gb_month
    FROM instance_types t
    JOIN instance_type_zones tz ON tz.instance_type_id = t.id
    WHERE t.provider_id = %(provider_id)s AND t.code = %(code)s AND t.is_active
      AND tz.zone_id = %(zone_id)s AND tz.is_available
"""

_LOCK: Final = 0x1_4E_56_43_41_54  # any number, as long as it is always this one

_MEANINGS: Final[Mapping[str, DomainError]] = {
    "providers_name_key": NameTaken(entry="provider", field="name"),
    "providers_code_key": CodeTaken(entry="provider", field="code"),
    "regions_provider_id_name_key": NameTaken(entry="region", field="name"),
    "regions_provider_id_code_key": CodeTaken(entry="region", field="code"),
    "zones_region_id_name_key": NameTaken(entry="zone", field="name"),
    "zones_provider_id_code_key": CodeTaken(entry="zone", field="code"),
    "instance_types_provider_id_name_key": NameTaken(entry="instance_type", field="name"),
    "instance_types_provider_id_code_key": CodeTaken(entry="instance_type", field="code"),
    "regions_provider_id_fkey": no_provider(),
    "instance_types_provider_id_fkey": no_provider(),
    "zones_region_id_provider_id_fkey": no_region(),
}
"""What it means when a constraint is violated."""

_WHEN_A_REGION_MOVES: Final = {
    **_MEANINGS,
    "zones_region_id_provider_id_fkey": EntryInUse(entry="region", field="provider_id"),
}


class PostgresCatalog(CatalogRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self) -> None:
        await self._connection.execute(_TAKE, {"lock": _LOCK})

    async def add_provider(self, provider: Provider) -> None:
        await self._put(_ADD_PROVIDER, asdict(provider))

    async def add_region(self, region: Region) -> None:
        await self._put(_ADD_REGION, asdict(region))

    async def add_zone(self, zone: Zone) -> None:
        await self._put(_ADD_ZONE, asdict(zone))

    async def add_instance_type(self, instance_type: InstanceType, *, at: datetime) -> None:
        await self._put(_ADD_INSTANCE_TYPE, _columns(instance_type, at))

    async def save_provider(self, provider: Provider) -> None:
        await self._put(_SAVE_PROVIDER, asdict(provider))

    async def save_region(self, region: Region) -> None:
        await self._put(_SAVE_REGION, asdict(region), _WHEN_A_REGION_MOVES)

    async def save_zone(self, zone: Zone) -> None:
        await self._put(_SAVE_ZONE, asdict(zone))

    async def save_instance_type(self, instance_type: InstanceType, *, at: datetime) -> None:
        await self._put(_SAVE_INSTANCE_TYPE, _columns(instance_type, at))

    async def get_provider(self, id: ProviderId) -> Provider:
        provider = await fetch_one(self._connection, Provider, _GET_PROVIDER, id=id)
        if provider is None:
            raise ProviderNotFound(id=id)
        return provider

    async def get_region(self, id: RegionId) -> Region:
        region = await fetch_one(self._connection, Region, _GET_REGION, id=id)
        if region is None:
            raise RegionNotFound(id=id)
        return region

    async def get_zone(self, id: ZoneId) -> Zone:
        zone = await fetch_one(self._connection, Zone, _GET_ZONE, id=id)
        if zone is None:
            raise ZoneNotFound(id=id)
        return zone

    async def get_instance_type(self, id: InstanceTypeId) -> InstanceType:
        kind = await fetch_one(self._connection, InstanceType, _GET_INSTANCE_TYPE, id=id)
        if kind is None:
            raise InstanceTypeNotFound(id=id)
        return kind

    async def is_in_use(self, entry: Zone | InstanceType) -> bool:
        is_zone = isinstance(entry, Zone)
        statement = _ZONE_IS_IN_USE if is_zone else _INSTANCE_TYPE_IS_IN_USE
        return bool(await fetch_value(self._connection, statement, id=entry.id))

    async def put_on_sale(self, link: InstanceTypeZone) -> None:
        await self._connection.execute(_PUT_ON_SALE, asdict(link))

    async def set_zones(self, id: InstanceTypeId, zone_ids: Collection[ZoneId]) -> None:
        values = {"id": id, "zone_ids": sorted(set(zone_ids))}
        await self._connection.execute(_WITHDRAW, values)
        await self._connection.execute(_SET_ZONES, values)

    async def find_zones(
        self, provider_id: ProviderId, zone_ids: Collection[ZoneId]
    ) -> Sequence[Zone]:
        return await fetch_all(
            self._connection, Zone, _FIND_ZONES, provider_id=provider_id, ids=list(zone_ids)
        )

    async def zones_of(self, id: InstanceTypeId) -> Sequence[Zone]:
        return await fetch_all(self._connection, Zone, _ZONES_OF, id=id)

    async def everything(self) -> WholeCatalog:
        withdrawn = await fetch_all(self._connection, InstanceTypeZone, _ALL_WITHDRAWN)
        return WholeCatalog(
            providers=await fetch_all(self._connection, Provider, _ALL_PROVIDERS),
            regions=await fetch_all(self._connection, Region, _ALL_REGIONS),
            zones=await fetch_all(self._connection, Zone, _ALL_ZONES),
            instance_types=await fetch_all(self._connection, InstanceType, _ALL_INSTANCE_TYPES),
            links=await fetch_all(self._connection, InstanceTypeZone, _ALL_LINKS),
            withdrawn=frozenset((link.instance_type_id, link.zone_id) for link in withdrawn),
        )

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

    async def _put(
        self,
        statement: LiteralString,
        values: Mapping[str, Any],
        meanings: Mapping[str, DomainError] = _MEANINGS,
    ) -> None:
        try:
            await self._connection.execute(statement, values)
        except IntegrityError as error:
            meaning = meanings.get(error.diag.constraint_name or "")
            if meaning is None:
                raise
            raise replace(meaning) from error


def _columns(kind: InstanceType, at: datetime) -> dict[str, Any]:
    return asdict(kind) | {"allocation_params": as_json(kind.allocation_params), "at": at}
