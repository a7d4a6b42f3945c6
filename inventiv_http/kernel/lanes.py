"""Requests that come by the thousand, taken before Litestar's router.

What a route may have costs more than what these do: layers for errors, matching, dependencies,
one object for the request and one for its answer. What they are answered is the same.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias
from uuid import UUID

import structlog
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from inventiv_core.kernel.ids import NewId
from inventiv_http.kernel.auth import fields_of
from inventiv_http.kernel.metrics import Metrics
from inventiv_http.kernel.request_ids import HEADER, assign, request_id

Fields: TypeAlias = Mapping[bytes, bytes]
"""A request's headers."""

Answer: TypeAlias = Callable[[Request[Any, Any, Any], Exception], Response[Any]]
"""Says what is wrong."""


@dataclass(slots=True, kw_only=True)
class Lane:
    """What all such requests have in common with those that go through the router."""

    metrics: Metrics
    new_id: NewId
    answer: Answer

    def enter(self, scope: HTTPScope) -> tuple[UUID, Fields, float]:
        """Give a request its id; return a number for it, its headers, and when it has begun."""
        began_s = time.perf_counter()
        fields = fields_of(scope)
        number = self.new_id()
        assign(scope, fields.get(HEADER, b""), number)
        return number, fields, began_s

    def answered(
        self, scope: HTTPScope, status: int, began_s: float, *, route: str | None = None
    ) -> None:
        """Count a request to a route; without one, the path is one."""
        taken_s = time.perf_counter() - began_s
        self.metrics.answered(route or scope["path"], scope["method"], status, taken_s)

    async def refuse(
        self, error: Exception, scope: HTTPScope, receive: Receive, send: Send, began_s: float
    ) -> None:
        """Say what is wrong, as for every other request."""
        known = request_id(scope)
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        with structlog.contextvars.bound_contextvars(request_id=known):
            response = self.answer(request, error)
        response.headers[HEADER.decode()] = known
        status = response.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
        self.answered(scope, status, began_s)
        await response.to_asgi_response(None, request)(scope, receive, send)


def lanes_first(lanes: Mapping[str, ASGIApp], router: ASGIApp) -> ASGIApp:
    """Have lanes take what is posted to their paths, and the router all else."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "POST":
            await lanes.get(scope["path"], router)(scope, receive, send)
        else:
            await router(scope, receive, send)

    return handle
