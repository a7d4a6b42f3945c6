"""What the ports of workers promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from inventiv_core.instances.entities import Instance
from inventiv_core.workers.entities import WorkerStatus, WorkerToken
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
    )
    async with adapters.unit_of_work()() as work:
        for token in (a_token(instance), rotated):
            await work.worker_tokens.put(token)
            assert await work.worker_tokens.find(instance.id) == token
        assert await work.worker_tokens.find(bystander.id) is None


async def test_the_use_of_a_token_is_noted(adapters: Any) -> None:
    instance, bystander = await deployed(adapters)
    async with adapters.unit_of_work()() as work:
        await work.worker_tokens.put(a_token(instance))
        await work.worker_tokens.put(a_token(bystander))
        await work.worker_tokens.touch(instance.id, at=NOON + SECOND)
        used = await work.worker_tokens.find(instance.id)
        assert used == a_token(instance, last_seen_at=NOON + SECOND)
        assert await work.worker_tokens.find(bystander.id) == a_token(bystander)


async def test_the_use_of_a_token_that_is_not_there_is_nothing(adapters: Any) -> None:
    instance, _ = await deployed(adapters)
    async with adapters.unit_of_work()() as work:
        await work.worker_tokens.touch(instance.id, at=NOON)
        assert await work.worker_tokens.find(instance.id) is None
