"""The catalog as people look at it, in memory."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from inventiv_adapters.catalog.memory.entries import on_sale
from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Provider,
    Region,
    Zone,
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
from inventiv_core.kernel.pagination import Rows, Window, has_needle, small

Named = TypeVar("Named", Provider, Region, Zone, InstanceType)
Row = TypeVar("Row", Provider, RegionRow, ZoneDetails, InstanceTypeRow)


class MemoryCatalogQueries(CatalogQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def providers(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[Provider]:
        return _by_name(self._database.table(Provider).values())[:limit]

    async def regions(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[Region]:
        return _by_name(self._database.table(Region).values())[:limit]

    async def zones(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[ZoneRow]:
        return [
            ZoneRow(
                id=zone.id,
                region_id=zone.region_id,
                name=zone.name,
                code=zone.code,
                is_active=zone.is_active,
            )
            for zone in _by_name(self._database.table(Zone).values())[:limit]
        ]

    async def instance_types(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[InstanceType]:
        return _by_name(self._database.table(InstanceType).values())[:limit]

    async def on_sale(
        self, zone_id: ZoneId, where: OnSaleFilter, *, limit: int = MAX_LIST_ROWS
    ) -> Sequence[InstanceType]:
        providers = self._database.table(Provider)
        found = _by_name(
            instance_type
            for instance_type in on_sale(self._database, zone_id)
            if _sells(providers[instance_type.provider_id], where)
        )
        return found[:limit]

    async def zones_of(
        self, id: InstanceTypeId, *, limit: int = MAX_LIST_ROWS
    ) -> Sequence[InstanceTypeZoneRow]:
        zones = self._database.table(Zone)
        links = {
            link.zone_id: link.is_available
            for link in self._database.table(InstanceTypeZone).values()
            if link.instance_type_id == id
        }
        return [
            InstanceTypeZoneRow(
                instance_type_id=id,
                zone_id=zone.id,
                is_available=links[zone.id],
                zone_name=zone.name,
                zone_code=zone.code,
            )
            for zone in _by_name(zones[zone_id] for zone_id in links)[:limit]
        ]

    async def search_providers(self, where: EntryFilter, window: Window) -> Rows[Provider]:
        everything = list(self._database.table(Provider).values())
        found = [
            row
            for row in everything
            if has_needle(where.q, row.name, row.code, row.description)
            and where.is_active in {None, row.is_active}
        ]
        return _rows(window, everything, found)

    async def search_regions(self, where: EntryFilter, window: Window) -> Rows[RegionRow]:
        everything = [self._region_row(region) for region in self._database.table(Region).values()]
        return _rows(window, everything, [row for row in everything if _matches(row, where)])

    async def search_zones(self, where: EntryFilter, window: Window) -> Rows[ZoneDetails]:
        everything = [self._zone_row(zone) for zone in self._database.table(Zone).values()]
        found = [
            row
            for row in everything
            if _matches(row, where) and where.region_id in {None, row.region_id}
        ]
        return _rows(window, everything, found)

    async def search_instance_types(
        self, where: EntryFilter, window: Window
    ) -> Rows[InstanceTypeRow]:
        everything = [self._type_row(kind) for kind in self._database.table(InstanceType).values()]
        return _rows(window, everything, [row for row in everything if _matches(row, where)])

    def _region_row(self, region: Region) -> RegionRow:
        provider = self._database.table(Provider)[region.provider_id]
        return RegionRow(
            id=region.id,
            provider_id=provider.id,
            provider_name=provider.name,
            provider_code=provider.code,
            name=region.name,
            code=region.code,
            is_active=region.is_active,
        )

    def _zone_row(self, zone: Zone) -> ZoneDetails:
        provider = self._database.table(Provider)[zone.provider_id]
        region = self._database.table(Region)[zone.region_id]
        return ZoneDetails(
            id=zone.id,
            region_id=region.id,
            region_name=region.name,
            region_code=region.code,
            provider_id=provider.id,
            provider_name=provider.name,
            provider_code=provider.code,
            name=zone.name,
            code=zone.code,
            is_active=zone.is_active,
        )

    def _type_row(self, kind: InstanceType) -> InstanceTypeRow:
        provider = self._database.table(Provider)[kind.provider_id]
        return InstanceTypeRow(
            id=kind.id,
            provider_id=provider.id,
            provider_name=provider.name,
            provider_code=provider.code,
            name=kind.name,
            code=kind.code,
            gpu_count=kind.gpu_count,
            vram_per_gpu_gb=kind.vram_per_gpu_gb,
            cpu_count=kind.cpu_count,
            ram_gb=kind.ram_gb,
            bandwidth_bps=kind.bandwidth_bps,
            cost_per_hour=kind.cost_per_hour,
            is_active=kind.is_active,
        )


def _matches(row: RegionRow | ZoneDetails | InstanceTypeRow, where: EntryFilter) -> bool:
    return (
        has_needle(where.q, row.name, row.code)
        and where.is_active in {None, row.is_active}
        and where.provider_id in {None, row.provider_id}
    )


def _rows(window: Window, everything: Sequence[Row], found: Sequence[Row]) -> Rows[Row]:
    return Rows(rows=within(window, found), total_count=len(everything), filtered_count=len(found))


def _sells(provider: Provider, where: OnSaleFilter) -> bool:
    if not provider.is_active:
        return False
    if where.provider_id is not None:
        return provider.id == where.provider_id
    return where.provider_code in {None, small(provider.code)}


def _by_name(things: Iterable[Named]) -> list[Named]:
    return sorted(things, key=lambda thing: (thing.name, thing.id))
