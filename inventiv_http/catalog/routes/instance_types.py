"""``/instance_types``"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.catalog.entities import InstanceTypeId, ProviderId, ZoneId
from inventiv_core.catalog.errors import InstanceTypeNotFound, ZoneNotOfProvider
from inventiv_core.catalog.use_cases.instance_types import (
    CreateInstanceType,
    ListInstanceTypes,
    ListPrices,
    ListZonesOfInstanceType,
    SearchInstanceTypes,
    SetZonesOfInstanceType,
    UpdateInstanceType,
)
from inventiv_core.catalog.views import EntryFilter, InstanceTypeZoneRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.pagination import PageRequest, needle
from inventiv_http.catalog.schemas.entries import (
    InstanceTypeBody,
    InstanceTypeSearchBody,
    InstanceTypeUpdate,
    NewInstanceType,
    PriceBody,
    ZoneChoice,
)
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.documentation import coming_as
from inventiv_http.kernel.errors import status_of
from inventiv_http.kernel.pages import NOTHING, SearchBody, search_body

_SENTENCES: Final = ("application/json", "text/plain")


def in_words(request: Request[Any, Any, Any], error: DomainError) -> Response[str]:
    """Answer with a sentence alone: clients of this route show people what it says."""
    del request
    return Response(str(error), status_code=status_of(error), media_type="text/plain")


class InstanceTypes(Controller):
    """What kinds of machines there are."""

    path = "/instance_types"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["catalog"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List instance types")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_instance_types: NamedDependency[ListInstanceTypes],
    ) -> Sequence[InstanceTypeBody]:
        return [InstanceTypeBody.of(kind) for kind in await list_instance_types(actor=actor)]

    @get("/search", summary="Search instance types")
    async def search(
        self,
        actor: NamedDependency[Actor],
        page: NamedDependency[PageRequest],
        search_instance_types: NamedDependency[SearchInstanceTypes],
        q: FromQuery[str | None] = None,
        is_active: FromQuery[bool | None] = None,
        provider_id: FromQuery[UUID | None] = None,
    ) -> SearchBody[InstanceTypeSearchBody]:
        where = EntryFilter(
            q=needle(q),
            is_active=is_active,
            provider_id=None if provider_id is None else ProviderId(provider_id),
        )
        found = await search_instance_types(where, page, actor=actor)
        return search_body(found, InstanceTypeSearchBody.of)

    @post(opt=needs(Permission.MANAGE_CATALOG), summary="Add an instance type")
    async def create(
        self,
        data: JSONBody[NewInstanceType],
        actor: NamedDependency[Actor],
        create_instance_type: NamedDependency[CreateInstanceType],
    ) -> InstanceTypeBody:
        return InstanceTypeBody.of(await create_instance_type(data.wanted(), actor=actor))

    @put(
        "/{instance_type_id:str}",
        status_code=200,
        media_type="text/plain",
        opt=needs(Permission.MANAGE_CATALOG),
        summary="Change an instance type",
    )
    async def update(
        self,
        instance_type_id: FromPath[UUID],
        data: JSONBody[InstanceTypeUpdate],
        actor: NamedDependency[Actor],
        update_instance_type: NamedDependency[UpdateInstanceType],
    ) -> str:
        await update_instance_type(InstanceTypeId(instance_type_id), data.changes(), actor=actor)
        return NOTHING

    @get("/{instance_type_id:str}/zones", summary="List where a type is on sale")
    async def zones(
        self,
        instance_type_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        list_zones_of_instance_type: NamedDependency[ListZonesOfInstanceType],
    ) -> Sequence[InstanceTypeZoneRow]:
        return await list_zones_of_instance_type(InstanceTypeId(instance_type_id), actor=actor)

    @put(
        "/{instance_type_id:str}/zones",
        status_code=200,
        media_type="text/plain",
        opt=needs(Permission.MANAGE_CATALOG),
        exception_handlers={InstanceTypeNotFound: in_words, ZoneNotOfProvider: in_words},
        operation_class=coming_as({400: _SENTENCES, 404: _SENTENCES}),
        summary="Put a type on sale in exactly these zones",
    )
    async def set_zones(
        self,
        instance_type_id: FromPath[UUID],
        data: JSONBody[ZoneChoice],
        actor: NamedDependency[Actor],
        set_zones_of_instance_type: NamedDependency[SetZonesOfInstanceType],
    ) -> str:
        zone_ids = [ZoneId(zone_id) for zone_id in data.zone_ids]
        await set_zones_of_instance_type(InstanceTypeId(instance_type_id), zone_ids, actor=actor)
        return "OK"

    @get("/{instance_type_id:str}/prices", summary="List what a type costs and has cost")
    async def prices(
        self,
        instance_type_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        list_prices: NamedDependency[ListPrices],
        limit: FromQuery[int] = 100,
    ) -> Sequence[PriceBody]:
        rows = await list_prices(InstanceTypeId(instance_type_id), limit=limit, actor=actor)
        return [PriceBody.of(row) for row in rows]
