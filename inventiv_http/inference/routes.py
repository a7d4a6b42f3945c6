"""``/v1``"""

from typing import Any, cast

import msgspec
from litestar import Controller, asgi, get
from litestar.di import NamedDependency
from litestar.types import HTTPScope, Receive, Scope, Send

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.inference.use_cases.routing import ListServedModels
from inventiv_http.inference.gateway import PATHS, Gateway
from inventiv_http.kernel.auth import needs


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


@asgi(
    list(PATHS),
    copy_scope=False,
    opt=needs(Permission.INFER),
)
async def forward(scope: Scope, receive: Receive, send: Send) -> None:
    """Forward a call to an engine: not a handler like others, for it deals in bytes."""
    state: Any = scope["litestar_app"].state
    gateway: Gateway = state.gateway
    call = cast("HTTPScope", scope)
    await gateway.handle(call, receive, send, call["auth"])
