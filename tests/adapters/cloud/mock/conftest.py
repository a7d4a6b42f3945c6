"""Fixtures: a control plane that writes down what agents say, and a client."""

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from aiohttp import web

from inventiv_adapters.cloud.mock.loopback import port_of, reserve, serving


class FakeControlPlane:
    """The two routes an agent knows. Answers 200, unless told otherwise."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.messages: list[tuple[str, Any]] = []
        """What was said, in order: the action and the JSON."""
        self.bearers: list[str | None] = []
        """The Authorization header of each message."""
        self.next_statuses: deque[int] = deque()
        self.answer: Any = {"status": "ok"}

    async def hear(self, request: web.Request) -> web.Response:
        self.messages.append((request.path.rpartition("/")[2], await request.json()))
        self.bearers.append(request.headers.get("Authorization"))
        status = self.next_statuses.popleft() if self.next_statuses else 200
        return web.json_response(self.answer, status=status)

    def said(self, action: str) -> list[Any]:
        """Return the JSON of every such message, in order."""
        return [message for other, message in self.messages if other == action]

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.messages]


@pytest.fixture
async def control_plane() -> AsyncGenerator[FakeControlPlane]:
    with reserve(None) as port:
        fake = FakeControlPlane(port_of(port))
        app = web.Application()
        app.add_routes(
            [
                web.post("/internal/worker/register", fake.hear),
                web.post("/internal/worker/heartbeat", fake.hear),
            ]
        )
        async with serving(app, port):
            yield fake


@pytest.fixture
async def client() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        yield client
