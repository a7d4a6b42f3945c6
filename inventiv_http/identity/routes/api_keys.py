"""``/api_keys``, and the keys of an organization."""

from typing import Final
from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.identity.access import Actor, ApiKeyId, Permission
from inventiv_core.identity.use_cases.api_keys import (
    CreateApiKey,
    ListApiKeys,
    ListOrganizationKeys,
    RevokeApiKey,
    RevokeOrganizationKey,
    SearchApiKeys,
    UpdateApiKey,
)
from inventiv_core.identity.use_cases.recognition import Recognised
from inventiv_core.kernel.pagination import PAGE_ROWS, PageRequest
from inventiv_http.identity.schemas.api_keys import (
    ApiKeyBody,
    ApiKeyUpdate,
    NewApiKey,
    NewKeyBody,
    OrganizationKeyBody,
)
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.pages import NOTHING, SearchBody, search_body

_MOST_ROWS: Final = 500


class ApiKeys(Controller):
    """One's own keys, in whatever workspace."""

    path = "/api_keys"
    opt = needs(Permission.MANAGE_OWN_KEYS)
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List one's own keys")
    async def list(
        self, actor: NamedDependency[Actor], list_api_keys: NamedDependency[ListApiKeys]
    ) -> list[ApiKeyBody]:
        return [ApiKeyBody.of(row) for row in await list_api_keys(actor=actor)]

    @get("/search", summary="Look through one's own keys, page by page")
    async def search(
        self,
        actor: NamedDependency[Actor],
        search_api_keys: NamedDependency[SearchApiKeys],
        offset: FromQuery[int] = 0,
        limit: FromQuery[int] = PAGE_ROWS,
        sort_by: FromQuery[str | None] = None,
        sort_dir: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> SearchBody[ApiKeyBody]:
        page = PageRequest.of(
            offset=offset,
            limit=min(limit, _MOST_ROWS),
            order_by=sort_by,
            order_dir=sort_dir or "desc",
            cursor=cursor,
        )
        return search_body(await search_api_keys(page, actor=actor), ApiKeyBody.of)

    @post(status_code=200, summary="Make a key for the present workspace; it is shown this once")
    async def create(
        self,
        data: JSONBody[NewApiKey],
        actor: NamedDependency[Actor],
        session: NamedDependency[Recognised],
        create_api_key: NamedDependency[CreateApiKey],
    ) -> NewKeyBody:
        made = await create_api_key(data.name, data.to_scope(), actor=actor)
        return NewKeyBody.of(made, organization_name=session.session.organization_name)

    @put(
        "/{key_id:str}",
        media_type="text/plain",
        summary="Rename a key, or change what it may be used for",
    )
    async def update(
        self,
        key_id: FromPath[UUID],
        data: JSONBody[ApiKeyUpdate],
        actor: NamedDependency[Actor],
        update_api_key: NamedDependency[UpdateApiKey],
    ) -> str:
        await update_api_key(ApiKeyId(key_id), data.to_change(), actor=actor)
        return NOTHING

    @delete("/{key_id:str}", status_code=200, media_type="text/plain", summary="End a key")
    async def revoke(
        self,
        key_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        revoke_api_key: NamedDependency[RevokeApiKey],
    ) -> str:
        await revoke_api_key(ApiKeyId(key_id), actor=actor)
        return NOTHING


class OrganizationKeys(Controller):
    """The keys that work in the organization, whosoever they are."""

    path = "/organizations/current/api_keys"
    opt = needs(Permission.VIEW_ORGANIZATION_KEYS)
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the organization's keys")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_organization_keys: NamedDependency[ListOrganizationKeys],
    ) -> list[OrganizationKeyBody]:
        return [
            OrganizationKeyBody(key=ApiKeyBody.of(row), user_id=row.user_id, username=row.username)
            for row in await list_organization_keys(actor=actor)
        ]

    @delete(
        "/{key_id:str}",
        status_code=200,
        opt=needs(Permission.MANAGE_ORGANIZATION_KEYS),
        media_type="text/plain",
        summary="End one of the organization's keys",
    )
    async def revoke(
        self,
        key_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        revoke_organization_key: NamedDependency[RevokeOrganizationKey],
    ) -> str:
        await revoke_organization_key(ApiKeyId(key_id), actor=actor)
        return NOTHING
