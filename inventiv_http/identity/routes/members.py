"""``/organizations/current/members``: who belongs to the organization, and as what."""

from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from inventiv_core.identity.access import Actor, Permission, UserId
from inventiv_core.identity.use_cases.members import ChangeMemberRole, ListMembers, RemoveMember
from inventiv_http.identity.schemas.members import ChangedMemberBody, MemberBody, RoleChoice
from inventiv_http.identity.schemas.sessions import StatusBody
from inventiv_http.kernel.auth import needs


class Members(Controller):
    """Who belongs to the current organization."""

    path = "/organizations/current"
    opt = needs(Permission.USE_ORGANIZATION)
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/members", summary="List the members")
    async def list(
        self, actor: NamedDependency[Actor], list_members: NamedDependency[ListMembers]
    ) -> list[MemberBody]:
        return [MemberBody.of(row) for row in await list_members(actor=actor)]

    @put("/members/{user_id:str}", summary="Give a member another role")
    async def change_role(
        self,
        user_id: FromPath[UUID],
        data: JSONBody[RoleChoice],
        actor: NamedDependency[Actor],
        change_member_role: NamedDependency[ChangeMemberRole],
    ) -> ChangedMemberBody:
        role = await change_member_role(UserId(user_id), data.role, actor=actor)
        return ChangedMemberBody(member_user_id=user_id, role=role)

    @delete("/members/{user_id:str}", status_code=200, summary="Remove a member")
    async def remove(
        self,
        user_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        remove_member: NamedDependency[RemoveMember],
    ) -> StatusBody:
        await remove_member(UserId(user_id), actor=actor)
        return StatusBody()

    @post("/leave", status_code=200, summary="Leave the current organization")
    async def leave(
        self, actor: NamedDependency[Actor], remove_member: NamedDependency[RemoveMember]
    ) -> StatusBody:
        await remove_member(actor=actor)
        return StatusBody()
