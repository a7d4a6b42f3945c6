"""Regions: where providers have zones."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from inventiv_core.catalog.entities import (
    CatalogAct,
    ProviderId,
    Region,
    RegionChanges,
    RegionId,
    tidy,
)
from inventiv_core.catalog.ports import CatalogQueries, CatalogWork
from inventiv_core.catalog.use_cases.acts import enter_change
from inventiv_core.catalog.views import REGION_KEYS, EntryFilter, RegionRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import PageRequest, SearchPage, search_page
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRegions:
    """List where providers have zones."""

    catalog_queries: CatalogQueries

    async def __call__(self, *, actor: Actor) -> Sequence[Region]:
        """Return all regions, by name."""
        actor.must(Permission.VIEW_CATALOG)
        return await self.catalog_queries.regions()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRegions:
    """Search where providers have zones."""

    catalog_queries: CatalogQueries

    async def __call__(
        self, where: EntryFilter, page: PageRequest, *, actor: Actor
    ) -> SearchPage[RegionRow]:
        """Return the page that is asked for, or raise `CursorInvalid`."""
        actor.must(Permission.VIEW_CATALOG)
        return await search_page(
            lambda window: self.catalog_queries.search_regions(where, window),
            page,
            REGION_KEYS,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRegion:
    """A region that somebody wants."""

    provider_id: ProviderId
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRegion:
    """Add a region."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, wanted: WantedRegion, *, actor: Actor) -> Region:
        """Add it.

        Raises:
            FieldInvalid: A field has a value that it cannot have; or no provider has that id.
            NameTaken: Another region of the provider has this name.
            CodeTaken: Another region of the provider has this code.
        """
        actor.must(Permission.MANAGE_CATALOG)
        region = Region(id=RegionId(self.new_id()), **tidy(asdict(wanted)))
        async with self.unit_of_work() as work:
            await work.catalog.take()
            await work.catalog.add_region(region)
            await enter_change(
                CatalogAct.REGION_CREATED,
                None,
                region,
                id=self.new_id(),
                actor=actor,
                at=self.clock.now(),
                work=work,
            )
        return region


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRegion:
    """Change a region, or have another provider have it."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self, region_id: RegionId, changes: RegionChanges, *, actor: Actor
    ) -> Region:
        """Change the fields that are given, and return the region as it is now.

        Raises:
            RegionNotFound: There is none of that id.
            FieldInvalid: A field has a value that it cannot have; or no provider has that id.
            NameTaken: Another region of the provider has this name.
            CodeTaken: Another region of the provider has this code.
            EntryInUse: Its provider cannot be another one, as it has zones.
        """
        actor.must(Permission.MANAGE_CATALOG)
        wanted = tidy(changes)
        async with self.unit_of_work() as work:
            await work.catalog.take()
            before = await work.catalog.get_region(region_id)
            after = replace(before, **wanted)
            await work.catalog.save_region(after)
            await enter_change(
                CatalogAct.REGION_UPDATED,
                before,
                after,
                id=self.new_id(),
                actor=actor,
                at=self.clock.now(),
                work=work,
            )
        return after
