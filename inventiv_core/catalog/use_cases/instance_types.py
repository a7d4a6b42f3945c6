"""Instance types: what providers rent out, and where it is on sale."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from inventiv_core.catalog.entities import (
    KINDS,
    CatalogAct,
    InstanceType,
    InstanceTypeChanges,
    InstanceTypeId,
    ProviderId,
    ZoneId,
    tidy,
)
from inventiv_core.catalog.errors import EntryInUse, InstanceTypeNotFound, ZoneNotOfProvider
from inventiv_core.catalog.ports import CatalogQueries, CatalogWork, PriceQueries
from inventiv_core.catalog.use_cases.acts import enter_change
from inventiv_core.catalog.views import (
    INSTANCE_TYPE_KEYS,
    EntryFilter,
    InstanceTypeRow,
    InstanceTypeZoneRow,
    OnSaleFilter,
    PriceRow,
)
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import Eur
from inventiv_core.kernel.pagination import (
    MAX_PAGE_ROWS,
    PageRequest,
    SearchPage,
    clamp,
    search_page,
)
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInstanceTypes:
    """List what kinds of machines there are."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[InstanceType]:
        """Return all instance types, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.instance_types()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchInstanceTypes:
    """Search what kinds of machines there are."""

    catalog_queries: CatalogQueries

    async def __call__(
        self, where: EntryFilter, page: PageRequest, *, actor: Actor
    ) -> SearchPage[InstanceTypeRow]:
        """Return the page that is asked for, or raise `CursorInvalid`."""
        actor.must(Permission.VIEW_CATALOG)
        return await search_page(
            lambda window: self.catalog_queries.search_instance_types(where, window),
            page,
            INSTANCE_TYPE_KEYS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedInstanceType:
    """A kind of machine that somebody wants."""

    provider_id: ProviderId
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int
    cost_per_hour: Eur | None
    is_active: bool
    allocation_params: Mapping[str, Any]
    volume_cost_per_gb_month: Eur | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateInstanceType:
    """Add an instance type, on sale nowhere yet."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, wanted: WantedInstanceType, *, actor: Actor) -> InstanceType:
        """Add it.

        Raises:
            FieldInvalid: A field has a value that it cannot have; or no provider has that id.
            NameTaken: Another type of the provider has this name.
            CodeTaken: Another type of the provider has this code.
        """
        actor.must(Permission.MANAGE_CATALOG)
        kind = InstanceType(id=InstanceTypeId(self.new_id()), **tidy(asdict(wanted)))
        now = self.clock.now()
        async with self.unit_of_work() as work:
            await work.catalog.take()
            await work.catalog.add_instance_type(kind, at=now)
            await enter_change(
                CatalogAct.INSTANCE_TYPE_CREATED,
                None,
                kind,
                id=self.new_id(),
                actor=actor,
                at=now,
                work=work,
            )
        return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateInstanceType:
    """Change an instance type; another price holds from now on."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, instance_type_id: InstanceTypeId, changes: InstanceTypeChanges, *, actor: Actor
    ) -> InstanceType:
        """Change the fields that are given, and return the type as it is now.

        Raises:
            InstanceTypeNotFound: There is none of that id.
            FieldInvalid: A field has a value that it cannot have; or no provider has that id.
            NameTaken: Another type of the provider has this name.
            CodeTaken: Another type of the provider has this code.
            EntryInUse: It cannot go to another provider, as it is on sale or rented somewhere.
        """
        actor.must(Permission.MANAGE_CATALOG)
        wanted = tidy(changes)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            await work.catalog.take()
            before = await work.catalog.get_instance_type(instance_type_id)
            after = replace(before, **wanted)
            if after.provider_id != before.provider_id and await work.catalog.is_in_use(before):
                raise EntryInUse(entry="instance_type", field="provider_id")
            await work.catalog.save_instance_type(after, at=now)
            await enter_change(
                CatalogAct.INSTANCE_TYPE_UPDATED,
                before,
                after,
                id=self.new_id(),
                actor=actor,
                at=now,
                work=work,
            )
        return after


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
class ListZonesOfInstanceType:
    """List where a type is on sale."""

    catalog_queries: CatalogQueries

    async def __call__(
        self, instance_type_id: InstanceTypeId, *, actor: Actor
    ) -> Sequence[InstanceTypeZoneRow]:
        """Return its zones, by name; an unknown type has none."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.zones_of(instance_type_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetZonesOfInstanceType:
    """Put a type on sale in some zones, and in no others."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, instance_type_id: InstanceTypeId, zone_ids: Sequence[ZoneId], *, actor: Actor
    ) -> None:
        """Replace all its zones at once. A zone that is named twice counts once.

        Raises:
            InstanceTypeNotFound: There is none of that id.
            ZoneNotOfProvider: One of the zones does not exist, or is another provider's.
        """
        actor.must(Permission.MANAGE_CATALOG)
        async with self.unit_of_work() as work:
            await work.catalog.take()
            kind = await work.catalog.get_instance_type(instance_type_id)
            known = await work.catalog.find_zones(kind.provider_id, zone_ids)
            codes = {zone.id: zone.code for zone in known}
            for zone_id in zone_ids:
                if zone_id not in codes:
                    raise ZoneNotOfProvider(zone_id=zone_id)
            before = [zone.code for zone in await work.catalog.zones_of(kind.id)]
            await work.catalog.set_zones(kind.id, codes)
            act = Act(
                id=self.new_id(),
                kind=CatalogAct.INSTANCE_TYPE_ZONES_SET,
                actor=actor,
                organization_id=None,
                subject=Subject(kind=KINDS[InstanceType], id=kind.id, name=kind.name),
                at=self.clock.now(),
                before={"zones": before},
                after={"zones": sorted(codes.values())},
            )
            await enter(act, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrices:
    """List what a type costs, and what it has cost."""

    price_queries: PriceQueries

    async def __call__(
        self, instance_type_id: InstanceTypeId, *, limit: int, actor: Actor
    ) -> Sequence[PriceRow]:
        """Return the newest prices first, at most ``limit`` of them.

        Raises:
            InstanceTypeNotFound: There is none of that id.
        """
        actor.must(Permission.VIEW_CATALOG)
        rows = clamp(limit, 1, MAX_PAGE_ROWS)
        prices = await self.price_queries.history(instance_type_id, limit=rows)
        if not prices:
            raise InstanceTypeNotFound(id=instance_type_id)
        return prices
