"""The worker agent on a machine of the mock cloud.

It sends, field for field, what the worker agent 1.0.0 sends from a machine at a
real provider: a control plane needs to know nothing of the mock cloud.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from random import Random
from socket import socket
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import structlog
from aiohttp import web

from inventiv_adapters.cloud.mock.engine import Engine
from inventiv_adapters.cloud.mock.loopback import serving
from inventiv_adapters.cloud.mock.telemetry import SimulatedGpus, SimulatedSystem
from inventiv_core.cloud.entities import WorkerSetup
from inventiv_core.kernel.clock import Clock

TIMEOUT_S: Final = 3.0

_VERSION = "1.0.0"
_BUILD_DATE = "2026-01-03"
_CHECKSUM = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
_SHORTEST_INTERVAL_S = 0.02
"""However impatient the setup: never a busy loop."""
_JITTER = 0.1
"""By how much of itself an interval is longer or shorter: machines must not march in step."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class _Answer(msgspec.Struct):
    """What matters of an answer: of the second, the agent 1.0.0 does not know yet."""

    bootstrap_token: str | None = None
    new_token: str | None = None


class Agent:
    """Reports for duty until it is heard, then how its machine is doing, for ever."""

    def __init__(
        self,
        setup: WorkerSetup,
        *,
        worker_id: UUID,
        engine: Engine,
        ip_address: str,
        engine_port: int,
        health_port: int,
        client: httpx.AsyncClient,
        clock: Clock,
        dice: Random,
        keep_token: Callable[[str], Awaitable[None]],
        is_disk_full: bool = False,
    ) -> None:
        """Take where the engine can be reached, and how to store a token that was given."""
        self._url = f"{setup.control_plane_url.rstrip('/')}/internal/worker"
        self._interval_s = max(float(setup.heartbeat_interval_s), _SHORTEST_INTERVAL_S)
        self._identity = {"instance_id": str(setup.instance_id), "worker_id": str(worker_id)}
        self._model_id = setup.model_id or None
        self._token = setup.auth_token
        self._engine = engine
        self._ip_address = ip_address
        self._engine_port = engine_port
        self._health_port = health_port
        self._client = client
        self._clock = clock
        self._dice = dice
        self._keep_token = keep_token
        self._gpus = SimulatedGpus()
        self._system = SimulatedSystem(dice=dice, is_disk_full=is_disk_full)
        self._sampled_at = clock.now()
        self._is_registered = False
        self._trouble: str | None = None

    @asynccontextmanager
    async def serving_on(self, reserved: socket) -> AsyncGenerator[None]:
        """Answer probes on this socket."""
        app = web.Application()
        app.add_routes(
            [web.get("/healthz", self._healthz), web.get("/readyz", self._readyz)],
        )
        async with serving(app, reserved):
            yield

    async def run(self) -> None:
        """Report, until cancelled."""
        while True:
            if not self._is_registered:
                await self._register()
            if self._is_registered or self._token:
                await self._beat()
            jitter = self._dice.uniform(-_JITTER, _JITTER)
            await asyncio.sleep(self._interval_s * (1 + jitter))

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self._engine.is_ready:
            return web.Response(text="ready")
        return web.Response(text="not-ready", status=HTTPStatus.SERVICE_UNAVAILABLE)

    async def _register(self) -> None:
        answer = await self._post(
            "register",
            {
                **self._identity,
                "model_id": self._model_id,
                "vllm_port": self._engine_port,
                "health_port": self._health_port,
                "ip_address": self._ip_address,
                "metadata": self._measure(),
            },
        )
        if answer is None or not answer.is_success:
            return
        self._is_registered = True
        token = _said(answer).bootstrap_token
        if token and not self._token:
            self._token = token
            await self._keep_token(token)

    async def _beat(self) -> None:
        metadata = self._measure()
        answer = await self._post(
            "heartbeat",
            {
                **self._identity,
                "status": "ready" if self._engine.is_ready else "starting",
                "model_id": self._model_id,
                "queue_depth": metadata["vllm"]["queue_depth"] if metadata["vllm"] else None,
                "gpu_utilization": metadata["gpu_utilization"],
                "gpu_mem_used_mb": metadata["gpu_mem_used_mb"],
                "ip_address": self._ip_address,
                "agent_info": {
                    "version": _VERSION,
                    "build_date": _BUILD_DATE,
                    "checksum": _CHECKSUM,
                },
                "metadata": metadata,
            },
        )
        if answer is None:
            return
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
            self._is_registered = False
        token = _said(answer).new_token
        if token:
            self._token = token
            await self._keep_token(token)

    async def _post(self, action: str, message: dict[str, Any]) -> httpx.Response | None:
        """Send the message; return the answer, or `None` if none came in time."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._client.post(
                    f"{self._url}/{action}", json=message, headers=headers
                )
        except (httpx.HTTPError, TimeoutError) as error:
            self._note(type(error).__name__, action)
            return None
        self._note(None if answer.is_success else f"HTTP {answer.status_code}", action)
        return answer

    def _note(self, trouble: str | None, action: str) -> None:
        """Log what goes wrong when it begins, not at every heartbeat."""
        if trouble is not None and trouble != self._trouble:
            _log.warning(
                "worker agent not heard",
                instance_id=self._identity["instance_id"],
                action=action,
                trouble=trouble,
            )
        self._trouble = trouble

    def _measure(self) -> dict[str, Any]:
        """Return the metadata of a message."""
        now = self._clock.now()
        elapsed_s, self._sampled_at = (now - self._sampled_at).total_seconds(), now
        running, waiting = self._engine.requests_running, self._engine.requests_waiting
        vllm = {
            "requests_waiting": float(waiting),
            "requests_running": float(running),
            "queue_depth": waiting,
        }
        return {
            **self._gpus.measure(waiting),
            "system": self._system.measure(requests_running=running, elapsed_s=elapsed_s),
            "vllm": vllm if self._engine.is_ready else None,
        }


def _said(answer: httpx.Response) -> _Answer:
    """Return what an answer says, if it can be understood."""
    try:
        return msgspec.json.decode(answer.content, type=_Answer)
    except msgspec.DecodeError:  # heard all the same: the agent goes by the status
        return _Answer()
