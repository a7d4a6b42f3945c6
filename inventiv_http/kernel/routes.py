"""What anybody may ask: is it there, is it well, which version is it."""

import asyncio
from datetime import datetime
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.plugins import SwaggerRenderPlugin

from inventiv_http.kernel.auth import PUBLIC
from inventiv_http.kernel.documentation import documented

VERSION = version("inventiv")
_PROBE_S = 2.0


class VersionBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which server this is."""

    backend_version: str
    build_time: str
    """When this process was started."""


class HealthBody(msgspec.Struct, frozen=True, kw_only=True):
    """How the server is."""

    status: str
    checks: dict[str, str] = {}


def started(at: datetime) -> str:
    """Return an instant as clients expect it of a version."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


class Public(Controller):
    """Is it there?"""

    opt = PUBLIC
    tags = ["server"]  # noqa: RUF012 - Litestar reads it from the class

    @get("/", media_type="text/plain", summary="A word of welcome")
    async def banner(self) -> str:
        return f"Inventiv {VERSION}. The API is described at /docs.\n"

    @get(
        ["/docs", "/swagger-ui"],
        media_type="text/html",
        include_in_schema=False,
        opt={"slash": True},  # as older clients ask for it
    )
    async def documentation(self, request: Request[Any, Any, Any]) -> bytes:
        return SwaggerRenderPlugin().render(request, request.app.openapi_schema.to_schema())

    @get(["/version", "/api/version"], summary="Which version is it?")
    async def version(self, state: State) -> VersionBody:
        return VersionBody(backend_version=VERSION, build_time=started(state.started_at))

    @get("/health", summary="Is the process alive?")
    async def health(self) -> HealthBody:
        return HealthBody(status="ok")

    @get("/ready", responses=documented(503, shape=HealthBody), summary="Can it serve?")
    async def ready(self, readiness: NamedDependency[Any]) -> Response[HealthBody]:
        checks = {name: await _passes(probe) for name, probe in readiness.items()}
        well = all(result == "ok" for result in checks.values())
        return Response(
            HealthBody(status="ok" if well else "unavailable", checks=checks),
            status_code=200 if well else 503,
        )


async def _passes(probe: Any) -> str:
    try:
        await asyncio.wait_for(probe(), _PROBE_S)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not well
        return f"failed: {type(error).__name__}"
    return "ok"
