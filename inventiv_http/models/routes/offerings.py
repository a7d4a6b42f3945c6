"""``/offerings``: what organizations offer of models, and to whom"""

from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PageRequest, needle
from inventiv_core.models.entities import OfferingId, ShareId, Visibility
from inventiv_core.models.use_cases.offerings import (
    CreateOffering,
    DeleteOffering,
    GetOffering,
    ListUsableModels,
    SearchOfferings,
    SetOfferingPrice,
    UpdateOffering,
)
from inventiv_core.models.use_cases.shares import (
    ListShares,
    RevokeShare,
    SetSharePrice,
    ShareOffering,
    UpdateShare,
)
from inventiv_core.models.views import OfferingFilter
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.pages import NOTHING, SearchBody, search_body
from inventiv_http.models.schemas.offerings import (
    GrantBody,
    NewOfferingRequest,
    NewShareRequest,
    OfferingBody,
    OfferingChangesRequest,
    PriceRequest,
    ShareBody,
    ShareChangesRequest,
)


class Offerings(Controller):
    """What the organization offers."""

    path = "/offerings"
    opt = needs(Permission.VIEW_OFFERINGS)
    tags = ["offerings"]  # noqa: RUF012 - Litestar reads it from the class

    @get(
        "/usable",
        opt=needs(Permission.VIEW_CATALOG),
        summary="List what the workspace may use, through what, and at what price",
    )
    async def usable(
        self, actor: NamedDependency[Actor], list_usable_models: NamedDependency[ListUsableModels]
    ) -> list[GrantBody]:
        return [GrantBody.of(grant) for grant in await list_usable_models(actor=actor)]

    @get(summary="Look through what the organization offers, page by page")
    async def search(
        self,
        page: NamedDependency[PageRequest],
        actor: NamedDependency[Actor],
        search_offerings: NamedDependency[SearchOfferings],
        q: FromQuery[str | None] = None,
        is_active: FromQuery[bool | None] = None,
        visibility: FromQuery[Visibility | None] = None,
    ) -> SearchBody[OfferingBody]:
        where = OfferingFilter(needle=needle(q), is_active=is_active, visibility=visibility)
        return search_body(await search_offerings(where, page, actor=actor), OfferingBody.of)

    @post(opt=needs(Permission.MANAGE_OFFERINGS), summary="Offer a model")
    async def create(
        self,
        data: JSONBody[NewOfferingRequest],
        actor: NamedDependency[Actor],
        create_offering: NamedDependency[CreateOffering],
    ) -> OfferingBody:
        return OfferingBody.of(await create_offering(data.offering(), actor=actor))

    @get("/{offering_id:str}", summary="Look at one offering")
    async def look(
        self,
        offering_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_offering: NamedDependency[GetOffering],
    ) -> OfferingBody:
        return OfferingBody.of(await get_offering(OfferingId(offering_id), actor=actor))

    @put(
        "/{offering_id:str}",
        opt=needs(Permission.MANAGE_OFFERINGS),
        summary="Change an offering: its names, whether it is active, who finds it, for how long",
    )
    async def update(
        self,
        offering_id: FromPath[UUID],
        data: JSONBody[OfferingChangesRequest],
        actor: NamedDependency[Actor],
        update_offering: NamedDependency[UpdateOffering],
    ) -> OfferingBody:
        changed = await update_offering(OfferingId(offering_id), data.changes(), actor=actor)
        return OfferingBody.of(changed)

    @put(
        "/{offering_id:str}/price",
        opt=needs(Permission.SET_PRICES),
        summary="Set the price of an offering, or take it away",
    )
    async def set_price(
        self,
        offering_id: FromPath[UUID],
        data: JSONBody[PriceRequest],
        actor: NamedDependency[Actor],
        set_offering_price: NamedDependency[SetOfferingPrice],
    ) -> OfferingBody:
        priced = await set_offering_price(OfferingId(offering_id), data.wanted(), actor=actor)
        return OfferingBody.of(priced)

    @delete(
        "/{offering_id:str}",
        status_code=200,
        opt=needs(Permission.MANAGE_OFFERINGS),
        media_type="text/plain",
        summary="Offer a model no longer",
    )
    async def remove(
        self,
        offering_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        delete_offering: NamedDependency[DeleteOffering],
    ) -> str:
        await delete_offering(OfferingId(offering_id), actor=actor)
        return NOTHING


class Shares(Controller):
    """With whom an offering is shared."""

    path = "/offerings/{offering_id:str}/shares"
    opt = needs(Permission.MANAGE_OFFERINGS)
    tags = ["offerings"]  # noqa: RUF012 - Litestar reads it from the class

    @get(opt=needs(Permission.VIEW_OFFERINGS), summary="List with whom an offering is shared")
    async def list(
        self,
        offering_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        list_shares: NamedDependency[ListShares],
    ) -> list[ShareBody]:
        shares = await list_shares(OfferingId(offering_id), actor=actor)
        return [ShareBody.of(row) for row in shares]

    @post(summary="Share an offering with another organization")
    async def share(
        self,
        offering_id: FromPath[UUID],
        data: JSONBody[NewShareRequest],
        actor: NamedDependency[Actor],
        share_offering: NamedDependency[ShareOffering],
    ) -> ShareBody:
        shared = await share_offering(OfferingId(offering_id), data.share(), actor=actor)
        return ShareBody.of(shared)

    @put("/{share_id:str}", summary="Pause a share, take it up again, change how long it lasts")
    async def update(
        self,
        offering_id: FromPath[UUID],
        share_id: FromPath[UUID],
        data: JSONBody[ShareChangesRequest],
        actor: NamedDependency[Actor],
        update_share: NamedDependency[UpdateShare],
    ) -> ShareBody:
        changed = await update_share(
            OfferingId(offering_id), ShareId(share_id), data.changes(), actor=actor
        )
        return ShareBody.of(changed)

    @put(
        "/{share_id:str}/price",
        opt=needs(Permission.SET_PRICES),
        summary="Agree on a price with one organization, or on that of the offering",
    )
    async def set_price(
        self,
        offering_id: FromPath[UUID],
        share_id: FromPath[UUID],
        data: JSONBody[PriceRequest],
        actor: NamedDependency[Actor],
        set_share_price: NamedDependency[SetSharePrice],
    ) -> ShareBody:
        priced = await set_share_price(
            OfferingId(offering_id), ShareId(share_id), data.wanted(), actor=actor
        )
        return ShareBody.of(priced)

    @delete("/{share_id:str}", status_code=200, media_type="text/plain", summary="Revoke a share")
    async def revoke(
        self,
        offering_id: FromPath[UUID],
        share_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        revoke_share: NamedDependency[RevokeShare],
    ) -> str:
        await revoke_share(OfferingId(offering_id), ShareId(share_id), actor=actor)
        return NOTHING
