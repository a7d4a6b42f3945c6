"""What the ports of workers promise, kept by every adapter."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.workers.entities import (
    Heard,
    Standing,
    WorkerReport,
    WorkerStatus,
    WorkerToken,
)
from inventiv_http.container import OUTAGES, PostgresAdapters
from tests.builders import NOON, Market, a_number, a_worker, given_teams

SECOND = timedelta(seconds=1)


def a_token(instance: Instance, **facts: Any) -> WorkerToken:
    token = WorkerToken(
        instance_id=instance.id,
        token_hash="hash",
        token_prefix="wk_012345678",
        generation=1,
        created_at=NOON,
        last_seen_at=None,
        revoked_at=None,
    )
    return replace(token, **facts)


async def deployed(adapters: Any) -> tuple[Instance, Instance]:
    market = Market()
    instance, bystander = market.instance(), market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, instance, bystander)
    return instance, bystander


async def test_what_a_worker_says_replaces_what_it_said_before(adapters: Any) -> None:
    instance, bystander = await deployed(adapters)
    silent = a_worker(instance, status=WorkerStatus.STARTING)
    talkative = a_worker(
        instance,
        at=NOON + SECOND,
        worker_id=a_number(),
        model_id="acme/chat",
        vllm_port=8001,
        health_port=65535,
        queue_depth=0,
        gpu_utilization=33.25,
        agent_version="1.2.3",
        metadata={"gpus": [{"name": "L4", "index": 0}], "é": None, "empty": {}},
    )
    async with adapters.unit_of_work()() as work:
        for worker in (silent, talkative, silent):
            await work.workers.put(worker)
            assert await work.workers.find(instance.id) == worker
        assert await work.workers.find(bystander.id) is None


async def test_a_forgotten_worker_is_gone_and_no_other(adapters: Any) -> None:
    instance, bystander = await deployed(adapters)
    async with adapters.unit_of_work()() as work:
        await work.workers.put(a_worker(instance))
        await work.workers.put(a_worker(bystander))
        await work.workers.forget(instance.id)
        await work.workers.forget(instance.id)
        assert await work.workers.find(instance.id) is None
        assert await work.workers.find(bystander.id) == a_worker(bystander)


async def test_a_token_takes_the_place_of_the_one_before(adapters: Any) -> None:
    instance, bystander = await deployed(adapters)
    rotated = a_token(
        instance,
        token_hash="another",
        token_prefix="wk_abcdefghi",
        generation=2,
        created_at=NOON + SECOND,
        last_seen_at=NOON + 2 * SECOND,
        revoked_at=NOON + 3 * SECOND,
        previous_hash="hash",
        previous_until=NOON + 4 * SECOND,
        retired_id=a_number(),
    )
    async with adapters.unit_of_work()() as work:
        for token in (a_token(instance), rotated):
            await work.worker_tokens.put(token)
            assert await work.worker_tokens.find(instance.id) == token
        assert await work.worker_tokens.find(bystander.id) is None


async def test_how_workers_stand_is_read_for_many_at_once(adapters: Any) -> None:
    market = Market()
    instance = market.instance(status=InstanceStatus.BOOTING, is_to_reinstall=True)
    bystander = market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, instance, bystander)
    token = a_token(instance, previous_hash="old", previous_until=NOON, retired_id=a_number())
    worker = a_worker(instance, worker_id=a_number(), former_id=a_number())
    async with adapters.unit_of_work()() as work:
        await work.workers.put(worker)
        await work.worker_tokens.put(token)
        found = await work.workers.standings([instance.id, InstanceId(a_number()), bystander.id])
    assert {standing.instance_id: standing for standing in found} == {
        instance.id: Standing(
            instance_id=instance.id,
            organization_id=instance.organization_id,
            status=instance.status,
            ip_address=None,
            token=token,
            worker_status=WorkerStatus.READY,
            worker_id=worker.worker_id,
            former_id=worker.former_id,
            heard_at=NOON,
            is_to_reinstall=True,
        ),
        bystander.id: Standing(
            instance_id=bystander.id,
            organization_id=bystander.organization_id,
            status=bystander.status,
            ip_address=None,
            token=None,
            worker_status=None,
            worker_id=None,
            former_id=None,
            heard_at=None,
        ),
    }
    find = adapters.worker_queries().standing
    for standing in found:
        assert await find(standing.instance_id) == standing
    assert await find(InstanceId(a_number())) is None


REPORTS = (
    WorkerReport(),
    WorkerReport(status=WorkerStatus.DRAINING, queue_depth=3, gpu_utilization=12.5),
    WorkerReport(worker_id=UUID(int=1), model_id="acme/chat", vllm_port=1, health_port=2),
    WorkerReport(worker_id=UUID(int=2), agent_version="2", metadata={"a": [1, "é", None]}),
)


@pytest.mark.parametrize("report", REPORTS)
async def test_many_heartbeats_at_once_are_heard_as_one_by_one(
    adapters: Any, report: WorkerReport
) -> None:
    instance, bystander = await deployed(adapters)
    before = a_worker(instance, worker_id=UUID(int=1), metadata={"b": 1}, queue_depth=9)
    other = a_worker(bystander)
    later = NOON + SECOND
    everybody = [
        Heard(instance_id=each, report=report, at=later, token_hash=None)
        for each in (instance.id, bystander.id, InstanceId(a_number()))
    ]
    async with adapters.unit_of_work()() as work:
        await work.workers.put(before)
        await work.workers.put(other)
        await work.workers.hear([])
        await work.workers.hear(everybody)
        assert await work.workers.find(instance.id) == before.hear(report, at=later)
        assert await work.workers.find(bystander.id) == other.hear(report, at=later)


async def test_many_may_ask_at_the_same_time_and_each_is_answered(adapters: Any) -> None:
    instance, bystander = await deployed(adapters)
    find = adapters.worker_queries().standing
    nobody = InstanceId(a_number())
    ids = [instance.id, bystander.id, nobody, instance.id] * 5
    impatient = asyncio.ensure_future(find(instance.id))
    await asyncio.sleep(0)
    impatient.cancel()
    found = await asyncio.gather(*map(find, ids))
    assert [standing and standing.instance_id for standing in found] == [
        None if instance_id == nobody else instance_id for instance_id in ids
    ]


async def test_whoever_asks_while_the_database_is_away_is_told(postgres: PostgresAdapters) -> None:
    find = postgres.worker_queries().standing
    await postgres.pool().close()
    asked = [asyncio.ensure_future(find(InstanceId(a_number()))) for _ in range(3)]
    for answer in asked:
        with pytest.raises(OUTAGES):
            await answer
