"""What the ports of orchestration promise, kept by every adapter."""

from typing import Any

from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.orchestration.views import Particulars, Situation
from inventiv_core.workers.entities import WorkerStatus
from inventiv_http.container import PostgresAdapters
from tests.builders import (
    NOON,
    OTHER,
    Market,
    a_number,
    a_worker,
    given,
    given_teams,
)


async def test_a_situation_is_all_there_is_to_know_of_an_instance(adapters: Any) -> None:
    market = Market()
    instance = market.instance(
        owner=OTHER,
        status=InstanceStatus.READY,
        provider_instance_id="i-1",
        ip_address="192.0.2.1",
        boot_started_at=NOON,
        ready_at=NOON,
    )
    alone = market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, instance, alone)
    worker = a_worker(
        instance,
        status=WorkerStatus.DRAINING,
        worker_id=a_number(),
        model_id="another/model",
        vllm_port=8001,
        health_port=8002,
        queue_depth=3,
        gpu_utilization=0.5,
        agent_version="1",
        metadata={"gpus": []},
    )
    await given(adapters.unit_of_work(), worker)
    particulars = Particulars(
        provider_code=market.provider.code,
        zone=market.zone.code,
        instance_type=market.kind.code,
        model_id=market.model.model_id,
    )
    find = adapters.situation_queries().find
    assert await find(instance.id) == Situation(
        instance=instance, particulars=particulars, worker=worker
    )
    assert await find(alone.id) == Situation(instance=alone, particulars=particulars, worker=None)


async def test_of_an_instance_that_is_not_there_nothing_is_known(adapters: Any) -> None:
    assert await adapters.situation_queries().find(InstanceId(a_number())) is None


async def test_an_installation_keeps_its_id(adapters: Any) -> None:
    first = await adapters.situation_queries().installation_id()
    adapters.situation_queries.reset()
    assert await adapters.situation_queries().installation_id() == first


async def test_two_installations_have_different_ids(
    memory: Any, postgres: PostgresAdapters
) -> None:
    assert (
        await memory.situation_queries().installation_id()
        != await postgres.situation_queries().installation_id()
    )
