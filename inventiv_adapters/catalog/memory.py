"""The catalog, in memory."""

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID, uuid5

from inventiv_adapters.kernel.memory import MemoryDatabase
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

Named = TypeVar("Named", Provider, Region, Zone, InstanceType)


class MemoryCatalog(CatalogRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add_provider(self, provider: Provider) -> bool:
        table = self._database.table(Provider)
        if any(other.code == provider.code for other in table.values()):
            return False
        table[provider.id] = provider
        return True

    async def add_region(self, region: Region) -> bool:
        return self._add(region, self._database.table(Region))

    async def add_zone(self, zone: Zone) -> bool:
        return self._add(zone, self._database.table(Zone))

    async def add_instance_type(self, instance_type: InstanceType) -> bool:
        return self._add(instance_type, self._database.table(InstanceType))

    def _add(
        self,
        thing: Region | Zone | InstanceType,
        table: dict[UUID, Region] | dict[UUID, Zone] | dict[UUID, InstanceType],
    ) -> bool:
        for other in table.values():
            if (other.provider_id, other.code) == (thing.provider_id, thing.code):
                return False
        self._database.table(type(thing))[thing.id] = thing
        return True

    async def put_on_sale(self, link: InstanceTypeZone) -> None:
        self._database.table(InstanceTypeZone)[_link_id(link)] = link

    async def find_provider(
        self, *, id: ProviderId | None = None, code: str | None = None
    ) -> Provider | None:
        for provider in self._database.table(Provider).values():
            if provider.id == id or (id is None and provider.code == code):
                return provider
        return None

    async def find_zone(self, provider_id: ProviderId, code: str) -> Zone | None:
        for zone in self._database.table(Zone).values():
            if (zone.provider_id, zone.code) == (provider_id, code):
                region = self._database.table(Region)[zone.region_id]
                return zone if zone.is_active and region.is_active else None
        return None

    async def find_on_sale(
        self, provider_id: ProviderId, zone_id: ZoneId, code: str
    ) -> InstanceType | None:
        for instance_type in on_sale(self._database, zone_id):
            if (instance_type.provider_id, instance_type.code) == (provider_id, code):
                return instance_type
        return None


def _link_id(link: InstanceTypeZone) -> UUID:
    """Return one id for two: whatever is linked, the same pair always gets the same."""
    return uuid5(link.instance_type_id, str(link.zone_id))


def on_sale(database: MemoryDatabase, zone_id: ZoneId) -> Sequence[InstanceType]:
    """Return the active instance types that are available in a zone."""
    types = database.table(InstanceType)
    return [
        types[link.instance_type_id]
        for link in database.table(InstanceTypeZone).values()
        if link.zone_id == zone_id and link.is_available and types[link.instance_type_id].is_active
    ]


class MemoryCatalogQueries(CatalogQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def providers(self) -> Sequence[Provider]:
        return _by_name(self._database.table(Provider).values())

    async def regions(self) -> Sequence[Region]:
        return _by_name(self._database.table(Region).values())

    async def zones(self) -> Sequence[ZoneRow]:
        return [
            ZoneRow(
                id=zone.id,
                region_id=zone.region_id,
                name=zone.name,
                code=zone.code,
                is_active=zone.is_active,
            )
            for zone in _by_name(self._database.table(Zone).values())
        ]

    async def instance_types(self) -> Sequence[InstanceType]:
        return _by_name(self._database.table(InstanceType).values())

    async def on_sale(self, zone_id: ZoneId, where: OnSaleFilter) -> Sequence[InstanceType]:
        providers = self._database.table(Provider)
        return _by_name(
            instance_type
            for instance_type in on_sale(self._database, zone_id)
            if _matches(providers[instance_type.provider_id], where)
        )


def _matches(provider: Provider, where: OnSaleFilter) -> bool:
    if not provider.is_active:
        return False
    if where.provider_id is not None:
        return provider.id == where.provider_id
    return where.provider_code in {None, provider.code}


def _by_name(things: Iterable[Named]) -> list[Named]:
    return sorted(things, key=lambda thing: (thing.name, thing.id))
