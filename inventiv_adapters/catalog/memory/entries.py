"""What is on sale, one thing at a time, in memory."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Prices,
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
from inventiv_core.instances.entities import Instance
from inventiv_core.kernel.pagination import small

Kind = TypeVar("Kind", Provider, Region, Zone, InstanceType)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A link that was removed by hand."""

    instance_type_id: InstanceTypeId
    zone_id: ZoneId


class MemoryCatalog(CatalogRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def take(self) -> None:
        """Nothing to do: there is one piece of work at a time."""

    async def add_provider(self, provider: Provider) -> None:
        self._put_provider(provider)

    async def add_region(self, region: Region) -> None:
        self._put_region(region)

    async def add_zone(self, zone: Zone) -> None:
        self._put_zone(zone)

    async def add_instance_type(self, instance_type: InstanceType, *, at: datetime) -> None:
        self._put_instance_type(instance_type, at)

    async def save_provider(self, provider: Provider) -> None:
        self._put_provider(provider)

    async def save_region(self, region: Region) -> None:
        self._put_region(region)

    async def save_zone(self, zone: Zone) -> None:
        self._put_zone(zone)

    async def save_instance_type(self, instance_type: InstanceType, *, at: datetime) -> None:
        self._put_instance_type(instance_type, at)

    def _put_provider(self, provider: Provider) -> None:
        others = _others(provider, self._database.table(Provider))
        if any(other.name == provider.name for other in others):
            raise NameTaken(entry="provider", field="name")
        if any(other.code == provider.code for other in others):
            raise CodeTaken(entry="provider", field="code")
        self._database.table(Provider)[provider.id] = provider

    def _put_region(self, region: Region) -> None:
        self._must_be_free("region", region, _others(region, self._database.table(Region)))
        for zone in self._database.table(Zone).values():
            if zone.region_id == region.id and zone.provider_id != region.provider_id:
                raise EntryInUse(entry="region", field="provider_id")
        self._must_be_known(region.provider_id)
        self._database.table(Region)[region.id] = region

    def _put_zone(self, zone: Zone) -> None:
        others = _others(zone, self._database.table(Zone))
        siblings = [other for other in others if other.region_id == zone.region_id]
        if any((o.provider_id, o.code) == (zone.provider_id, zone.code) for o in others):
            raise CodeTaken(entry="zone", field="code")
        if any(other.name == zone.name for other in siblings):
            raise NameTaken(entry="zone", field="name")
        region = self._database.table(Region).get(zone.region_id)
        if region is None or region.provider_id != zone.provider_id:
            raise no_region()
        self._database.table(Zone)[zone.id] = zone

    def _put_instance_type(self, kind: InstanceType, at: datetime) -> None:
        self._must_be_free("instance_type", kind, _others(kind, self._database.table(InstanceType)))
        self._must_be_known(kind.provider_id)
        self._database.table(InstanceType)[kind.id] = kind
        prices = self._database.table(Prices)
        prices[kind.id] = prices.get(kind.id, Prices()).then(kind, at)

    def _must_be_free(
        self,
        entry: str,
        thing: Region | InstanceType,
        others: Iterable[Region] | Iterable[InstanceType],
    ) -> None:
        siblings = [other for other in others if other.provider_id == thing.provider_id]
        if any(other.code == thing.code for other in siblings):
            raise CodeTaken(entry=entry, field="code")
        if any(other.name == thing.name for other in siblings):
            raise NameTaken(entry=entry, field="name")

    def _must_be_known(self, provider_id: ProviderId) -> None:
        if provider_id not in self._database.table(Provider):
            raise no_provider()

    async def get_provider(self, id: ProviderId) -> Provider:
        provider = self._database.table(Provider).get(id)
        if provider is None:
            raise ProviderNotFound(id=id)
        return provider

    async def get_region(self, id: RegionId) -> Region:
        region = self._database.table(Region).get(id)
        if region is None:
            raise RegionNotFound(id=id)
        return region

    async def get_zone(self, id: ZoneId) -> Zone:
        zone = self._database.table(Zone).get(id)
        if zone is None:
            raise ZoneNotFound(id=id)
        return zone

    async def get_instance_type(self, id: InstanceTypeId) -> InstanceType:
        kind = self._database.table(InstanceType).get(id)
        if kind is None:
            raise InstanceTypeNotFound(id=id)
        return kind

    async def is_in_use(self, entry: Zone | InstanceType) -> bool:
        links = self._database.table(InstanceTypeZone).values()
        instances = self._database.table(Instance).values()
        return any(entry.id in {link.zone_id, link.instance_type_id} for link in links) or any(
            entry.id in {instance.zone_id, instance.instance_type_id} for instance in instances
        )

    async def put_on_sale(self, link: InstanceTypeZone) -> None:
        key = _link_id(link.instance_type_id, link.zone_id)
        self._database.table(InstanceTypeZone)[key] = link
        self._database.table(Withdrawn).pop(key, None)

    async def set_zones(self, id: InstanceTypeId, zone_ids: Collection[ZoneId]) -> None:
        links = self._database.table(InstanceTypeZone)
        for key, link in list(links.items()):
            if link.instance_type_id == id and link.zone_id not in zone_ids:
                del links[key]
                self._database.table(Withdrawn)[key] = Withdrawn(id, link.zone_id)
        for zone_id in zone_ids:
            await self.put_on_sale(
                InstanceTypeZone(instance_type_id=id, zone_id=zone_id, is_available=True)
            )

    async def find_zones(
        self, provider_id: ProviderId, zone_ids: Collection[ZoneId]
    ) -> Sequence[Zone]:
        return _by_code(
            zone
            for zone in self._database.table(Zone).values()
            if zone.provider_id == provider_id and zone.id in zone_ids
        )

    async def zones_of(self, id: InstanceTypeId) -> Sequence[Zone]:
        zones = self._database.table(Zone)
        return _by_code(
            zones[link.zone_id]
            for link in self._database.table(InstanceTypeZone).values()
            if link.instance_type_id == id
        )

    async def everything(self) -> WholeCatalog:
        links = self._database.table(InstanceTypeZone).values()
        withdrawn = self._database.table(Withdrawn).values()
        return WholeCatalog(
            providers=_by_code(self._database.table(Provider).values()),
            regions=_by_code(self._database.table(Region).values()),
            zones=_by_code(self._database.table(Zone).values()),
            instance_types=_by_code(self._database.table(InstanceType).values()),
            links=sorted(links, key=lambda link: (link.instance_type_id, link.zone_id)),
            withdrawn=frozenset((link.instance_type_id, link.zone_id) for link in withdrawn),
        )

    async def find_provider(
        self, *, id: ProviderId | None = None, code: str | None = None
    ) -> Provider | None:
        providers = self._database.table(Provider)
        if id is not None:
            return providers.get(id)
        if code is None:
            return None
        wanted = small(code)
        found = [provider for provider in providers.values() if small(provider.code) == wanted]
        return min(found, key=lambda provider: (provider.code != code, provider.code), default=None)

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


def on_sale(database: MemoryDatabase, zone_id: ZoneId) -> Sequence[InstanceType]:
    """Return the active instance types that are available in a zone."""
    types = database.table(InstanceType)
    return [
        types[link.instance_type_id]
        for link in database.table(InstanceTypeZone).values()
        if link.zone_id == zone_id and link.is_available and types[link.instance_type_id].is_active
    ]


def _link_id(instance_type_id: InstanceTypeId, zone_id: ZoneId) -> UUID:
    """Return one id for two: whatever is linked, the same pair always gets the same."""
    return uuid5(instance_type_id, str(zone_id))


def _others(thing: Kind, table: dict[UUID, Kind]) -> list[Kind]:
    return [other for other in table.values() if other.id != thing.id]


def _by_code(entries: Iterable[Kind]) -> list[Kind]:
    return sorted(entries, key=lambda entry: (entry.code, entry.id))
