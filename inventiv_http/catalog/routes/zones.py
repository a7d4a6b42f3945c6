"""``/zones``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.catalog.entities import ProviderId, RegionId, ZoneId
from inventiv_core.catalog.use_cases.instance_types import ListOnSale
from inventiv_core.catalog.use_cases.zones import CreateZone, ListZones, SearchZones, UpdateZone
from inventiv_core.catalog.views import EntryFilter, OnSaleFilter, ZoneDetails, ZoneRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PageRequest, needle, small
from inventiv_http.catalog.schemas.entries import (
    InstanceTypeBody,
    NewZone,
    ZoneBody,
    ZoneUpdate,
)
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.pages import NOTHING, SearchBody, search_body


class Zones(Controller):
    """Where machines stand."""

    path = "/zones"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["catalog"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List zones")
    async def list(
        self, actor: NamedDependency[Actor], list_zones: NamedDependency[ListZones]
    ) -> Sequence[ZoneRow]:
        return await list_zones(actor=actor)

    @get("/search", summary="Search zones")
    async def search(
        self,
        actor: NamedDependency[Actor],
        page: NamedDependency[PageRequest],
        search_zones: NamedDependency[SearchZones],
        q: FromQuery[str | None] = None,
        is_active: FromQuery[bool | None] = None,
        provider_id: FromQuery[UUID | None] = None,
        region_id: FromQuery[UUID | None] = None,
    ) -> SearchBody[ZoneDetails]:
        where = EntryFilter(
            q=needle(q),
            is_active=is_active,
            provider_id=None if provider_id is None else ProviderId(provider_id),
            region_id=None if region_id is None else RegionId(region_id),
        )
        found = await search_zones(where, page, actor=actor)
        return search_body(found, lambda zone: zone)

    @post(opt=needs(Permission.MANAGE_CATALOG), summary="Add a zone")
    async def create(
        self,
        data: JSONBody[NewZone],
        actor: NamedDependency[Actor],
        create_zone: NamedDependency[CreateZone],
    ) -> ZoneBody:
        return ZoneBody.of(await create_zone(data.wanted(), actor=actor))

    @put(
        "/{zone_id:str}",
        status_code=200,
        media_type="text/plain",
        opt=needs(Permission.MANAGE_CATALOG),
        summary="Change a zone",
    )
    async def update(
        self,
        zone_id: FromPath[UUID],
        data: JSONBody[ZoneUpdate],
        actor: NamedDependency[Actor],
        update_zone: NamedDependency[UpdateZone],
    ) -> str:
        await update_zone(ZoneId(zone_id), data.changes(), actor=actor)
        return NOTHING

    @get("/{zone_id:str}/instance_types", summary="List what is on sale in a zone")
    async def on_sale(
        self,
        zone_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        list_on_sale: NamedDependency[ListOnSale],
        provider_code: FromQuery[str | None] = None,
        provider_id: FromQuery[UUID | None] = None,
    ) -> Sequence[InstanceTypeBody]:
        code = needle(provider_code)
        where = OnSaleFilter(
            provider_id=None if provider_id is None else ProviderId(provider_id),
            provider_code=None if code is None else small(code),
        )
        on_sale = await list_on_sale(ZoneId(zone_id), where, actor=actor)
        return [InstanceTypeBody.of(kind) for kind in on_sale]
