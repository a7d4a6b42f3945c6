"""Routes to workers. A test names only what it is about."""

from collections.abc import Sequence
from datetime import datetime

from inventiv_core.identity.access import OrganizationId
from inventiv_core.inference.entities.routes import Route, ServableModel
from inventiv_core.inference.entities.routing import Router
from inventiv_core.instances.entities import InstanceId
from tests.builders import ACME, NOON, a_number


def a_model(model_id: str = "acme/Talker-7B", *, name: str = "Talker") -> ServableModel:
    return ServableModel(id=a_number(), model_id=model_id, name=name, context_length=8192)


MODEL = a_model()


def a_route(
    *,
    owner: OrganizationId = ACME,
    model_id: str = MODEL.model_id,
    queue_depth: int = 0,
    fresh_at: datetime = NOON,
) -> Route:
    instance_id = InstanceId(a_number())
    return Route(
        instance_id=instance_id,
        organization_id=owner,
        model_id=model_id,
        base_url=f"http://{instance_id}",
        queue_depth=queue_depth,
        fresh_at=fresh_at,
    )


def a_router(routes: Sequence[Route] = (), *, models: Sequence[ServableModel] = (MODEL,)) -> Router:
    router = Router()
    router.replace(models, routes, now=NOON)
    return router
