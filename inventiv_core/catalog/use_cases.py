"""What people can do with the catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from inventiv_core.catalog.ports import CatalogQueries, CatalogRepository, CatalogWork
from inventiv_core.catalog.seed import PROVIDERS, SeededProvider, SeededType
from inventiv_core.catalog.views import OnSaleFilter, ZoneRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviders:
    """List who rents out machines."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[Provider]:
        """Return all providers, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.providers()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRegions:
    """List where providers have zones."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[Region]:
        """Return all regions, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.regions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListZones:
    """List where machines stand."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[ZoneRow]:
        """Return all zones, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.zones()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstanceTypes:
    """List what kinds of machines there are."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[InstanceType]:
        """Return all instance types, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.instance_types()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOnSale:
    """List what can be rented in one zone."""

    catalog_queries: CatalogQueries

    async def __call__(
        self, zone_id: ZoneId, where: OnSaleFilter, *, actor: Actor
    ) -> Sequence[InstanceType]:
        """Return the instance types on sale there, by name; an unknown zone has none."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.on_sale(zone_id, where)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCatalog:
    """Fill the catalog with what is known from the start.

    Safe to repeat: what is there by its code stays as an administrator left it, and an
    instance type is put on sale only at the moment it is added.
    """

    unit_of_work: UnitOfWork[CatalogWork]
    new_id: NewId

    async def __call__(self, *, actor: Actor) -> None:
        """Add what is missing."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            for seeded in PROVIDERS:
                await self._seed(seeded, work.catalog)

    async def _seed(self, seeded: SeededProvider, catalog: CatalogRepository) -> None:
        await catalog.add_provider(
            Provider(
                id=ProviderId(self.new_id()),
                name=seeded.name,
                code=seeded.code,
                description=seeded.description,
                is_active=True,
            )
        )
        provider = await catalog.find_provider(code=seeded.code)
        if provider is None:  # renamed in this very moment by someone else: nothing to add to
            return
        zones: dict[str, ZoneId] = {}
        for region_code, region_name, is_active, zone_names in seeded.regions:
            region_id = RegionId(self.new_id())
            if not await catalog.add_region(
                Region(
                    id=region_id,
                    provider_id=provider.id,
                    name=region_name,
                    code=region_code,
                    is_active=is_active,
                )
            ):
                continue
            for zone_code, zone_name in zone_names:
                zones[zone_code] = ZoneId(self.new_id())
                await catalog.add_zone(
                    Zone(
                        id=zones[zone_code],
                        region_id=region_id,
                        provider_id=provider.id,
                        name=zone_name,
                        code=zone_code,
                        is_active=True,
                    )
                )
        for seeded_type in seeded.types:
            await self._seed_type(seeded_type, provider, zones, catalog)

    async def _seed_type(
        self,
        seeded: SeededType,
        provider: Provider,
        zones: Mapping[str, ZoneId],
        catalog: CatalogRepository,
    ) -> None:
        instance_type = InstanceType(
            id=InstanceTypeId(self.new_id()),
            provider_id=provider.id,
            name=seeded.name,
            code=seeded.code,
            gpu_count=seeded.gpu_count,
            vram_per_gpu_gb=seeded.vram_per_gpu_gb,
            cpu_count=seeded.cpu_count,
            ram_gb=seeded.ram_gb,
            bandwidth_bps=seeded.bandwidth_bps,
            cost_per_hour=seeded.cost_per_hour,
            is_active=True,
        )
        if not await catalog.add_instance_type(instance_type):
            return
        zone_id = zones.get(seeded.zone)
        if zone_id is None:
            zone = await catalog.find_zone(provider.id, seeded.zone)
            if zone is None:
                return
            zone_id = zone.id
        await catalog.put_on_sale(
            InstanceTypeZone(instance_type_id=instance_type.id, zone_id=zone_id, is_available=True)
        )
