"""Heartbeats on the short way: most of what workers send is one of these."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar.types import ASGIApp, HTTPScope, Receive, Send

from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import WorkerCaller
from inventiv_core.workers.use_cases.heartbeats import Heartbeat
from inventiv_http.kernel.answers import reply
from inventiv_http.kernel.auth import address_of, bearer_of
from inventiv_http.kernel.lanes import Fields, Lane
from inventiv_http.kernel.request_ids import HEADER, request_id
from inventiv_http.workers.schemas import MAX_BODY_BYTES, HeardBody, HeartbeatReport

PATH: Final = "/internal/worker/heartbeat"
_JSON: Final = b"application/json"

_decode = msgspec.json.Decoder(HeartbeatReport).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True, kw_only=True)
class HeartbeatIntake:
    """Takes heartbeats that are as they should be; all others are the route's to judge."""

    heartbeat: Heartbeat
    lane: Lane
    route: ASGIApp

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        _, fields, began_s = self.lane.enter(scope)
        if not _is_plain(fields):
            await self.route(scope, receive, send)
            return
        message: Any = await receive()
        try:
            data = None if message.get("more_body") else _decode(message.get("body", b""))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            data = None
        if data is None:
            await self.route(scope, _again(message, receive), send)
            return
        caller = WorkerCaller(token=bearer_of(fields), ip_address=address_of(scope))
        try:
            heard = await self.heartbeat(
                InstanceId(data.instance_id), data.to_report(), actor=caller
            )
        except Exception as error:  # noqa: BLE001 - it becomes an answer, as for every route
            await self.lane.refuse(error, scope, receive, send, began_s)
            return
        self.lane.answered(scope, 200, began_s)
        body = _encode(HeardBody(status="ok", new_token=heard.new_token))
        headers = ((b"content-type", _JSON), (HEADER, request_id(scope).encode()))
        await reply(send, 200, headers, body)


def _is_plain(fields: Fields) -> bool:
    """Tell whether it is JSON, and says that it is no longer than it may be."""
    length = fields.get(b"content-length", b"")
    return (
        fields.get(b"content-type", b"").startswith(_JSON)
        and length.isdigit()
        and int(length) <= MAX_BODY_BYTES
    )


def _again(message: Any, receive: Receive) -> Receive:
    """Return what receives the message once more, and then what comes after it."""
    waiting = [message]

    async def receive_again() -> Any:
        return waiting.pop() if waiting else await receive()

    return receive_again
