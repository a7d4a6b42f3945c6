"""``/organizations``: found one, work in it, look at it, change it, give it up."""

from typing import Any

from litestar import Controller, Request, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.identity.use_cases.organizations import (
    CreateOrganization,
    DeleteOrganization,
    GetOrganization,
    ListOrganizations,
    UpdateOrganization,
)
from inventiv_core.identity.use_cases.sessions import SwitchWorkspace
from inventiv_http.identity.cookies import session_cookie
from inventiv_http.identity.schemas.organizations import (
    NewOrganization,
    OrganizationBody,
    OrganizationChanges,
    RoleBody,
)
from inventiv_http.identity.schemas.sessions import StatusBody, WorkspaceBody, WorkspaceChoice
from inventiv_http.kernel.auth import needs
from inventiv_http.settings import Settings

_MANAGE = needs(Permission.MANAGE_ORGANIZATION)
_USE = needs(Permission.USE_ORGANIZATION)


class Organizations(Controller):
    """Teams."""

    path = "/organizations"
    opt = needs(Permission.USE_ACCOUNT)
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the organizations one belongs to")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_organizations: NamedDependency[ListOrganizations],
    ) -> list[OrganizationBody]:
        return [OrganizationBody.of(row) for row in await list_organizations(actor=actor)]

    @post(status_code=200, summary="Found an organization")
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[NewOrganization],
        actor: NamedDependency[Actor],
        create_organization: NamedDependency[CreateOrganization],
        settings: NamedDependency[Settings],
    ) -> Response[OrganizationBody]:
        founded = await create_organization(
            data.name, data.slug, set_as_current=data.set_as_current is not False, actor=actor
        )
        cookies = []
        if (switched := founded.switched) is not None:
            cookies = [
                session_cookie(request, settings, switched.token, lifetime=switched.lifetime)
            ]
        return Response(OrganizationBody.of(founded.organization), cookies=cookies)

    @put("/current", summary="Choose the workspace")
    async def switch(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[WorkspaceChoice],
        actor: NamedDependency[Actor],
        switch_workspace: NamedDependency[SwitchWorkspace],
        settings: NamedDependency[Settings],
    ) -> Response[WorkspaceBody]:
        chosen = None if data.organization_id is None else OrganizationId(data.organization_id)
        switched = await switch_workspace(chosen, actor=actor)
        cookie = session_cookie(request, settings, switched.token, lifetime=switched.lifetime)
        return Response(WorkspaceBody(current_organization_id=chosen), cookies=[cookie])

    @get("/current", opt=_USE, summary="Look at the current organization")
    async def current(
        self, actor: NamedDependency[Actor], get_organization: NamedDependency[GetOrganization]
    ) -> OrganizationBody:
        return OrganizationBody.of(await get_organization(actor=actor))

    @get("/current/role", opt=_USE, summary="What is one in the current organization?")
    async def role(
        self, actor: NamedDependency[Actor], get_organization: NamedDependency[GetOrganization]
    ) -> RoleBody:
        row = await get_organization(actor=actor)
        return RoleBody(organization_id=row.id, role=row.role)

    @patch("/current", opt=_MANAGE, summary="Give the current organization another name or slug")
    async def update(
        self,
        data: JSONBody[OrganizationChanges],
        actor: NamedDependency[Actor],
        update_organization: NamedDependency[UpdateOrganization],
    ) -> OrganizationBody:
        row = await update_organization(name=data.name, slug=data.slug, actor=actor)
        return OrganizationBody.of(row)

    @delete("/current", status_code=200, opt=_MANAGE, summary="Give the current organization up")
    async def delete(
        self,
        actor: NamedDependency[Actor],
        delete_organization: NamedDependency[DeleteOrganization],
    ) -> StatusBody:
        await delete_organization(actor=actor)
        return StatusBody()
