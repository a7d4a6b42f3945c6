"""``/internal/worker``, as agents call it, over memory."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from inventiv_adapters.cloud.mock.telemetry import SimulatedGpus, SimulatedSystem
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.observability.entities import GpuReading, SystemReading
from inventiv_core.workers.entities import Worker
from inventiv_core.workers.use_cases.heartbeats import MAX_WAITING
from inventiv_core.workers.use_cases.tokens import new_token
from inventiv_http.container import MemoryAdapters
from tests.builders import NOON, Market, a_number, given
from tests.http.conftest import Json, client_of

MACHINE = "203.0.113.7"
REGISTER, HEARTBEAT = "/internal/worker/register", "/internal/worker/heartbeat"


@pytest.fixture
async def instance(memory: MemoryAdapters, market: Market) -> Instance:
    """An instance whose machine runs and waits for its worker."""
    instance = market.instance(status=InstanceStatus.INSTALLING, ip_address=MACHINE)
    await given(memory.unit_of_work(), instance)
    return instance


async def token_of(instance: Instance, memory: MemoryAdapters) -> dict[str, str]:
    """Give the instance its token, as renting its machine does; return it as a header."""
    token, kept = new_token(instance.id, 1, memory.worker_tokens(), at=NOON)
    async with memory.unit_of_work()() as work:
        await work.worker_tokens.put(kept)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def token(instance: Instance, memory: MemoryAdapters) -> dict[str, str]:
    return await token_of(instance, memory)


@pytest.fixture
async def machine(app: Litestar) -> AsyncGenerator[httpx.AsyncClient]:
    """A client on the rented machine."""
    async with client_of(app, ip_address=MACHINE) as client:
        yield client


def about(instance: Instance, **facts: Any) -> Json:
    return {"instance_id": str(instance.id), **facts}


def nested(depth: int) -> Json:
    """Return objects inside of each other."""
    return {} if depth == 1 else {"deeper": nested(depth - 1)}


def refused(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text


async def test_a_worker_with_its_token_may_call_from_anywhere(
    anonymous: httpx.AsyncClient, instance: Instance, token: dict[str, str], memory: MemoryAdapters
) -> None:
    answer = await anonymous.post(
        REGISTER,
        json=about(
            instance,
            worker_id=str(UUID(int=5)),
            model_id="mock-echo-model",
            vllm_port=8000,
            health_port=8080,
            ip_address="198.51.100.66",
            metadata={"gpus": []},
            colour="red",
        ),
        headers=token,
    )
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    worker = memory.database().table(Worker)[instance.id]
    assert (worker.worker_id, worker.model_id) == (UUID(int=5), "mock-echo-model")
    assert (worker.vllm_port, worker.health_port) == (8000, 8080)
    assert memory.database().table(Instance)[instance.id].ip_address == MACHINE


async def test_the_machine_itself_gets_the_token_once(
    machine: httpx.AsyncClient, instance: Instance
) -> None:
    answer = await machine.post(REGISTER, json=about(instance))
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "ok")
    assert body["bootstrap_token"].startswith(body["bootstrap_token_prefix"])
    assert len(body["bootstrap_token_prefix"]) == 12
    assert set(body) == {"status", "bootstrap_token", "bootstrap_token_prefix"}

    headers = {"Authorization": f"Bearer {body['bootstrap_token']}"}
    beat = about(instance, status="starting")
    heard = await machine.post(HEARTBEAT, json=beat, headers=headers)
    assert (heard.status_code, heard.json()) == (200, {"status": "ok"})
    again = await machine.post(REGISTER, json=about(instance))
    refused(again, 409, "token_already_exists_or_race")


@pytest.mark.parametrize("claim", [{}, {"X-Forwarded-For": MACHINE}, {"X-Real-IP": MACHINE}])
async def test_others_get_no_token_whatever_they_claim(
    anonymous: httpx.AsyncClient, instance: Instance, claim: dict[str, str], memory: MemoryAdapters
) -> None:
    body = about(instance, ip_address=MACHINE)
    answer = await anonymous.post(REGISTER, json=body, headers=claim)
    refused(answer, 401, "unauthorized")
    assert "bootstrap_token" not in answer.text
    assert not memory.database().table(Worker)


async def test_strangers_do_not_learn_which_instances_there_are(
    anonymous: httpx.AsyncClient, instance: Instance
) -> None:
    for instance_id in (instance.id, a_number(), UUID(int=0)):
        answer = await anonymous.post(REGISTER, json={"instance_id": str(instance_id)})
        refused(answer, 401, "unauthorized")
        assert answer.json()["message"] == "worker_token_invalid"


@pytest.mark.parametrize("path", [REGISTER, HEARTBEAT])
async def test_a_token_is_good_for_its_own_instance_only(
    machine: httpx.AsyncClient,
    memory: MemoryAdapters,
    market: Market,
    instance: Instance,
    token: dict[str, str],
    path: str,
) -> None:
    other = market.instance(status=InstanceStatus.INSTALLING, ip_address=MACHINE)
    await given(memory.unit_of_work(), other)
    theirs = await token_of(other, memory)
    body = about(instance, status="ready")
    for wrong in (theirs, {"Authorization": "Bearer wk_guess"}):
        refused(await machine.post(path, json=body, headers=wrong), 401, "unauthorized")
    assert (await machine.post(path, json=body, headers=token)).status_code == 200


async def test_a_heartbeat_always_needs_the_token(
    machine: httpx.AsyncClient, instance: Instance
) -> None:
    answer = await machine.post(HEARTBEAT, json=about(instance, status="ready"))
    refused(answer, 401, "unauthorized")


async def test_a_people_s_session_is_not_a_worker(
    owner: httpx.AsyncClient, instance: Instance
) -> None:
    answer = await owner.post(HEARTBEAT, json=about(instance, status="ready"))
    refused(answer, 401, "unauthorized")


@pytest.mark.parametrize("path", [REGISTER, HEARTBEAT])
async def test_an_instance_that_is_over_has_no_worker(
    machine: httpx.AsyncClient, memory: MemoryAdapters, market: Market, path: str
) -> None:
    over = market.instance(status=InstanceStatus.TERMINATED, ip_address=MACHINE)
    await given(memory.unit_of_work(), over)
    body = about(over, status="ready")
    answer = await machine.post(path, json=body, headers=await token_of(over, memory))
    refused(answer, 404, "instance_not_found")


@pytest.mark.parametrize("path", [REGISTER, HEARTBEAT])
@pytest.mark.parametrize("body", ["{}", '{"instance_id":null}', '{"instance_id":"x"}', "{", ""])
async def test_a_body_that_names_no_instance_is_invalid(
    machine: httpx.AsyncClient, token: dict[str, str], path: str, body: str
) -> None:
    headers = {"Content-Type": "application/json", **token}
    answer = await machine.post(path, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_body"
    assert answer.json()["message"] == "missing_or_invalid_instance_id"


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "broken"},
        {"status": ""},
        {"status": None},
        {"status": "ready", "queue_depth": "long"},
        {"status": "ready", "model_id": "x" * 256},
        {"status": "ready", "worker_id": "me"},
        {"status": "ready", "metadata": {"log": "x" * 65536}},
        {"status": "ready", "metadata": {"log": "\0"}},
        {"status": "ready", "metadata": {"\0": "log"}},
        {"status": "ready", "metadata": nested(17)},
        {"status": "ready", "metadata": {"gpus": [{}] * 65}},
        {"status": "ready", "model_id": "a\0b"},
        {"status": "ready", "agent_info": {"version": "\0"}},
    ],
)
async def test_a_heartbeat_that_makes_no_sense_changes_nothing(
    machine: httpx.AsyncClient,
    memory: MemoryAdapters,
    instance: Instance,
    token: dict[str, str],
    wrong: Json,
) -> None:
    answer = await machine.post(HEARTBEAT, json=about(instance, **wrong), headers=token)
    assert answer.status_code == 422
    assert not memory.database().table(Worker)


@pytest.mark.parametrize("port", [0, 65536, "x"])
async def test_ports_are_ports(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str], port: Any
) -> None:
    answer = await machine.post(REGISTER, json=about(instance, vllm_port=port), headers=token)
    assert answer.status_code == 422


@pytest.mark.parametrize("path", [REGISTER, HEARTBEAT])
async def test_a_worker_that_says_too_much_is_cut_off(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str], path: str
) -> None:
    text = b'{"instance_id":"' + b"x" * (256 * 1024) + b'"}'

    async def in_pieces() -> AsyncIterator[bytes]:
        yield text[:1000]
        yield text[1000:]

    for content in (text, in_pieces()):
        headers = {"Content-Type": "application/json", **token}
        refused(await machine.post(path, content=content, headers=headers), 413, "body_too_large")


async def test_what_a_heartbeat_says_can_be_seen_within_bounds(
    machine: httpx.AsyncClient,
    owner: httpx.AsyncClient,
    instance: Instance,
    token: dict[str, str],
) -> None:
    async def seen(**facts: Any) -> Json:
        body = about(instance, **facts)
        assert (await machine.post(HEARTBEAT, json=body, headers=token)).status_code == 200
        shown: Json = (await owner.get(f"/instances/{instance.id}")).json()
        return shown

    shown = await seen(
        status=" READY ",
        queue_depth=4,
        gpu_utilization=55.5,
        gpu_mem_used_mb=1024.5,
        model_id="mock-echo-model",
        agent_info={"version": "1.2.3", "build_date": "today", "checksum": "short"},
        metadata={"system": {"load1": 0.5}},
        a_field_of_tomorrow=[1, 2],
    )
    assert shown["worker_status"] == "ready"
    assert (shown["worker_queue_depth"], shown["worker_gpu_utilization"]) == (4, 55.5)
    assert shown["worker_model_id"] == "mock-echo-model"
    assert shown["worker_metadata"] == {"system": {"load1": 0.5}}

    shown = await seen(status="draining", queue_depth=-1, gpu_utilization=1000)
    assert (shown["worker_queue_depth"], shown["worker_gpu_utilization"]) == (0, 100.0)
    assert shown["worker_status"] == "draining"
    assert shown["worker_metadata"] == {"system": {"load1": 0.5}}  # nothing new of it

    shown = await seen(status="ready", gpu_utilization=-3)
    assert (shown["worker_queue_depth"], shown["worker_gpu_utilization"]) == (None, 0.0)


@pytest.mark.parametrize(
    "text",
    [
        '{"gpu_utilization": NaN}',
        '{"gpu_utilization": Infinity}',
        '{"gpu_utilization": 1e999}',
        '{"metadata": {"gpus": [{"gpu_utilization": NaN}]}}',
        '{"model_id": "\\ud800"}',
        '{"metadata": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"metadata": ' + '{"a":' * 30_000 + "1" + "}" * 30_000 + "}",
    ],
)
@pytest.mark.parametrize("path", [REGISTER, HEARTBEAT])
async def test_what_is_no_json_or_endless_is_refused_and_nothing_breaks(
    machine: httpx.AsyncClient, instance: Instance, token: dict[str, str], path: str, text: str
) -> None:
    body = f'{{"instance_id": "{instance.id}", "status": "ready", ' + text[1:]
    headers = {"Content-Type": "application/json", **token}
    if path == REGISTER and text.startswith('{"gpu_utilization": 1e999'):
        return  # a field that registrations do not have
    answer = await machine.post(path, content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text


async def test_what_is_as_deep_and_as_many_as_allowed_is_heard(
    machine: httpx.AsyncClient, memory: MemoryAdapters, instance: Instance, token: dict[str, str]
) -> None:
    metadata = nested(16) | {"gpus": [{"index": n, "gpu_utilization": n} for n in range(64)]}
    body = about(instance, status="ready", metadata=metadata)
    assert (await machine.post(HEARTBEAT, json=body, headers=token)).status_code == 200
    [measured] = memory.measurement_queue().take(100)
    assert [gpu.gpu_pct for gpu in measured.gpus] == [float(n) for n in range(64)]


async def test_what_the_agent_of_the_mock_cloud_measures_is_read(
    machine: httpx.AsyncClient, memory: MemoryAdapters, instance: Instance, token: dict[str, str]
) -> None:
    system = SimulatedSystem(dice=Random(0))  # noqa: S311 - repeatable
    for _ in range(2):
        metadata = {
            **SimulatedGpus(count=2).measure(3),
            "system": system.measure(requests_running=1, elapsed_s=4.0),
            "vllm": None,
        }
        body = about(instance, status="ready", metadata=metadata)
        assert (await machine.post(HEARTBEAT, json=body, headers=token)).status_code == 200
    *_, measured = memory.measurement_queue().take(100)
    assert measured.gpus == [
        GpuReading(
            gpu_index=index,
            gpu_pct=busy,
            vram_used_mb=24_576.0 * busy / 100,
            vram_total_mb=24_576.0,
            temp_c=35 + 0.5 * busy,
            power_w=300.0 * busy / 100,
            power_limit_w=300.0,
        )
        for index, busy in enumerate((29.0, 32.0))
    ]
    said = metadata["system"]
    assert measured.system == SystemReading(
        cpu_pct=said["cpu_usage_pct"],
        load1=said["load1"],
        mem_used_bytes=said["mem_used_bytes"],
        mem_total_bytes=said["mem_total_bytes"],
        disk_used_bytes=said["disk_used_bytes"],
        disk_total_bytes=said["disk_total_bytes"],
        net_rx_bytes_per_s=said["net_rx_bps"],
        net_tx_bytes_per_s=said["net_tx_bps"],
    )


async def test_the_token_can_be_replaced_and_the_machine_gets_the_new_one(
    machine: httpx.AsyncClient,
    owner: httpx.AsyncClient,
    memory: MemoryAdapters,
    instance: Instance,
    token: dict[str, str],
) -> None:
    path = f"/instances/{instance.id}/worker-token/rotate"
    body = about(instance, status="ready")
    await machine.post(HEARTBEAT, json=body, headers=token)
    answer = await owner.post(path, json={})
    assert answer.status_code == 200
    new = memory.worker_tokens().derive(instance.id, 2)
    assert answer.json() == {
        "instance_id": str(instance.id),
        "generation": 2,
        "token_prefix": new[:12],
        "previous_valid_until": None,
    }
    heard = await machine.post(HEARTBEAT, json=body, headers=token)
    assert heard.json() == {"status": "ok", "new_token": new}
    again = await machine.post(HEARTBEAT, json=body, headers={"Authorization": f"Bearer {new}"})
    assert again.json() == {"status": "ok"}
    shortened = await owner.post(path, json={"grace_s": 60})
    assert shortened.json()["generation"] == 3
    assert shortened.json()["previous_valid_until"] == "2026-01-01T12:01:00Z"


@pytest.mark.parametrize("wrong", [{"grace_s": -1}, {"grace_s": 10**9}, {"grace_s": "x"}])
async def test_a_grace_is_a_time(owner: httpx.AsyncClient, instance: Instance, wrong: Json) -> None:
    answer = await owner.post(f"/instances/{instance.id}/worker-token/rotate", json=wrong)
    assert answer.status_code == 422


async def test_too_many_at_once_are_told_to_come_back(
    machine: httpx.AsyncClient, memory: MemoryAdapters, instance: Instance, token: dict[str, str]
) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_WAITING):
            stack.enter_context(memory.roster().place())
        answer = await machine.post(HEARTBEAT, json=about(instance, status="ready"), headers=token)
        refused(answer, 503, "unavailable")
    answer = await machine.post(HEARTBEAT, json=about(instance, status="ready"), headers=token)
    assert answer.status_code == 200
