"""``/internal/worker``"""

from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import FromPath, JSONBody

from inventiv_core.identity.access import Actor, Permission
from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import ForwardedMessage, WorkerCaller
from inventiv_core.workers.use_cases.forwarding import ForwardWorkerMessage
from inventiv_core.workers.use_cases.heartbeats import Heartbeat
from inventiv_core.workers.use_cases.registrations import RegisterWorker
from inventiv_core.workers.use_cases.tokens import RotateWorkerToken
from inventiv_http.kernel.auth import bearer_token, caller, needs
from inventiv_http.kernel.errors import Json, answer, http_error
from inventiv_http.workers.schemas import (
    MAX_BODY_BYTES,
    HeardBody,
    HeartbeatReport,
    RegisteredBody,
    Registration,
    RotatedBody,
    Rotation,
)


def invalid_body(request: Request[Any, Any, Any], error: ClientException) -> Response[Json]:
    """Answer as agents expect when it is not even clear which instance is meant."""
    problems = error.extra if isinstance(error.extra, list) else []
    names_it = problems and not any("instance_id" in str(problem) for problem in problems)
    if names_it or error.status_code != HTTPStatus.BAD_REQUEST:
        return http_error(request, error)
    return _names_no_instance(request)


def _names_no_instance(request: Request[Any, Any, Any]) -> Response[Json]:
    return answer(
        request,
        400,
        kind="invalid_body",
        code="missing_or_invalid_instance_id",
        detail="The body must name the instance, by its uuid.",
    )


class Workers(Controller):
    """What agents on rented machines call."""

    path = "/internal/worker"
    opt = needs(Permission.REPORT)
    tags = ["workers"]  # noqa: RUF012 - Litestar reads it from the class
    exception_handlers: Any = {ClientException: invalid_body}  # noqa: RUF012
    request_max_body_size = MAX_BODY_BYTES

    @post("/register", status_code=200, summary="Report for duty")
    async def register(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[Registration],
        register_worker: NamedDependency[RegisterWorker],
    ) -> RegisteredBody:
        registered = await register_worker(
            InstanceId(data.instance_id), data.to_report(), actor=_worker(request)
        )
        return RegisteredBody(
            status="ok",
            bootstrap_token=registered.bootstrap_token,
            bootstrap_token_prefix=registered.bootstrap_token_prefix,
        )

    @post("/heartbeat", status_code=200, summary="Say how the worker is")
    async def heartbeat(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[HeartbeatReport],
        heartbeat: NamedDependency[Heartbeat],
    ) -> HeardBody:
        acknowledged = await heartbeat(
            InstanceId(data.instance_id), data.to_report(), actor=_worker(request)
        )
        return HeardBody(status="ok", new_token=acknowledged.new_token)


class _Named(msgspec.Struct):
    """As much of a message as has to be understood to pass it on."""

    instance_id: UUID


class ForwardedWorkers(Controller):
    """What agents on rented machines call, where an orchestrator of others listens to them."""

    path = "/internal/worker"
    opt = needs(Permission.REPORT)
    tags = ["workers"]  # noqa: RUF012 - Litestar reads it from the class
    request_max_body_size = MAX_BODY_BYTES

    @post("/register", status_code=200, summary="Report for duty")
    async def register(
        self,
        request: Request[Any, Any, Any],
        forward_worker_message: NamedDependency[ForwardWorkerMessage],
    ) -> Response[Any]:
        return await _forwarded("register", request, forward_worker_message)

    @post("/heartbeat", status_code=200, summary="Say how the worker is")
    async def heartbeat(
        self,
        request: Request[Any, Any, Any],
        forward_worker_message: NamedDependency[ForwardWorkerMessage],
    ) -> Response[Any]:
        return await _forwarded("heartbeat", request, forward_worker_message)


async def _forwarded(
    action: str, request: Request[Any, Any, Any], forward: ForwardWorkerMessage
) -> Response[Any]:
    body = await request.body()
    try:
        msgspec.json.decode(body, type=_Named)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _names_no_instance(request)
    answered = await forward(
        ForwardedMessage(
            action=action,
            body=body,
            content_type=request.headers.get("Content-Type", "application/json"),
            authorization=request.headers.get("Authorization"),
            ip_address=caller(request).ip_address,
        )
    )
    return Response(
        answered.body, status_code=answered.status_code, media_type=answered.content_type
    )


class WorkerTokens(Controller):
    """What workers call themselves by."""

    opt = needs(Permission.MANAGE_INSTANCES)
    tags = ["instances"]  # noqa: RUF012 - Litestar reads it from the class

    @post(
        "/instances/{instance_id:str}/worker-token/rotate",
        status_code=200,
        summary="Have the worker of an instance use another token",
    )
    async def rotate(
        self,
        instance_id: FromPath[UUID],
        data: JSONBody[Rotation],
        actor: NamedDependency[Actor],
        rotate_worker_token: NamedDependency[RotateWorkerToken],
    ) -> RotatedBody:
        grace = None if data.grace_s is None else timedelta(seconds=data.grace_s)
        token = await rotate_worker_token(InstanceId(instance_id), grace=grace, actor=actor)
        return RotatedBody.of(token)


def _worker(request: Request[Any, Any, Any]) -> WorkerCaller:
    return WorkerCaller(token=bearer_token(request), ip_address=caller(request).ip_address)
