"""``/v1``, and the limits of what it may be used for"""

from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.inference.entities.limits import LimitId
from inventiv_core.inference.use_cases.limits import (
    ListLimits,
    ListPlatformLimits,
    RemoveLimit,
    RemovePlatformLimit,
    SetLimit,
    SetPlatformLimit,
)
from inventiv_core.inference.use_cases.routing import ListServedModels
from inventiv_http.inference.documentation import Call
from inventiv_http.inference.gateway import PATHS
from inventiv_http.inference.schemas import LimitBody, LimitRequest, PlatformLimitRequest
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.documentation import OpenAiErrorBody, documented
from inventiv_http.kernel.pages import NOTHING


class ServedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that answers right now."""

    id: str
    object: str = "model"
    created: int
    """When its worker was last heard of, in seconds since 1970."""
    owned_by: str = "inventiv"


class ServedModels(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    object: str = "list"
    data: list[ServedModel]


class OpenAiModels(Controller):
    """Which models can be used."""

    opt = needs(Permission.INFER)
    tags = ["inference"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/v1/models", summary="List the models that answer right now")
    async def models(
        self,
        actor: NamedDependency[Actor],
        list_served_models: NamedDependency[ListServedModels],
    ) -> ServedModels:
        served = await list_served_models(actor=actor)
        return ServedModels(
            data=[
                ServedModel(id=model.name, created=int(model.fresh_at.timestamp()))
                for model in served
            ]
        )


class Limits(Controller):
    """How much of models the organization may use, and who in it."""

    path = "/organizations/current/limits"
    opt = needs(Permission.MANAGE_LIMITS)
    tags = ["inference"]  # noqa: RUF012 - Litestar reads it from the class

    @get(
        opt=needs(Permission.VIEW_LIMITS),
        summary="List what limits the organization: its own limits, and the platform's",
    )
    async def show(
        self, actor: NamedDependency[Actor], list_limits: NamedDependency[ListLimits]
    ) -> list[LimitBody]:
        return [LimitBody.of(limit) for limit in await list_limits(actor=actor)]

    @put(summary="Limit the organization, or a member, a key or a model of it, or several of these")
    async def set(
        self,
        data: JSONBody[LimitRequest],
        actor: NamedDependency[Actor],
        set_limit: NamedDependency[SetLimit],
    ) -> LimitBody:
        return LimitBody.of(await set_limit(data.limited(), data.changes(), actor=actor))

    @delete(
        "/{limit_id:str}", status_code=200, media_type="text/plain", summary="Take a limit away"
    )
    async def remove(
        self,
        limit_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        remove_limit: NamedDependency[RemoveLimit],
    ) -> str:
        await remove_limit(LimitId(limit_id), actor=actor)
        return NOTHING


class PlatformLimits(Controller):
    """How much of models anybody may use."""

    path = "/limits"
    opt = needs(Permission.MANAGE_PLATFORM)
    tags = ["inference"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List the platform's limits: its defaults, and those of single organizations")
    async def show(
        self,
        actor: NamedDependency[Actor],
        list_platform_limits: NamedDependency[ListPlatformLimits],
    ) -> list[LimitBody]:
        return [LimitBody.of(limit) for limit in await list_platform_limits(actor=actor)]

    @put(summary="Limit each workspace by default, or an organization instead")
    async def set(
        self,
        data: JSONBody[PlatformLimitRequest],
        actor: NamedDependency[Actor],
        set_platform_limit: NamedDependency[SetPlatformLimit],
    ) -> LimitBody:
        limit = await set_platform_limit(
            data.organization(), data.model, data.changes(), actor=actor
        )
        return LimitBody.of(limit)

    @delete(
        "/{limit_id:str}",
        status_code=200,
        media_type="text/plain",
        summary="Take a limit of the platform away",
    )
    async def remove(
        self,
        limit_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        remove_platform_limit: NamedDependency[RemovePlatformLimit],
    ) -> str:
        await remove_platform_limit(LimitId(limit_id), actor=actor)
        return NOTHING


@post(
    list(PATHS),
    status_code=200,
    opt=needs(Permission.INFER),
    tags=["inference"],
    operation_class=Call,
    responses=documented(402, 404, 413, 429, 502, shape=OpenAiErrorBody),
    summary="Call a model, as OpenAI's clients do",
)
async def forward(state: State) -> ASGIApp:
    """Have the gateway answer, which takes calls before the router does."""
    gateway: ASGIApp = state.gateway
    return gateway
