"""``/gpu/activity``, ``/system/activity``, ``/runtime/models`` and requests, over memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.identity.access import PLATFORM
from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.observability.entities import GpuReading, Measurement, SystemReading
from inventiv_http.container import Application, MemoryAdapters
from tests.adapters.inference.test_contract import a_usage
from tests.builders import Market, a_number, a_worker, given
from tests.http.conftest import Json, SignIn

GPU = GpuReading(
    gpu_index=0,
    gpu_pct=50.0,
    vram_used_mb=6_000.0,
    vram_total_mb=24_000.0,
    temp_c=60.0,
    power_w=150.0,
    power_limit_w=300.0,
)
SYSTEM = SystemReading(
    cpu_pct=12.5,
    load1=0.5,
    mem_used_bytes=16e9,
    mem_total_bytes=64e9,
    disk_used_bytes=1e9,
    disk_total_bytes=0.0,
    net_rx_bytes_per_s=1_000_000.0,
    net_tx_bytes_per_s=125_000.0,
)


@pytest.fixture
async def instance(memory: MemoryAdapters, market: Market) -> Instance:
    instance = market.instance(
        status=InstanceStatus.READY, ip_address="192.0.2.9", provider_instance_id="vm-1"
    )
    await given(memory.unit_of_work(), instance, a_worker(instance, model_id="acme/chat"))
    return instance


async def measure(
    application: Application, instance: Instance, *gpus: GpuReading, system: Any = None
) -> None:
    adapters = application.adapters
    adapters.measurement_queue().put(
        Measurement(instance_id=instance.id, at=adapters.clock().now(), gpus=gpus, system=system)
    )
    await application.flush_measurements()(actor=PLATFORM)


async def got(client: httpx.AsyncClient, path: str, **query: Any) -> Json:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def test_gpus_are_shown_as_clients_know_them(
    application: Application, owner: httpx.AsyncClient, instance: Instance
) -> None:
    await measure(application, instance, GPU, replace(GPU, gpu_index=1, vram_total_mb=0.0))
    assert await got(owner, "/gpu/activity") == {
        "window_s": 300,
        "step_s": 1,
        "generated_at": "2026-01-01T12:00:00Z",
        "instances": [
            {
                "instance_id": str(instance.id),
                "instance_name": "vm-1",
                "provider_name": "Mock",
                "gpu_count": 1,
                "gpus": [
                    {
                        "gpu_index": 0,
                        "samples": [
                            {
                                "ts": "2026-01-01T12:00:00Z",
                                "gpu_pct": 50.0,
                                "vram_pct": 25.0,
                                "temp_c": 60.0,
                                "power_w": 150.0,
                                "power_limit_w": 300.0,
                            }
                        ],
                    },
                    {
                        "gpu_index": 1,
                        "samples": [
                            {
                                "ts": "2026-01-01T12:00:00Z",
                                "gpu_pct": 50.0,
                                "vram_pct": None,
                                "temp_c": 60.0,
                                "power_w": 150.0,
                                "power_limit_w": 300.0,
                            }
                        ],
                    },
                ],
            }
        ],
    }


async def test_machines_are_shown_as_clients_know_them(
    application: Application, owner: httpx.AsyncClient, instance: Instance
) -> None:
    await measure(application, instance, system=SYSTEM)
    body = await got(owner, "/system/activity")
    [shown] = body["instances"]
    assert {key: shown[key] for key in ("instance_id", "instance_name", "provider_name")} == {
        "instance_id": str(instance.id),
        "instance_name": "vm-1",
        "provider_name": "Mock",
    }
    assert shown["samples"] == [
        {
            "ts": "2026-01-01T12:00:00Z",
            "cpu_pct": 12.5,
            "load1": 0.5,
            "mem_pct": 25.0,
            "disk_pct": None,
            "net_rx_mbps": 8.0,  # agents measure bytes
            "net_tx_mbps": 1.0,
        }
    ]


@pytest.mark.parametrize("path", ["/gpu/activity", "/system/activity"])
async def test_extremes_are_shown_if_asked_for(
    application: Application,
    owner: httpx.AsyncClient,
    instance: Instance,
    clock: ManualClock,
    path: str,
) -> None:
    for value in (10.0, 30.0):
        gpu, system = replace(GPU, gpu_pct=value), replace(SYSTEM, cpu_pct=value)
        await measure(application, instance, gpu, system=system)
        clock.advance(timedelta(seconds=10))
    clock.advance(timedelta(minutes=1))
    await application.roll_up_measurements()(actor=PLATFORM)
    body = await got(owner, path, granularity="minute", extremes="true")
    [shown] = body["instances"]
    [point] = shown.get("samples") or shown["gpus"][0]["samples"]
    name = "gpu_pct" if "gpus" in shown else "cpu_pct"
    assert (point[name], point[f"{name}_min"], point[f"{name}_max"]) == (20.0, 10.0, 30.0)


@pytest.mark.parametrize(
    ("query", "window_s", "step_s"),
    [
        ({}, 300, 1),
        ({"window_s": 1}, 30, 1),
        ({"window_s": 86_400, "granularity": "second"}, 86_400, 120),
        ({"window_s": 86_400}, 86_400, 300),
        ({"window_s": 10**9}, 366 * 86_400, 2 * 86_400),
        ({"granularity": " MINUTE "}, 300, 60),
        ({"granularity": "hour"}, 300, 3600),
        ({"granularity": "day"}, 300, 86_400),
        ({"granularity": "fortnight"}, 300, 1),
    ],
)
async def test_windows_and_words(
    owner: httpx.AsyncClient, query: dict[str, Any], window_s: int, step_s: int
) -> None:
    for path in ("/gpu/activity", "/system/activity"):
        body = await got(owner, path, **query)
        assert (body["window_s"], body["step_s"], body["instances"]) == (window_s, step_s, [])


@pytest.mark.parametrize("query", [{"window_s": "x"}, {"instance_id": "x"}])
async def test_a_query_that_makes_no_sense_is_refused(
    owner: httpx.AsyncClient, query: dict[str, str]
) -> None:
    for path in ("/gpu/activity", "/system/activity"):
        assert (await owner.get(path, params=query)).status_code == 400


async def test_one_instance_can_be_asked_for_and_only_one_s_own(
    application: Application, sign_in: SignIn, market: Market, instance: Instance
) -> None:
    other = market.instance(status=InstanceStatus.READY)
    await given(application.adapters.unit_of_work(), other)
    for each in (instance, other):
        await measure(application, each, GPU, system=SYSTEM)
    for path in ("/gpu/activity", "/system/activity"):
        for name, seen in (("owner", 1), ("user", 1), ("stranger", 0), ("loner", 0)):
            client = await sign_in(name)
            body = await got(client, path, instance_id=str(instance.id))
            assert len(body["instances"]) == seen
            assert len((await got(client, path))["instances"]) == 2 * seen


async def answer_one(application: Application, usage: InferenceUsage) -> None:
    application.adapters.usage_spool().put(usage)
    await application.flush_usage()(actor=PLATFORM)


async def test_requests_are_counted_once_however_often_they_are_stored(
    application: Application, owner: httpx.AsyncClient, instance: Instance
) -> None:
    path = f"/instances/{instance.id}/metrics"
    unknown = await owner.get(path)
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    usage = a_usage(instance_id=instance.id, model_id="acme/chat")
    failed = a_usage(
        instance_id=instance.id,
        model_id="acme/chat",
        status_code=500,
        input_tokens=None,
        output_tokens=None,
        total_tokens=None,
    )
    for each in (usage, failed, usage):
        await answer_one(application, each)
    assert await got(owner, path) == {
        "instance_id": str(instance.id),
        "total_requests": 2,
        "successful_requests": 1,
        "failed_requests": 1,
        "total_input_tokens": 1,
        "total_output_tokens": 2,
        "total_tokens": 3,
        "first_request_at": "2026-01-01T12:00:00Z",
        "last_request_at": "2026-01-01T12:00:00Z",
    }
    models: Any = await got(owner, "/runtime/models")
    assert models[0]["total_requests"] == 2


async def test_requests_of_others_are_nobodys_business(
    application: Application, sign_in: SignIn, instance: Instance
) -> None:
    await answer_one(application, a_usage(instance_id=instance.id))
    for name in ("stranger", "loner"):
        client = await sign_in(name)
        answer = await client.get(f"/instances/{instance.id}/metrics")
        assert (answer.status_code, answer.json()["message"]) == (404, "no_requests_yet")
        assert (await client.get("/runtime/models")).json() == []
    gone = await (await sign_in("owner")).get(f"/instances/{a_number()}/metrics")
    assert gone.status_code == 404


async def test_models_are_shown_as_clients_know_them(
    owner: httpx.AsyncClient, instance: Instance
) -> None:
    shown: Any = await got(owner, "/runtime/models")
    assert shown == [
        {
            "model_id": "acme/chat",
            "first_seen_at": "2026-01-01T12:00:00Z",
            "last_seen_at": "2026-01-01T12:00:00Z",
            "instances_available": 1,
            "gpus_available": 1,
            "vram_total_gb": 24,
            "total_requests": 0,
            "failed_requests": 0,
        }
    ]
