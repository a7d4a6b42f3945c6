"""The agent says what the protocol says, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from inventiv_adapters.cloud.mock.agent import Agent
from inventiv_adapters.cloud.mock.behaviour import MockBehaviour
from inventiv_adapters.cloud.mock.engine import Engine
from inventiv_adapters.cloud.mock.loopback import port_of, reserve
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds
from tests.adapters.cloud.builders import MODEL, NOWHERE, SECRET, an_order, eventually
from tests.adapters.cloud.mock.conftest import FakeControlPlane

WORKER = UUID(int=0x303)
BEARER = f"Bearer {SECRET}"


class Duty:
    """An agent, its engine and what it was told to keep."""

    def __init__(self, client: httpx.AsyncClient, url: str, *, auth_token: str) -> None:
        self.kept: list[str] = []
        self.engine = Engine(
            model_id=MODEL,
            token_delay_s=0,
            max_running_requests=1,
            clock=SystemClock(),
            new_id=SerialIds(),
        )
        self.setup = an_order(control_plane_url=url, auth_token=auth_token).setup
        self.agent = Agent(
            self.setup,
            worker_id=WORKER,
            engine=self.engine,
            ip_address="127.0.0.1",
            engine_port=8000,
            health_port=8080,
            client=client,
            clock=SystemClock(),
            dice=MockBehaviour().dice(),
            keep_token=self.keep,
        )

    async def keep(self, token: str) -> None:
        self.kept.append(token)


@asynccontextmanager
async def on_duty(
    client: httpx.AsyncClient, url: str, *, auth_token: str = SECRET
) -> AsyncGenerator[Duty]:
    duty = Duty(client, url, auth_token=auth_token)
    task = asyncio.create_task(duty.agent.run())
    try:
        yield duty
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


def heard(control_plane: FakeControlPlane, *actions: str) -> Callable[[], Awaitable[bool]]:
    async def begins_with() -> bool:
        return control_plane.actions[: len(actions)] == list(actions)

    return begins_with


async def test_it_registers_then_beats(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    async with on_duty(client, control_plane.url) as duty:
        await eventually(heard(control_plane, "register", "heartbeat", "heartbeat"))
    [registration] = control_plane.said("register")
    metadata = registration.pop("metadata")
    assert registration == {
        "instance_id": str(duty.setup.instance_id),
        "worker_id": str(WORKER),
        "model_id": MODEL,
        "vllm_port": 8000,
        "health_port": 8080,
        "ip_address": "127.0.0.1",
    }
    assert metadata["gpus"][0]["index"] == 0
    assert set(control_plane.bearers) == {BEARER}


async def test_a_heartbeat_says_how_the_machine_is(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    async with on_duty(client, control_plane.url) as duty:
        await eventually(heard(control_plane, "register", "heartbeat"))
        duty.engine.is_ready = True
        duty.engine.requests_running = 2
        duty.engine.requests_waiting = 3
        control_plane.messages.clear()
        await eventually(heard(control_plane, "heartbeat", "heartbeat"))
    beat = control_plane.said("heartbeat")[1]
    metadata, agent_info = beat.pop("metadata"), beat.pop("agent_info")
    assert beat == {
        "instance_id": str(duty.setup.instance_id),
        "worker_id": str(WORKER),
        "status": "ready",
        "model_id": MODEL,
        "queue_depth": 3,
        "gpu_utilization": 29.0,
        "gpu_mem_used_mb": pytest.approx(24_576 * 0.29),
        "ip_address": "127.0.0.1",
    }
    assert (agent_info["version"], agent_info["build_date"]) == ("1.0.0", "2026-01-03")
    assert len(agent_info["checksum"]) == 64
    assert metadata["vllm"] == {
        "requests_waiting": 3.0,
        "requests_running": 2.0,
        "queue_depth": 3,
    }
    assert metadata["gpu_power_limit_w"] == 300
    assert metadata["gpu_temp_c"] == pytest.approx(35 + 0.5 * 29)
    assert metadata["gpu_power_w"] == pytest.approx(300 * 0.29)
    system = metadata["system"]
    assert system["mem_used_bytes"] + system["mem_available_bytes"] == system["mem_total_bytes"]
    assert 0 <= system["cpu_usage_pct"] <= 100


async def test_before_the_engine_serves_it_is_starting(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    async with on_duty(client, control_plane.url):
        await eventually(heard(control_plane, "register", "heartbeat"))
    beat = control_plane.said("heartbeat")[0]
    assert (beat["status"], beat["queue_depth"], beat["metadata"]["vllm"]) == (
        "starting",
        None,
        None,
    )


async def test_it_registers_until_it_is_heard(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    control_plane.next_statuses.extend([503, 401])
    async with on_duty(client, control_plane.url, auth_token=""):
        await eventually(heard(control_plane, "register", "register", "register", "heartbeat"))
    assert control_plane.bearers[:3] == [None, None, None]


@pytest.mark.parametrize("status", [401, 404])
async def test_who_is_not_known_any_more_registers_again(
    client: httpx.AsyncClient, control_plane: FakeControlPlane, status: int
) -> None:
    control_plane.next_statuses.extend([200, status])
    async with on_duty(client, control_plane.url):
        await eventually(heard(control_plane, "register", "heartbeat", "register", "heartbeat"))


async def test_an_outage_is_no_reason_to_register_again(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    control_plane.next_statuses.extend([200, 503, 429])
    async with on_duty(client, control_plane.url):
        await eventually(heard(control_plane, "register", *["heartbeat"] * 4))


async def test_it_keeps_the_token_it_is_given_if_it_had_none(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    control_plane.answer = {"status": "ok", "bootstrap_token": "wk_given"}
    async with on_duty(client, control_plane.url, auth_token="") as duty:
        await eventually(heard(control_plane, "register", "heartbeat"))
    assert control_plane.bearers[:2] == [None, "Bearer wk_given"]
    assert duty.kept == ["wk_given"]


async def test_it_keeps_its_own_token_whatever_it_is_given(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    control_plane.answer = {"status": "ok", "bootstrap_token": "wk_given"}
    async with on_duty(client, control_plane.url) as duty:
        await eventually(heard(control_plane, "register", "heartbeat"))
    assert set(control_plane.bearers) == {BEARER}
    assert duty.kept == []


async def test_it_goes_by_the_status_whatever_the_answer_says(
    client: httpx.AsyncClient, control_plane: FakeControlPlane
) -> None:
    control_plane.answer = ["not", "an", "object"]
    async with on_duty(client, control_plane.url):
        await eventually(heard(control_plane, "register", "heartbeat"))


async def test_trouble_is_logged_once_and_without_the_token(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:

        async def speaks() -> bool:
            return bool(logs)

        async with on_duty(client, NOWHERE):
            await eventually(speaks)
            await asyncio.sleep(0.05)  # long enough to try again
    # Registering and beating fail for one reason: the control plane is not there.
    [log] = logs
    assert (log["event"], log["trouble"]) == ("worker agent not heard", "ConnectError")
    assert SECRET not in repr(logs)


async def test_probes_are_answered(client: httpx.AsyncClient) -> None:
    duty = Duty(client, NOWHERE, auth_token=SECRET)
    with reserve(None) as port:
        url = f"http://127.0.0.1:{port_of(port)}"
        async with duty.agent.serving_on(port):
            assert (await client.get(f"{url}/healthz")).text == "ok"
            assert (await client.get(f"{url}/readyz")).status_code == 503
            duty.engine.is_ready = True
            assert (await client.get(f"{url}/readyz")).text == "ready"
            assert (await client.get(f"{url}/other")).status_code == 404
