"""``/users``: all the users of the platform, for its administrators."""

from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from inventiv_core.identity.access import Actor, OrganizationId, Permission, UserId
from inventiv_core.identity.use_cases.users import (
    CreateUser,
    DeleteUser,
    GetUser,
    ListUsers,
    SearchUsers,
    UpdateUser,
)
from inventiv_core.identity.views.users import UserFilter
from inventiv_core.kernel.pagination import PAGE_ROWS, PageRequest, needle
from inventiv_http.identity.schemas.users import NewUserBody, UserBody, UserChangesBody
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.pages import SearchBody, search_body


class Users(Controller):
    """Whoever may sign in."""

    path = "/users"
    opt = needs(Permission.MANAGE_USERS)
    tags = ["identity"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the users, newest first")
    async def list(
        self, actor: NamedDependency[Actor], list_users: NamedDependency[ListUsers]
    ) -> list[UserBody]:
        return [UserBody.of(row) for row in await list_users(actor=actor)]

    @get("/search", summary="Look through users and where they belong, page by page")
    async def search(
        self,
        actor: NamedDependency[Actor],
        search_users: NamedDependency[SearchUsers],
        q: FromQuery[str | None] = None,
        organization_id: FromQuery[UUID | None] = None,
        organization_role: FromQuery[str | None] = None,
        offset: FromQuery[int] = 0,
        limit: FromQuery[int] = PAGE_ROWS,
        sort_by: FromQuery[str | None] = None,
        sort_dir: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> SearchBody[UserBody]:
        where = UserFilter(
            needle=needle(q),
            organization_id=None if organization_id is None else OrganizationId(organization_id),
            organization_role=needle((organization_role or "").lower()),
        )
        page = PageRequest.of(
            offset=offset,
            limit=limit,
            order_by=(sort_by or "").strip().lower(),
            order_dir=sort_dir,
            cursor=cursor,
        )
        return search_body(await search_users(where, page, actor=actor), UserBody.of)

    @get("/{user_id:str}", summary="Look at one user")
    async def get(
        self,
        user_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_user: NamedDependency[GetUser],
    ) -> UserBody:
        return UserBody.of(await get_user(UserId(user_id), actor=actor))

    @post(summary="Give somebody an account")
    async def create(
        self,
        data: JSONBody[NewUserBody],
        actor: NamedDependency[Actor],
        create_user: NamedDependency[CreateUser],
    ) -> UserBody:
        return UserBody.of_user(await create_user(data.meant, actor=actor))

    @put("/{user_id:str}", summary="Change a user")
    async def update(
        self,
        user_id: FromPath[UUID],
        data: JSONBody[UserChangesBody],
        actor: NamedDependency[Actor],
        update_user: NamedDependency[UpdateUser],
    ) -> UserBody:
        return UserBody.of_user(await update_user(UserId(user_id), data.meant, actor=actor))

    @delete("/{user_id:str}", summary="Delete a user")
    async def delete(
        self,
        user_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        delete_user: NamedDependency[DeleteUser],
    ) -> None:
        await delete_user(UserId(user_id), actor=actor)
