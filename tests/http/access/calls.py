"""Calls straight into the application: any route, any caller, even if the answer never ends."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from litestar import Litestar

ENOUGH_S: Final = 0.05
"""How long to listen to an answer that goes on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, or the beginning of it."""

    status: int
    text: str
    headers: Sequence[tuple[str, str]] = ()

    @property
    def code(self) -> str:
        """The specific code of an error, however the route words it; or nothing."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return ""
        if not isinstance(body, dict):
            return ""
        error = body.get("error")
        code = error["code"] if isinstance(error, dict) else body.get("error_code")
        return str(code or body.get("message") or "").lower()


async def call(
    app: Litestar,
    method: str,
    path: str,
    *,
    headers: dict[str, str],
    query: str = "",
    body: bytes = b"{}",
) -> Answer:
    """Return the answer to one request, from a caller who then leaves."""
    sent: list[Any] = []
    begun, ended = asyncio.Event(), asyncio.Event()
    requests = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if requests:
            return requests.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        begun.set()
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    size = {"content-length": str(len(body))}
    task = asyncio.ensure_future(
        app(_scope(app, method, path, query, headers | size), receive, send)  # type: ignore[arg-type]
    )
    async with asyncio.timeout(5):
        await asyncio.wait(
            {task, asyncio.ensure_future(begun.wait())}, return_when="FIRST_COMPLETED"
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(ENOUGH_S):
                await ended.wait()
    ended.set()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    text = b"".join(message.get("body", b"") for message in sent).decode()
    names = [(name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    return Answer(status=sent[0]["status"], text=text, headers=names)


def _scope(
    app: Litestar, method: str, path: str, query: str, headers: dict[str, str]
) -> dict[str, Any]:
    raw = {"content-type": "application/json", "host": "inventiv.test", **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in raw.items()],
        "client": ("192.0.2.1", 50_000),
        "server": ("inventiv.test", 80),
        "app": app,
        "state": {},
    }
