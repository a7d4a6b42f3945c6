"""A little inference engine on loopback: real HTTP, and it says what a test has it say."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web

Answer: TypeAlias = Callable[[web.Request, web.StreamResponse], Awaitable[None]]

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def chunk(text: str) -> bytes:
    """Return one event of a stream."""
    return b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"engine",' + (
        f'"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}\n\n'.encode()
    )


USAGE_EVENT = (
    b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"engine","choices":[],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}\n\n'
)
DONE = b"data: [DONE]\n\n"


class Engine:
    """What it was asked, and what it answers: by default, the same completion every time."""

    def __init__(self) -> None:
        self.port = 0
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        """Path, headers, and body of each call."""
        self.streams: Answer | None = None
        self.status = 200
        self.body: Any = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "engine",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}}],
            "usage": USAGE,
        }
        self.hung_up = asyncio.Event()
        """Set when a caller leaves before the end of an answer."""

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Engine"]:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.path, dict(request.headers), await request.json()))
        if self.streams is None:
            return web.json_response(self.body, status=self.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        try:
            await self.streams(request, response)
        except asyncio.CancelledError:
            self.hung_up.set()
            raise
        return response


def streaming(*parts: bytes) -> Answer:
    """Return an answer that comes in these parts."""

    async def answer(request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        for part in parts:
            await response.write(part)

    return answer
