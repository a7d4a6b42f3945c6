"""``/providers``"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.catalog.entities import Provider, ProviderId
from inventiv_core.catalog.use_cases.providers import (
    CreateProvider,
    ListProviders,
    SearchProviders,
    UpdateProvider,
)
from inventiv_core.catalog.views import EntryFilter
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.pagination import PageRequest, needle
from inventiv_http.catalog.schemas.entries import NewProvider, ProviderUpdate
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.pages import NOTHING, SearchBody, search_body


class Providers(Controller):
    """Who rents out machines."""

    path = "/providers"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["catalog"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List providers")
    async def list(
        self, actor: NamedDependency[Actor], list_providers: NamedDependency[ListProviders]
    ) -> Sequence[Provider]:
        return await list_providers(actor=actor)

    @get("/search", summary="Search providers")
    async def search(
        self,
        actor: NamedDependency[Actor],
        page: NamedDependency[PageRequest],
        search_providers: NamedDependency[SearchProviders],
        q: FromQuery[str | None] = None,
        is_active: FromQuery[bool | None] = None,
    ) -> SearchBody[Provider]:
        where = EntryFilter(q=needle(q), is_active=is_active)
        found = await search_providers(where, page, actor=actor)
        return search_body(found, lambda provider: provider)

    @post(opt=needs(Permission.MANAGE_CATALOG), summary="Add a provider")
    async def create(
        self,
        data: JSONBody[NewProvider],
        actor: NamedDependency[Actor],
        create_provider: NamedDependency[CreateProvider],
    ) -> Provider:
        return await create_provider(data.wanted(), actor=actor)

    @put(
        "/{provider_id:str}",
        status_code=200,
        media_type="text/plain",
        opt=needs(Permission.MANAGE_CATALOG),
        summary="Change a provider",
    )
    async def update(
        self,
        provider_id: FromPath[UUID],
        data: JSONBody[ProviderUpdate],
        actor: NamedDependency[Actor],
        update_provider: NamedDependency[UpdateProvider],
    ) -> str:
        await update_provider(ProviderId(provider_id), data.changes(), actor=actor)
        return NOTHING
