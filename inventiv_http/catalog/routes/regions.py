"""``/regions``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.catalog.entities import ProviderId, Region, RegionId
from inventiv_core.catalog.use_cases.regions import (
    CreateRegion,
    ListRegions,
    SearchRegions,
    UpdateRegion,
)
from inventiv_core.catalog.views import EntryFilter, RegionRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PageRequest, needle
from inventiv_http.catalog.schemas.entries import NewRegion, RegionUpdate
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.pages import NOTHING, SearchBody, search_body


class Regions(Controller):
    """Where providers have zones."""

    path = "/regions"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["catalog"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List regions")
    async def list(
        self, actor: NamedDependency[Actor], list_regions: NamedDependency[ListRegions]
    ) -> Sequence[Region]:
        return await list_regions(actor=actor)

    @get("/search", summary="Search regions")
    async def search(
        self,
        actor: NamedDependency[Actor],
        page: NamedDependency[PageRequest],
        search_regions: NamedDependency[SearchRegions],
        q: FromQuery[str | None] = None,
        is_active: FromQuery[bool | None] = None,
        provider_id: FromQuery[UUID | None] = None,
    ) -> SearchBody[RegionRow]:
        where = EntryFilter(
            q=needle(q),
            is_active=is_active,
            provider_id=None if provider_id is None else ProviderId(provider_id),
        )
        found = await search_regions(where, page, actor=actor)
        return search_body(found, lambda region: region)

    @post(opt=needs(Permission.MANAGE_CATALOG), summary="Add a region")
    async def create(
        self,
        data: JSONBody[NewRegion],
        actor: NamedDependency[Actor],
        create_region: NamedDependency[CreateRegion],
    ) -> Region:
        return await create_region(data.wanted(), actor=actor)

    @put(
        "/{region_id:str}",
        status_code=200,
        media_type="text/plain",
        opt=needs(Permission.MANAGE_CATALOG),
        summary="Change a region",
    )
    async def update(
        self,
        region_id: FromPath[UUID],
        data: JSONBody[RegionUpdate],
        actor: NamedDependency[Actor],
        update_region: NamedDependency[UpdateRegion],
    ) -> str:
        await update_region(RegionId(region_id), data.changes(), actor=actor)
        return NOTHING
