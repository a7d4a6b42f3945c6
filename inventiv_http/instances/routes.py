"""``/instances``"""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import InstanceId
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.instances.use_cases import (
    ArchiveInstance,
    GetInstance,
    ListInstances,
    TerminateInstance,
    Termination,
)
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_http.instances.schemas import InstanceBody, InstanceDetailsBody
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.errors import Json, domain_error


def _bad_request(request: Request[Any, Any, Any], error: InstanceNotFound) -> Response[Json]:
    """Answer as clients of the route expect it: what is not there cannot be archived, either."""
    response = domain_error(request, error)
    response.status_code = HTTPStatus.BAD_REQUEST
    return response


class Instances(Controller):
    """Machines that serve models."""

    path = "/instances"
    opt = needs(Permission.VIEW_INSTANCES)
    tags = ["instances"]  # noqa: RUF012 - Litestar reads it from the class

    @get(summary="List instances")
    async def list(
        self,
        actor: NamedDependency[Actor],
        list_instances: NamedDependency[ListInstances],
        archived: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    ) -> list[InstanceBody]:
        seen = await list_instances(archived=archived, actor=actor)
        return [InstanceBody.of(row, seen.at) for row in seen.rows]

    @get("/{instance_id:str}", summary="Look at one instance")
    async def get(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_instance: NamedDependency[GetInstance],
    ) -> InstanceDetailsBody:
        seen = await get_instance(InstanceId(instance_id), actor=actor)
        [row] = seen.rows
        return InstanceDetailsBody.of(row, seen.at)

    @delete(
        "/{instance_id:str}",
        status_code=202,
        media_type="text/plain",
        opt=needs(Permission.MANAGE_INSTANCES),
        summary="Terminate an instance",
    )
    async def terminate(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        terminate_instance: NamedDependency[TerminateInstance],
        idempotency_key: NamedDependency[IdempotencyKey | None],
    ) -> Response[str]:
        termination = await terminate_instance(
            InstanceId(instance_id), key=idempotency_key, actor=actor
        )
        if termination is Termination.ALREADY_OVER:
            return Response("The instance is terminated already.", status_code=200)
        return Response("The instance is being terminated.", status_code=202)

    @put(
        "/{instance_id:str}/archive",
        media_type="text/plain",
        opt=needs(Permission.MANAGE_INSTANCES),
        exception_handlers={InstanceNotFound: _bad_request},
        summary="Put an instance that is over out of sight",
    )
    async def archive(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        archive_instance: NamedDependency[ArchiveInstance],
    ) -> str:
        await archive_instance(InstanceId(instance_id), actor=actor)
        return "The instance is archived."
