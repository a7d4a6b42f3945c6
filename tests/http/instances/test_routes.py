"""``/instances``, through the real application, over memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.cloud.entities import Volume
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.storages.use_cases import note_storages
from inventiv_core.workers.entities import WorkerStatus
from inventiv_http.container import MemoryAdapters
from tests.builders import ACME, NOON, OTHER, Market, a_number, a_rental, a_worker, given
from tests.http.conftest import Json, SignIn

CONTRACT = set(
    """
    id provider_id zone_id instance_type_id model_id model_name model_code provider_instance_id
    status ip_address worker_status worker_last_heartbeat worker_model_id worker_queue_depth
    worker_gpu_utilization worker_health_port worker_vllm_port worker_metadata created_at
    terminated_at last_health_check last_reconciliation health_check_failures deletion_reason
    error_code error_message storage_count storage_sizes_gb provider_name region zone
    instance_type cpu_count ram_gb gpu_vram gpu_count cost_per_hour total_cost is_archived
    deleted_by_provider progress_percent
    """.split()  # noqa: SIM905 - a list of 40 lines says less
)
"""What existing clients expect to be there, if only as null."""


@pytest.fixture
async def instance(memory: MemoryAdapters, market: Market) -> Instance:
    """An instance of ACME that serves."""
    instance = market.instance(
        status=InstanceStatus.READY,
        ip_address="203.0.113.7",
        provider_instance_id="machine-1",
        ready_at=NOON,
    )
    await given(memory.unit_of_work(), instance)
    return instance


async def test_an_instance_has_every_field_that_clients_know(
    owner: httpx.AsyncClient, market: Market, instance: Instance
) -> None:
    [listed] = (await owner.get("/instances")).json()
    looked_at = (await owner.get(f"/instances/{instance.id}")).json()
    assert looked_at == {**listed, "storages": []}
    assert set(listed) >= CONTRACT
    expected: Json = {
        "id": str(instance.id),
        "provider_id": str(market.provider.id),
        "zone_id": str(market.zone.id),
        "instance_type_id": str(market.kind.id),
        "model_id": str(market.model.id),
        "model_name": "mock-echo-model",
        "model_code": "mock-echo-model",
        "provider_instance_id": "machine-1",
        "status": "ready",
        "ip_address": "203.0.113.7",
        "worker_status": None,
        "created_at": "2026-01-01T12:00:00Z",
        "ready_at": "2026-01-01T12:00:00Z",
        "terminated_at": None,
        "last_health_check": "2026-01-01T12:00:00Z",
        "last_reconciliation": None,
        "health_check_failures": None,
        "provider_name": "Mock",
        "provider_code": "mock",
        "region": "Local",
        "zone": "Local",
        "instance_type": "mock-local-instance",
        "cpu_count": 8,
        "ram_gb": 48,
        "gpu_vram": 24,
        "gpu_count": 1,
        "storage_count": 0,
        "storage_sizes_gb": [],
        "is_archived": False,
        "deleted_by_provider": False,
        "progress_percent": 100,
    }
    assert {name: listed[name] for name in expected} == expected


async def test_amounts_are_numbers_and_grow_until_the_end(
    memory: MemoryAdapters, owner: httpx.AsyncClient, market: Market, clock: ManualClock
) -> None:
    running = market.instance()
    over = market.instance(terminated_at=NOON + timedelta(hours=1))
    never = market.instance(status=InstanceStatus.PROVISIONING_FAILED)
    await given(
        memory.unit_of_work(), running, over, never, a_rental(running, start=NOON),
        a_rental(over, start=NOON, end=NOON + timedelta(hours=1)),
    )  # fmt: skip
    clock.advance(timedelta(hours=2, minutes=40))
    costs = {}
    for row in (await owner.get("/instances")).json():
        assert row["cost_per_hour"] == 0.75
        costs[row["id"]] = row["total_cost"]
    assert costs == {str(running.id): 2.0, str(over.id): 0.75, str(never.id): 0}


async def test_an_unknown_price_is_null(memory: MemoryAdapters, owner: httpx.AsyncClient) -> None:
    market = Market()
    market.kind = replace(market.kind, cost_per_hour=None)
    await given(memory.unit_of_work(), *market.everything, market.instance())
    [row] = (await owner.get("/instances")).json()
    assert (row["cost_per_hour"], row["total_cost"]) == (None, None)


async def test_the_worker_is_shown_as_it_last_described_itself(
    memory: MemoryAdapters, owner: httpx.AsyncClient, instance: Instance
) -> None:
    worker = a_worker(
        instance,
        status=WorkerStatus.DRAINING,
        model_id="mock-echo-model",
        vllm_port=8000,
        health_port=8080,
        queue_depth=3,
        gpu_utilization=12.5,
        metadata={"gpus": [{"index": 0}]},
    )
    await given(memory.unit_of_work(), worker)
    body = (await owner.get(f"/instances/{instance.id}")).json()
    assert {name: value for name, value in body.items() if name.startswith("worker_")} == {
        "worker_status": "draining",
        "worker_last_heartbeat": "2026-01-01T12:00:00Z",
        "worker_model_id": "mock-echo-model",
        "worker_queue_depth": 3,
        "worker_gpu_utilization": 12.5,
        "worker_health_port": 8080,
        "worker_vllm_port": 8000,
        "worker_metadata": {"gpus": [{"index": 0}]},
    }


async def test_instants_are_in_utc_and_say_so(
    memory: MemoryAdapters, owner: httpx.AsyncClient, market: Market
) -> None:
    at = NOON + timedelta(microseconds=123_456)
    facts: Json = dict.fromkeys(("boot_started_at", "ready_at", "failed_at", "terminated_at"), at)
    await given(memory.unit_of_work(), market.instance(at=at, **facts))
    [row] = (await owner.get("/instances")).json()
    for name in ("created_at", *facts):
        assert row[name] == "2026-01-01T12:00:00.123456Z"
        assert datetime.fromisoformat(row[name]) == at


async def test_the_list_is_newest_first_and_archived_instances_are_out_of_sight(
    memory: MemoryAdapters, owner: httpx.AsyncClient, market: Market
) -> None:
    old = market.instance(at=NOON - timedelta(hours=1))
    new = market.instance()
    archived = market.instance(status=InstanceStatus.ARCHIVED, is_archived=True)
    await given(memory.unit_of_work(), old, new, archived)

    async def ids(**params: Any) -> list[UUID]:
        return [UUID(row["id"]) for row in (await owner.get("/instances", params=params)).json()]

    assert await ids() == [new.id, old.id]
    assert await ids(archived="false") == [new.id, old.id]
    assert await ids(archived="true") == [archived.id]


async def test_terminating_takes_a_while_and_may_be_repeated(
    owner: httpx.AsyncClient, instance: Instance
) -> None:
    for _ in range(2):
        answer = await owner.delete(f"/instances/{instance.id}")
        assert answer.status_code == 202
        assert answer.headers["content-type"].startswith("text/plain")
        assert "error" not in answer.text.lower()
        body = (await owner.get(f"/instances/{instance.id}")).json()
        assert (body["status"], body["deletion_reason"]) == ("draining", "requested")


@pytest.mark.parametrize("status", [InstanceStatus.TERMINATED, InstanceStatus.ARCHIVED])
async def test_what_is_over_stays_over(
    memory: MemoryAdapters, owner: httpx.AsyncClient, market: Market, status: InstanceStatus
) -> None:
    instance = market.instance(status=status)
    await given(memory.unit_of_work(), instance)
    answer = await owner.delete(f"/instances/{instance.id}")
    assert answer.status_code == 200
    assert "error" not in answer.text.lower()
    assert (await owner.get(f"/instances/{instance.id}")).json()["status"] == status


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", ["owner", "stranger"])
async def test_what_is_not_yours_is_not_there(
    memory: MemoryAdapters, sign_in: SignIn, market: Market, method: str, name: str
) -> None:
    theirs = market.instance(owner=OTHER)
    mine = market.instance()
    await given(memory.unit_of_work(), theirs, mine)
    asked = mine if name == "stranger" else theirs
    before = dict(memory.database().table(Instance))
    for instance_id in (asked.id, a_number()):
        answer = await (await sign_in(name)).request(method, f"/instances/{instance_id}")
        assert answer.status_code == 404
        assert answer.json()["message"] == "instance_not_found"
        assert answer.json()["instance_id"] == str(instance_id)
    assert memory.database().table(Instance) == before


async def test_the_personal_workspace_has_no_instances(
    memory: MemoryAdapters, sign_in: SignIn, market: Market
) -> None:
    theirs = market.instance(owner=OTHER)
    await given(memory.unit_of_work(), theirs)
    loner = await sign_in("loner")
    assert (await loner.get("/instances")).json() == []
    assert (await loner.get(f"/instances/{theirs.id}")).status_code == 404
    answer = await loner.delete(f"/instances/{theirs.id}")
    assert (answer.status_code, answer.json()["message"]) == (400, "no_current_organization")


@pytest.mark.parametrize(
    ("name", "seen"), [("owner", 1), ("user", 1), ("stranger", 0), ("loner", 0)]
)
async def test_lists_hold_what_is_yours(
    sign_in: SignIn, instance: Instance, name: str, seen: int
) -> None:
    answer = await (await sign_in(name)).get("/instances")
    assert (answer.status_code, len(answer.json())) == (200, seen)


@pytest.mark.parametrize(("name", "status"), [("admin", 202), ("manager", 403), ("user", 403)])
async def test_owners_and_administrators_may_terminate_and_others_may_look(
    sign_in: SignIn, instance: Instance, name: str, status: int
) -> None:
    client = await sign_in(name)
    answer = await client.delete(f"/instances/{instance.id}")
    assert answer.status_code == status
    now = (await client.get(f"/instances/{instance.id}")).json()["status"]
    assert now == ("draining" if status == 202 else "ready")
    if status == 403:
        body = answer.json()
        assert (body["error"], body["message"]) == ("forbidden", "permission_missing")
        assert body["permission"] == "manage_instances"


async def test_a_termination_that_is_sent_again_is_told_the_same(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    instance, other = market.instance(), market.instance()
    await given(memory.unit_of_work(), instance, other)
    headers = {"Idempotency-Key": "k"}
    for _ in range(2):
        answer = await owner.delete(f"/instances/{instance.id}", headers=headers)
        assert answer.status_code == 202
    assert len((await owner.get("/action_logs")).json()) == 1
    answer = await owner.delete(f"/instances/{other.id}", headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (409, "idempotency_key_reused")


async def test_what_is_over_can_be_put_out_of_sight(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    instance = market.instance(status=InstanceStatus.TERMINATED)
    await given(memory.unit_of_work(), instance)
    for _ in range(2):
        answer = await owner.put(f"/instances/{instance.id}/archive")
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (
            200,
            "text/plain",
        )
    assert (await owner.get("/instances")).json() == []
    [row] = (await owner.get("/instances?archived=true")).json()
    assert (row["id"], row["status"], row["is_archived"]) == (str(instance.id), "archived", True)
    logs = (await owner.get("/action_logs")).json()
    assert [(log["action_type"], log["status"]) for log in logs] == [
        ("ARCHIVE_INSTANCE", "success")
    ] * 2


@pytest.mark.parametrize(
    "status", sorted(set(InstanceStatus) - {InstanceStatus.TERMINATED, InstanceStatus.ARCHIVED})
)
async def test_what_is_not_over_stays_in_sight(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market, status: InstanceStatus
) -> None:
    instance = market.instance(status=status)
    await given(memory.unit_of_work(), instance)
    answer = await owner.put(f"/instances/{instance.id}/archive")
    assert (answer.status_code, answer.json()["message"]) == (400, "not_terminated")
    assert memory.database().table(Instance)[instance.id] == instance
    [log] = (await owner.get("/action_logs")).json()
    assert (log["action_type"], log["status"], log["error_code"]) == (
        "ARCHIVE_INSTANCE",
        "failed",
        "not_terminated",
    )


@pytest.mark.parametrize("name", ["owner", "stranger"])
async def test_what_is_not_yours_cannot_be_archived(
    sign_in: SignIn, memory: MemoryAdapters, market: Market, name: str
) -> None:
    instance = market.instance(
        owner=ACME if name == "stranger" else OTHER, status=InstanceStatus.TERMINATED
    )
    await given(memory.unit_of_work(), instance)
    answer = await (await sign_in(name)).put(f"/instances/{instance.id}/archive")
    assert (answer.status_code, answer.json()["message"]) == (400, "instance_not_found")
    assert memory.database().table(Instance)[instance.id] == instance


async def test_a_search_answers_in_an_envelope_the_newest_first(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    old, new = market.instance(at=NOON - timedelta(days=1)), market.instance()
    await given(memory.unit_of_work(), new, old, market.instance(owner=OTHER))
    body = (await owner.get("/instances/search")).json()
    listed = (await owner.get("/instances")).json()
    assert body == {
        "offset": 0,
        "limit": 200,
        "total_count": 2,
        "filtered_count": 2,
        "rows": listed,
        "next_cursor": None,
    }
    assert [row["id"] for row in listed] == [str(new.id), str(old.id)]


async def test_a_search_is_paged_sorted_and_narrowed_as_clients_ask_for_it(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    waiting, ready = market.instance(), market.instance(status=InstanceStatus.READY)
    await given(memory.unit_of_work(), waiting, ready)
    for query, expected in (
        ({"sort_by": "status", "sort_dir": "asc"}, [waiting, ready]),
        ({"sort_by": "status"}, [ready, waiting]),
        ({"sort_by": "no such key", "sort_dir": "asc"}, [waiting, ready]),
        ({"sort_by": "provider", "sort_dir": "asc", "limit": "1"}, [waiting]),
        ({"sort_by": "type", "offset": "1"}, [waiting]),
        ({"sort_by": "total_cost", "limit": "0"}, [ready]),
        ({"status": "ready"}, [ready]),
        ({"model_id": str(a_number())}, []),
    ):
        rows = (await owner.get("/instances/search", params=query)).json()["rows"]
        assert [row["id"] for row in rows] == [str(instance.id) for instance in expected], query
    assert (await owner.get("/instances/search?status=x")).status_code == 400
    assert (await owner.get("/instances/search?cursor=x")).json()["message"] == "cursor_invalid"
    counted = (await owner.get("/instances/search?include_counts=false")).json()
    assert (counted["total_count"], counted["filtered_count"]) == (None, None)
    first = (await owner.get("/instances/search?limit=1")).json()
    second = await owner.get("/instances/search", params={"cursor": first["next_cursor"]})
    assert [row["id"] for row in second.json()["rows"]] == [str(waiting.id)]


async def test_a_reinstall_is_accepted_and_seen(
    sign_in: SignIn, owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    instance = market.instance(
        status=InstanceStatus.READY, provider_instance_id="m-1", ip_address="192.0.2.1"
    )
    await given(memory.unit_of_work(), instance)
    for name in ("manager", "user"):
        answer = await (await sign_in(name)).post(f"/instances/{instance.id}/reinstall")
        assert answer.status_code == 403
    answer = await owner.post(f"/instances/{instance.id}/reinstall")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (
        202,
        "text/plain",
    )
    seen = (await owner.get(f"/instances/{instance.id}")).json()
    assert (seen["status"], seen["worker_status"], seen["progress_percent"]) == (
        "booting", None, 40,
    )  # fmt: skip
    [log] = (await owner.get("/action_logs?action_type=REQUEST_REINSTALL")).json()
    assert (log["status"], log["instance_status_before"]) == ("success", "ready")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (InstanceStatus.TERMINATED, 400),
        (InstanceStatus.ARCHIVED, 400),
        (InstanceStatus.PROVISIONING, 400),
        (InstanceStatus.TERMINATING, 409),
    ],
)
async def test_a_reinstall_that_cannot_be_is_refused_in_a_sentence(
    owner: httpx.AsyncClient,
    memory: MemoryAdapters,
    market: Market,
    status: InstanceStatus,
    code: int,
) -> None:
    instance = market.instance(status=status)
    await given(memory.unit_of_work(), instance)
    answer = await owner.post(f"/instances/{instance.id}/reinstall")
    assert (answer.status_code, answer.json()["detail"][-1]) == (code, ".")
    missing = await owner.post(f"/instances/{a_number()}/reinstall")
    assert (missing.status_code, missing.json()["message"]) == (404, "instance_not_found")


async def test_an_instance_shows_its_disks_beside_what_it_is(
    owner: httpx.AsyncClient, memory: MemoryAdapters, market: Market
) -> None:
    instance = market.instance(status=InstanceStatus.READY)
    await given(memory.unit_of_work(), instance)
    volumes = [
        Volume(id="v-1", volume_type="sbs_volume", size_gb=None, is_boot=True),
        Volume(id="v-2", volume_type="l_ssd", size_gb=200, is_boot=False, name="data"),
    ]
    async with memory.unit_of_work()() as work:
        await note_storages(instance.id, volumes, work, at=NOON, new_id=memory.new_id())
    shown = (await owner.get(f"/instances/{instance.id}")).json()
    assert (shown["storage_count"], shown["storage_sizes_gb"]) == (2, [200])
    [data] = [one for one in shown["storages"] if one["provider_volume_id"] == "v-2"]
    assert data == {
        "id": data["id"],
        "provider_volume_id": "v-2",
        "name": "data",
        "volume_type": "l_ssd",
        "size_gb": 200,
        "is_boot": False,
        "status": "attached",
        "delete_on_terminate": True,
        "created_at": "2026-01-01T12:00:00Z",
        "attached_at": "2026-01-01T12:00:00Z",
        "deleted_at": None,
        "reconciled_at": "2026-01-01T12:00:00Z",
        "last_reconciliation": "2026-01-01T12:00:00Z",
        "error_message": None,
    }
    [row] = (await owner.get("/instances")).json()
    assert row == {name: value for name, value in shown.items() if name != "storages"}
