"""From the connection straight to what answers, past the application."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias, cast

from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from inventiv_http.connections.outbox import Outbox
from inventiv_http.connections.patience import PatientConnection

Connect: TypeAlias = Callable[..., asyncio.Protocol]
"""Makes a connection, for a server; takes how much patience there is with clients."""


def connecting(
    lanes: Mapping[str, ASGIApp], app: Litestar, outbox: Outbox, *, trusted_proxies: str
) -> Connect:
    """Return what makes connections with these lanes, by path, of an application."""
    straight = {
        path.encode(): _straight(lane, app, trusted_proxies) for path, lane in lanes.items()
    }
    return partial(PatientConnection, lanes=straight, outbox=outbox)


def _straight(lane: ASGIApp, app: Litestar, trusted_proxies: str) -> Any:
    """Return a lane that is told what it would have been told on the way through ``app``."""

    def handle(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        known = cast("dict[str, Any]", scope)
        known["app"] = known["litestar_app"] = app
        return lane(scope, receive, send)

    if not trusted_proxies:
        return handle
    return ProxyHeadersMiddleware(cast("Any", handle), trusted_hosts=trusted_proxies)
