"""``/instances``"""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.instances.use_cases import (
    ArchiveInstance,
    GetInstance,
    ListInstances,
    SearchInstances,
    TerminateInstance,
    Termination,
)
from inventiv_core.instances.views import InstanceFilter
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_core.kernel.pagination import PAGE_ROWS, PageRequest
from inventiv_core.orchestration.use_cases.reinstalling import ReinstallInstance
from inventiv_http.instances.schemas import InstanceBody, InstanceDetailsBody
from inventiv_http.kernel.auth import needs
from inventiv_http.kernel.errors import Json, domain_error
from inventiv_http.kernel.pages import SearchBody, search_body

_SORTS: Final = {"status": "status_order", "provider": "provider_name", "type": "instance_type"}
"""What clients call the keys that have another name here."""


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
        rows = await list_instances(archived=archived, actor=actor)
        return [InstanceBody.of(row) for row in rows]

    @get("/search", summary="Look through instances, page by page")
    async def search(
        self,
        actor: NamedDependency[Actor],
        search_instances: NamedDependency[SearchInstances],
        archived: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
        status: FromQuery[InstanceStatus | None] = None,
        model_id: FromQuery[UUID | None] = None,
        zone_id: FromQuery[UUID | None] = None,
        offset: FromQuery[int] = 0,
        limit: FromQuery[int] = PAGE_ROWS,
        sort_by: FromQuery[str | None] = None,
        sort_dir: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        include_counts: FromQuery[bool] = True,  # noqa: FBT002 - a query parameter
    ) -> SearchBody[InstanceBody]:
        where = InstanceFilter(archived=archived, status=status, model_id=model_id, zone_id=zone_id)
        page = PageRequest.of(
            offset=offset,
            limit=limit,
            order_by=_SORTS.get(sort_by or "", sort_by),
            order_dir=sort_dir or "desc",
            cursor=cursor,
        )
        found = await search_instances(where, page, counted=include_counts, actor=actor)
        return search_body(found, InstanceBody.of)

    @get("/{instance_id:str}", summary="Look at one instance")
    async def get(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        get_instance: NamedDependency[GetInstance],
    ) -> InstanceDetailsBody:
        details = await get_instance(InstanceId(instance_id), actor=actor)
        return InstanceDetailsBody.showing(details)

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

    @post(
        "/{instance_id:str}/reinstall",
        status_code=202,
        media_type="text/plain",
        opt=needs(Permission.MANAGE_INSTANCES),
        summary="Have the machine of an instance start anew",
    )
    async def reinstall(
        self,
        instance_id: FromPath[UUID],
        actor: NamedDependency[Actor],
        reinstall_instance: NamedDependency[ReinstallInstance],
    ) -> str:
        await reinstall_instance(InstanceId(instance_id), actor=actor)
        return "The instance is being reinstalled."

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
