"""Metrics on a port of their own, which need not be reachable from where the API is."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from inventiv_http.kernel.metrics import CONTENT_TYPE, Metrics, may_read
from inventiv_http.serving import listen
from inventiv_http.settings import Settings

_BEARER = "Bearer "


@asynccontextmanager
async def metrics_port(
    settings: Settings, metrics: Metrics, listener: socket.socket | None = None
) -> AsyncGenerator[None]:
    """Answer ``GET /metrics`` on the port that the operator has chosen, if there is one.

    ``listener`` is that port, where somebody else has taken it already.

    Raises:
        PortTaken: Somebody else listens there.
    """
    if not settings.metrics_port:
        yield
        return
    from aiohttp import web  # noqa: PLC0415 - only for those who have chosen one

    async def show(request: web.Request) -> web.Response:
        header = request.headers.get("Authorization", "")
        token = header.removeprefix(_BEARER).strip() if header.startswith(_BEARER) else None
        if not may_read(token, settings):
            return web.Response(status=401, text="Metrics are for whoever has their token.\n")
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/metrics", show)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener or listen(settings.host, settings.metrics_port)).start()
        yield
    finally:
        await runner.cleanup()
