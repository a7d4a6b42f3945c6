"""``/models``"""

from collections.abc import Sequence

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.models.entities import Model
from inventiv_core.models.use_cases import ListModels
from inventiv_core.models.views import ModelOrder
from inventiv_http.kernel.auth import needs


class Models(Controller):
    """What can be served."""

    path = "/models"
    opt = needs(Permission.VIEW_CATALOG)
    tags = ["models"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List models")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_models: NamedDependency[ListModels],
        active: FromQuery[bool | None] = None,
        order_by: FromQuery[str | None] = None,
        order_dir: FromQuery[str | None] = None,
    ) -> Sequence[Model]:
        return await list_models(
            only_active=active is True,
            order=_order(order_by),
            descending=(order_dir or "").lower() == "desc",
            actor=actor,
        )


def _order(name: str | None) -> ModelOrder:
    """Return the order of that name; an unknown one means by name."""
    try:
        return ModelOrder(name or ModelOrder.NAME)
    except ValueError:
        return ModelOrder.NAME
