"""``/gpu/activity``, ``/system/activity``, ``/runtime/models``, ``/metrics``"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import InstanceId
from inventiv_core.kernel.errors import Unauthenticated
from inventiv_core.observability.entities import DEFAULT_WINDOW_S, Level
from inventiv_core.observability.use_cases import (
    ActivityRequest,
    GetRequestMetrics,
    ListRuntimeModels,
    ShowGpuActivity,
    ShowSystemActivity,
)
from inventiv_http.kernel.auth import PUBLIC, bearer_token, needs
from inventiv_http.kernel.documentation import documented
from inventiv_http.kernel.metrics import CONTENT_TYPE, Metrics, may_read
from inventiv_http.observability.schemas import (
    GpuActivityBody,
    RequestMetricsBody,
    RuntimeModelBody,
    SystemActivityBody,
)
from inventiv_http.settings import Settings


@dataclass(eq=False, kw_only=True)
class MetricsTokenInvalid(Unauthenticated):
    """Metrics are for whoever has their token."""


def asked(window_s: int, granularity: str | None, instance_id: UUID | None) -> ActivityRequest:
    """Return what a query asks for. A word that is not known means as fine as can be."""
    level = None
    if granularity is not None:
        word = granularity.strip().lower()
        level = Level(word) if word in set(Level) else Level.SECOND
    return ActivityRequest(
        window_s=window_s,
        level=level,
        instance_id=None if instance_id is None else InstanceId(instance_id),
    )


class Activities(Controller):
    """What GPUs and machines have been doing."""

    opt = needs(Permission.VIEW_INSTANCES)
    tags = ["observability"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/gpu/activity", summary="What GPUs have been doing")
    async def gpus(
        self,
        actor: NamedDependency[Actor],
        show_gpu_activity: NamedDependency[ShowGpuActivity],
        window_s: FromQuery[int] = DEFAULT_WINDOW_S,
        instance_id: FromQuery[UUID | None] = None,
        granularity: FromQuery[str | None] = None,
        extremes: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    ) -> GpuActivityBody:
        request = asked(window_s, granularity, instance_id)
        activity = await show_gpu_activity(request, actor=actor)
        return GpuActivityBody.of(activity, extremes=extremes)

    @get("/system/activity", summary="What machines have been doing")
    async def systems(
        self,
        actor: NamedDependency[Actor],
        show_system_activity: NamedDependency[ShowSystemActivity],
        window_s: FromQuery[int] = DEFAULT_WINDOW_S,
        instance_id: FromQuery[UUID | None] = None,
        granularity: FromQuery[str | None] = None,
        extremes: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    ) -> SystemActivityBody:
        request = asked(window_s, granularity, instance_id)
        activity = await show_system_activity(request, actor=actor)
        return SystemActivityBody.of(activity, extremes=extremes)


class RuntimeModels(Controller):
    """Which models are served, and how it goes."""

    opt = needs(Permission.VIEW_INSTANCES)
    tags = ["observability"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/runtime/models", summary="List the models that were served")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_runtime_models: NamedDependency[ListRuntimeModels],
    ) -> list[RuntimeModelBody]:
        rows = await list_runtime_models(actor=actor)
        return [RuntimeModelBody.of(row) for row in rows]


class InstanceMetrics(Controller):
    """What is asked of instances."""

    opt = needs(Permission.VIEW_INSTANCES)
    tags = ["observability"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/instances/{instance_id:str}/metrics", summary="How many requests it has answered")
    async def requests(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_request_metrics: NamedDependency[GetRequestMetrics],
    ) -> RequestMetricsBody:
        metrics = await get_request_metrics(InstanceId(instance_id), actor=actor)
        return RequestMetricsBody.of(metrics)


class Prometheus(Controller):
    """What the process counts about itself."""

    opt = PUBLIC  # to those who have the token: they are no users
    tags = ["server"]  # noqa: RUF012 - Litestar reads it from the class

    @get(
        "/metrics",
        media_type="text/plain",
        responses=documented(401, 404),
        summary="Metrics for Prometheus",
    )
    async def metrics(
        self,
        request: Request[Any, Any, Any],
        settings: NamedDependency[Settings],
        metrics: NamedDependency[Metrics],
    ) -> Response[bytes]:
        if settings.metrics_token is None:
            raise NotFoundException
        if not may_read(bearer_token(request), settings):
            raise MetricsTokenInvalid
        return Response(metrics.text(), media_type=CONTENT_TYPE)
