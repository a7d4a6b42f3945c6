"""Zones: where machines stand."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from inventiv_core.catalog.entities import (
    CatalogAct,
    Region,
    RegionId,
    Zone,
    ZoneChanges,
    ZoneId,
    tidy,
)
from inventiv_core.catalog.errors import EntryInUse, RegionNotFound, no_region
from inventiv_core.catalog.ports import CatalogQueries, CatalogWork
from inventiv_core.catalog.use_cases.acts import enter_change
from inventiv_core.catalog.views import ZONE_KEYS, EntryFilter, ZoneDetails, ZoneRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import PageRequest, SearchPage, search_page
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListZones:
    """List where machines stand."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[ZoneRow]:
        """Return all zones, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.zones()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchZones:
    """Search where machines stand."""

    catalog_queries: CatalogQueries

    async def __call__(
        self, where: EntryFilter, page: PageRequest, *, actor: Actor
    ) -> SearchPage[ZoneDetails]:
        """Return the page that is asked for, or raise `CursorInvalid`."""
        actor.must(Permission.VIEW_CATALOG)
        return await search_page(
            lambda window: self.catalog_queries.search_zones(where, window),
            page,
            ZONE_KEYS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedZone:
    """A zone that somebody wants."""

    region_id: RegionId
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateZone:
    """Add a zone."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, wanted: WantedZone, *, actor: Actor) -> Zone:
        """Add it.

        Raises:
            FieldInvalid: A field has a value that it cannot have; or no region has that id.
            NameTaken: Another zone of the region has this name.
            CodeTaken: Another zone of the provider has this code.
        """
        actor.must(Permission.MANAGE_CATALOG)
        fields = tidy(asdict(wanted))
        async with self.unit_of_work() as work:
            await work.catalog.take()
            region = await _region(wanted.region_id, work)
            zone = Zone(id=ZoneId(self.new_id()), provider_id=region.provider_id, **fields)
            await work.catalog.add_zone(zone)
            await enter_change(
                CatalogAct.ZONE_CREATED,
                None,
                zone,
                id=self.new_id(),
                actor=actor,
                at=self.clock.now(),
                work=work,
            )
        return zone


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateZone:
    """Change a zone, or move it into another region."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, zone_id: ZoneId, changes: ZoneChanges, *, actor: Actor) -> Zone:
        """Change the fields that are given, and return the zone as it is now.

        Raises:
            ZoneNotFound: There is none of that id.
            FieldInvalid: A field has a value that it cannot have; or no region has that id.
            NameTaken: Another zone of the region has this name.
            CodeTaken: Another zone of the provider has this code.
            EntryInUse: It cannot go to another provider, as something is on sale or rented there.
        """
        actor.must(Permission.MANAGE_CATALOG)
        wanted = tidy(changes)
        async with self.unit_of_work() as work:
            await work.catalog.take()
            before = await work.catalog.get_zone(zone_id)
            after = replace(before, **wanted)
            if after.region_id != before.region_id:
                region = await _region(after.region_id, work)
                after = replace(after, provider_id=region.provider_id)
                if after.provider_id != before.provider_id and await work.catalog.is_in_use(before):
                    raise EntryInUse(entry="zone", field="region_id")
            await work.catalog.save_zone(after)
            await enter_change(
                CatalogAct.ZONE_UPDATED,
                before,
                after,
                id=self.new_id(),
                actor=actor,
                at=self.clock.now(),
                work=work,
            )
        return after


async def _region(region_id: RegionId, work: CatalogWork) -> Region:
    """Return the region that a request names, or say that this field is wrong."""
    try:
        return await work.catalog.get_region(region_id)
    except RegionNotFound as error:
        raise no_region() from error
