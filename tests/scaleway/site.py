"""The simulated Scaleway with machines that really do what their user data says, nearly.

Nobody boots: but the agent that a machine was sent runs, as a process of its own, with the
settings that it was sent, and beside it an engine that serves the model.
"""

import asyncio
import base64
import subprocess
import sys
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from json import loads
from pathlib import Path
from typing import Any

from aiohttp import web

from inventiv_adapters.cloud.mock.loopback import port_of, reserve
from tests.scaleway.simulator import Server, Simulator, told


def files_of(server: Server) -> dict[str, bytes]:
    """Return what cloud-init would write on a machine, by path."""
    return {one["path"]: base64.b64decode(one["content"]) for one in told(server)["write_files"]}


class Site:
    """A simulator that answers in a thread of its own, and the machines it runs."""

    def __init__(self, directory: Path) -> None:
        self.simulator = Simulator(boot_s=0.3, stop_s=0.3)
        self.simulator.on_boot = self._boot
        self.directory = directory
        self.agents: list[subprocess.Popen[bytes]] = []
        self.sent: list[dict[str, bytes]] = []
        """What each machine was sent, in order."""
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._engines: list[web.AppRunner] = []

    def _boot(self, server: Server) -> None:
        files = files_of(server)
        self.sent.append(files)
        home = self.directory / server.id
        home.mkdir()
        for name in ("agent.py", "agent.json"):
            (home / name).write_bytes(files[f"/opt/inventiv/{name}"])
        settings = loads(files["/opt/inventiv/agent.json"])
        self._tasks = [self._loop.create_task(self._serve(settings))]
        with (home / "agent.log").open("w") as log:
            self.agents.append(
                subprocess.Popen(
                    [sys.executable, "-I", "agent.py"],
                    cwd=home,
                    env={"CREDENTIALS_DIRECTORY": str(home), "STATE_DIRECTORY": str(home)},
                    stderr=log,
                )
            )

    async def _serve(self, settings: dict[str, Any]) -> None:
        """Answer as an engine does, on the port that the machine was told."""
        model = settings["model_id"]
        app = web.Application()

        async def models(_: web.Request) -> web.Response:
            return web.json_response({"object": "list", "data": [{"id": model}]})

        async def metrics(_: web.Request) -> web.Response:
            return web.Response(text="vllm:num_requests_waiting 0\nvllm:num_requests_running 1\n")

        async def chat(_: web.Request) -> web.Response:
            message = {"role": "assistant", "content": "pong"}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response({"model": model, "choices": [choice], "usage": usage})

        app.add_routes(
            [
                web.get("/v1/models", models),
                web.get("/metrics", metrics),
                web.post("/v1/chat/completions", chat),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._engines.append(runner)
        await web.TCPSite(runner, "127.0.0.1", settings["engine_port"]).start()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        port = reserve(None)
        self.url = f"http://127.0.0.1:{port_of(port)}"
        runner = web.AppRunner(self.simulator.app(), access_log=None)
        await runner.setup()
        self._engines.append(runner)
        await web.SockSite(runner, port).start()

    async def _close(self) -> None:
        for runner in self._engines:
            await runner.cleanup()

    @contextmanager
    def running(self) -> Generator["Site"]:
        """Answer for as long as this is entered."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            self._wait(self._open())
            yield self
        finally:
            for agent in self.agents:
                agent.kill()
                agent.wait()
            self._wait(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()
