"""The application over real HTTP: clients in the same process would wait for whole answers."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, cast

import uvicorn

from inventiv_http.connections.patience import Patience, watch
from inventiv_http.serving import listen

PATIENCE_S = 5.0
"""The longest anything here may take: whoever waits longer waits for ever."""

USUAL: Final = Patience(sends_s=30, takes_s=300, request_bytes=100 * 1024 * 1024)


class _Server(uvicorn.Server):
    """Uvicorn, with the signals left to pytest, and stopped without delay."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told_to_stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def main_loop(self) -> None:
        await self.told_to_stop.wait()


@asynccontextmanager
async def served(
    app: Any, *, patience: Patience = USUAL, keep_alive_s: int = 5
) -> AsyncGenerator[str]:
    """Serve an application on loopback; yield its address."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        http=cast("Any", partial(app.state.connect, patience=patience)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    watching = asyncio.create_task(watch(server.server_state.connections, patience))
    await eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.told_to_stop.set()
        await task
        watching.cancel()


async def eventually(condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds; fail if it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - conditions have no event
            await asyncio.sleep(0.001)
