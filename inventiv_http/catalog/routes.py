"""``/providers``, ``/regions``, ``/zones`` and ``/instance_types``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from inventiv_core.catalog.entities import Provider, ProviderId, Region, ZoneId
from inventiv_core.catalog.use_cases import (
    ListInstanceTypes,
    ListOnSale,
    ListProviders,
    ListRegions,
    ListZones,
)
from inventiv_core.catalog.views import OnSaleFilter, ZoneRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_http.catalog.schemas import InstanceTypeBody
from inventiv_http.kernel.auth import needs


class Catalog(Controller):
    """What can be rented, and where."""

    opt = needs(Permission.VIEW_CATALOG)
    tags = ["catalog"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/providers", summary="List providers")
    async def providers(
        self, actor: NamedDependency[Actor], list_providers: NamedDependency[ListProviders]
    ) -> Sequence[Provider]:
        return await list_providers(actor=actor)

    @get("/regions", summary="List regions")
    async def regions(
        self, actor: NamedDependency[Actor], list_regions: NamedDependency[ListRegions]
    ) -> Sequence[Region]:
        return await list_regions(actor=actor)

    @get("/zones", summary="List zones")
    async def zones(
        self, actor: NamedDependency[Actor], list_zones: NamedDependency[ListZones]
    ) -> Sequence[ZoneRow]:
        return await list_zones(actor=actor)

    @get("/instance_types", summary="List instance types")
    async def instance_types(
        self,
        actor: NamedDependency[Actor],
        list_instance_types: NamedDependency[ListInstanceTypes],
    ) -> list[InstanceTypeBody]:
        return [InstanceTypeBody.of(kind) for kind in await list_instance_types(actor=actor)]

    @get("/zones/{zone_id:str}/instance_types", summary="List what is on sale in a zone")
    async def on_sale(
        self,
        zone_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        list_on_sale: NamedDependency[ListOnSale],
        provider_code: FromQuery[str | None] = None,
        provider_id: FromQuery[UUID | None] = None,
    ) -> list[InstanceTypeBody]:
        where = OnSaleFilter(
            provider_id=None if provider_id is None else ProviderId(provider_id),
            provider_code=(provider_code or "").strip().lower() or None,
        )
        on_sale = await list_on_sale(ZoneId(zone_id), where, actor=actor)
        return [InstanceTypeBody.of(kind) for kind in on_sale]
