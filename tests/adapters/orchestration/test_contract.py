"""What the ports of orchestration promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.orchestration.views import Losses, Particulars, Situation
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
        is_to_reinstall=True,
        life=3,
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


async def test_losses_are_what_is_missing_and_what_has_vanished_lately(adapters: Any) -> None:
    market, rival = Market(), Market(code="rival", model_id="rival")
    lately, before = NOON, NOON - timedelta(hours=2)

    def instance(status: InstanceStatus, *, of: Market = market, **facts: Any) -> Instance:
        return replace(of.instance(status=status), status_since=lately, **facts)

    gone: dict[str, Any] = {"deleted_by_provider": True}
    things = [
        instance(InstanceStatus.READY),
        instance(InstanceStatus.STARTING, missing_since=NOON),
        instance(InstanceStatus.TERMINATED, **gone),
        replace(instance(InstanceStatus.TERMINATED, **gone), status_since=before),
        instance(InstanceStatus.TERMINATED),
        instance(InstanceStatus.PROVISIONING, missing_since=NOON),
        instance(InstanceStatus.READY, of=rival, missing_since=NOON),
    ]
    await given_teams(adapters.unit_of_work(), *market.everything, *rival.everything, *things)
    losses = adapters.situation_queries().losses
    since = NOON - timedelta(hours=1)
    assert await losses(market.provider.id, since=since) == Losses(lost=2, fleet=3)
    assert await losses(rival.provider.id, since=since) == Losses(lost=1, fleet=1)
