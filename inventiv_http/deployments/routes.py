"""``/deployments``"""

from typing import Any, Final
from uuid import UUID

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from inventiv_core.deployments.errors import DeploymentRefused, PlanRefused
from inventiv_core.deployments.use_cases.deployments import CreateDeployment
from inventiv_core.deployments.use_cases.plans import PlanDeployment
from inventiv_core.deployments.use_cases.quotas import GetQuota, SetQuota
from inventiv_core.identity.access import Actor, OrganizationId, Permission
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_http.deployments.schemas import (
    DeploymentBody,
    LimitsBody,
    NewDeployment,
    NewPlan,
    NewQuota,
    PlanBody,
    QuotaBody,
    RefusedBody,
)
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.documentation import ErrorBody, documented
from inventiv_http.kernel.errors import Json, status_of
from inventiv_http.kernel.idempotency import REPLAYED
from inventiv_http.kernel.request_ids import request_id

_REFUSALS: Final = documented(400, 409, shape=RefusedBody | ErrorBody)


def refused(
    request: Request[Any, Any, Any], error: DeploymentRefused | PlanRefused
) -> Response[Json]:
    """Answer in the shape that clients of this route expect, with the facts beside it."""
    body = {
        "status": "failed",
        "message": str(error),
        "error": error.kind,
        "error_code": error.code,
        **error.facts,
        "request_id": request_id(request.scope),
    }
    return Response(body, status_code=status_of(error), media_type="application/json")


class Deployments(Controller):
    """Put models on machines."""

    path = "/deployments"
    opt = needs(Permission.MANAGE_INSTANCES)
    tags = ["deployments"]  # noqa: RUF012 - Litestar reads it from the class
    exception_handlers: Any = {DeploymentRefused: refused, PlanRefused: refused}  # noqa: RUF012

    @post(status_code=200, responses=_REFUSALS, summary="Deploy a model on a new machine")
    async def create(
        self,
        data: JSONBody[NewDeployment],
        actor: NamedDependency[Actor],
        create_deployment: NamedDependency[CreateDeployment],
        idempotency_key: NamedDependency[IdempotencyKey | None],
    ) -> Response[DeploymentBody]:
        deployment = await create_deployment(
            data.to_request(), plan_id=data.plan, key=idempotency_key, actor=actor
        )
        return Response(
            DeploymentBody(status="accepted", instance_id=deployment.instance_id),
            headers={REPLAYED: "true"} if deployment.is_replayed else {},
        )

    @post(
        "/plan",
        status_code=200,
        responses=_REFUSALS,
        summary="What would a deployment be, and cost?",
    )
    async def plan(
        self,
        data: JSONBody[NewPlan],
        actor: NamedDependency[Actor],
        plan_deployment: NamedDependency[PlanDeployment],
    ) -> PlanBody:
        details = await plan_deployment(data.to_request(), wish=data.wish(), actor=actor)
        return PlanBody.of(details)


class Quotas(Controller):
    """How much organizations may have."""

    path = "/organizations"
    opt = needs(Permission.USE_ORGANIZATION)
    tags = ["deployments"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/current/quota", summary="What the organization may have, and has")
    async def get(
        self, actor: NamedDependency[Actor], get_quota: NamedDependency[GetQuota]
    ) -> QuotaBody:
        standing = await get_quota(actor=actor)
        return QuotaBody(quota=LimitsBody.of(standing.quota), in_use=LimitsBody.of(standing.in_use))

    @put(
        "/{organization_id:str}/quota",
        opt=needs(Permission.MANAGE_PLATFORM),
        summary="Say how much an organization may have",
    )
    async def set(
        self,
        organization_id: FromPath[UUID],
        data: JSONBody[NewQuota],
        actor: NamedDependency[Actor],
        set_quota: NamedDependency[SetQuota],
    ) -> LimitsBody:
        quota = data.to_quota()
        await set_quota(OrganizationId(organization_id), quota, actor=actor)
        return LimitsBody.of(quota)
