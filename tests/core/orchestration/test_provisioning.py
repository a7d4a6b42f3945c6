"""From a request to a machine that was told to start."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from inventiv_adapters.cloud.memory import AnswerLost, FixedClouds
from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.action_logs.entities import ActionType
from inventiv_core.cloud.entities import (
    Absent,
    Denied,
    MachineNeeds,
    RefusalReason,
    Refused,
    Throttled,
    Trouble,
    Unknown,
)
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.instances.entities import ErrorCode, InstanceId, InstanceStatus
from inventiv_core.kernel.secrets import Secret, SecretsKeyMissing
from inventiv_core.models.entities import recommended_volume_gb
from inventiv_core.workers.use_cases.tokens import new_token
from tests.core.world import MINUTE, SECOND, World

S = InstanceStatus
DENIED = Denied(detail="no")
THROTTLED = Throttled(retry_after=None)
UNKNOWN = Unknown(detail="hm")


async def test_a_request_becomes_a_serving_instance_on_one_machine(world: World) -> None:
    instance_id = await world.deploy()
    await world.run(2 * MINUTE)

    assert world.history(instance_id) == [
        S.PROVISIONING, S.BOOTING, S.INSTALLING, S.STARTING, S.READY,
    ]  # fmt: skip
    [machine] = world.cloud.machines.values()
    instance = world.instance(instance_id)
    assert (instance.provider_instance_id, instance.ip_address) == (machine.id, "127.0.0.1")
    assert instance.ready_at is not None
    assert instance.error_code is None


async def test_every_step_of_the_way_is_on_record_and_has_succeeded(world: World) -> None:
    await world.deploy_until(S.READY)
    assert not world.failures()
    assert not world.unfinished()
    assert {log.action_type for log in world.logs()} == {
        ActionType.REQUEST_CREATE,
        ActionType.EXECUTE_CREATE,
        ActionType.PROVIDER_CREATE,
        ActionType.PROVIDER_START,
        ActionType.PROVIDER_GET_IP,
        ActionType.INSTANCE_CREATED,
        ActionType.WORKER_VLLM_HTTP_OK,
        ActionType.WORKER_MODEL_LOADED,
        ActionType.WORKER_VLLM_WARMUP,
        ActionType.HEALTH_CHECK,
        ActionType.INSTANCE_READY,
    }


async def test_the_order_names_what_was_asked_for_and_who_pays(world: World) -> None:
    instance_id = await world.deploy_until(S.BOOTING)
    [order] = world.cloud.orders
    assert (order.zone, order.instance_type) == (world.market.zone.code, world.market.kind.code)
    assert order.tag.instance_id == order.setup.instance_id == instance_id
    assert order.tag.organization_id == world.instance(instance_id).organization_id
    assert order.setup.model_id == world.market.model.model_id
    assert order.setup.control_plane_url == "http://control.plane"
    assert order.setup.auth_token not in repr(world.logs())


async def test_the_order_says_what_the_machine_needs_besides(world: World) -> None:
    world.environment |= {
        "WORKER_VLLM_IMAGE": "registry/engine:1.2",
        "WORKER_VLLM_PORT": 8123,
        "WORKER_EXPOSE_PORTS": False,
        "WORKER_DATA_VOLUME_GB_DEFAULT": 70,
    }
    world.reconcile = replace(world.reconcile, hub_token=Secret("hf_secret"))
    await world.deploy_until(S.BOOTING)
    [order] = world.cloud.orders
    assert order.needs == MachineNeeds(
        engine_image="registry/engine:1.2",
        engine_mode="mono",
        engine_port=8123,
        is_reachable=False,
        data_volume_gb=recommended_volume_gb(world.market.model, default_gb=70),
        hub_token=Secret("hf_secret"),
    )
    assert "hf_secret" not in repr(order) + repr(world.logs())


async def test_without_a_key_to_the_credentials_nothing_is_rented_and_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await world.deploy_until(S.READY)

    async def of(*_: object, **__: object) -> CloudProvider:
        raise SecretsKeyMissing

    monkeypatch.setattr(world.clouds, "of", of)
    refused = await world.deploy()
    await world.run(5 * MINUTE)
    assert world.status(refused) is S.PROVISIONING_FAILED
    assert world.status(kept) is S.READY
    assert len(world.cloud.orders) == 1


async def test_a_token_of_a_later_generation_stays_the_token(world: World) -> None:
    instance_id = await world.deploy()
    tokens = DerivedWorkerTokens("a secret for tests only")
    token, kept = new_token(instance_id, 3, tokens, at=world.clock.now())
    async with world.unit_of_work() as work:
        await work.worker_tokens.put(kept)
    await world.run_until(instance_id, S.READY)
    assert [order.setup.auth_token for order in world.cloud.orders] == [token]


async def test_a_machine_whose_order_was_never_answered_is_found_by_its_tag(world: World) -> None:
    world.cloud.next_create.add(AnswerLost())
    instance_id = await world.deploy_until(S.READY)
    [machine] = world.cloud.machines.values()
    assert len(world.cloud.orders) == 1
    assert world.instance(instance_id).provider_instance_id == machine.id
    assert world.failures() == [(ActionType.PROVIDER_CREATE, "PROVIDER_ANSWER_UNKNOWN")]
    assert not world.unfinished()


async def test_after_an_order_without_an_answer_nothing_is_ordered_until_things_settle(
    world: World,
) -> None:
    world.cloud.next_create.add(UNKNOWN)
    await world.deploy()
    await world.run(world.patience.settle)
    assert not world.cloud.orders
    await world.run(5 * SECOND)
    assert len(world.cloud.orders) == 1


async def test_each_order_without_an_answer_is_waited_for_anew(world: World) -> None:
    world.cloud.next_create.add(UNKNOWN, UNKNOWN, UNKNOWN)
    await world.deploy()
    await world.run(MINUTE)
    orders = [log.created_at for log in world.logs(ActionType.PROVIDER_CREATE)]
    assert len(orders) == 4
    assert all(b - a >= world.patience.settle for a, b in pairwise(orders))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (RefusalReason.OUT_OF_STOCK, ErrorCode.PROVIDER_OUT_OF_STOCK),
        (RefusalReason.QUOTA, ErrorCode.PROVIDER_CREATE_FAILED),
        (RefusalReason.INVALID, ErrorCode.PROVIDER_CREATE_FAILED),
    ],
)
async def test_a_definite_no_is_final(world: World, reason: RefusalReason, code: ErrorCode) -> None:
    world.cloud.next_create.add(Refused(reason=reason, detail="None left."))
    instance_id = await world.deploy()
    await world.run(30 * MINUTE)

    instance = world.instance(instance_id)
    assert instance.status is S.PROVISIONING_FAILED
    assert (instance.error_code, instance.error_message) == (code, "None left.")
    assert instance.failed_at is not None
    assert not world.cloud.machines
    assert world.failures() == [
        (ActionType.EXECUTE_CREATE, code),
        (ActionType.PROVIDER_CREATE, code),
    ]
    assert not world.unfinished()


@pytest.mark.parametrize("trouble", [DENIED, THROTTLED, UNKNOWN])
async def test_trouble_passes(world: World, trouble: Trouble) -> None:
    world.cloud.next_find.add(trouble, trouble)
    world.cloud.next_create.add(trouble, trouble)
    world.cloud.next_start.add(trouble, trouble)
    await world.deploy_until(S.READY)
    assert len(world.cloud.orders) == 1
    assert not world.unfinished()


@pytest.mark.parametrize("trouble", [DENIED, THROTTLED, UNKNOWN])
async def test_trouble_that_does_not_pass_is_given_up_in_time(
    world: World, trouble: Trouble
) -> None:
    world.cloud.next_create.add(*[trouble] * 1000)
    instance_id = await world.deploy()
    deadline = world.patience.startup
    await world.run(deadline - SECOND)
    assert world.status(instance_id) is S.PROVISIONING
    tries = len(world.logs(ActionType.PROVIDER_CREATE))
    assert 5 < tries < 200, "it kept asking, but less and less often"

    await world.run(5 * MINUTE)
    instance = world.instance(instance_id)
    assert instance.status is S.TERMINATED
    assert instance.error_code == ErrorCode.PROVIDER_START_TIMEOUT
    assert instance.deletion_reason == "provider_start_timeout_cleanup"
    assert not world.unfinished()


async def test_waits_between_failures_grow(world: World) -> None:
    world.cloud.next_find.add(*[UNKNOWN] * 1000)
    await world.deploy()
    waits: list[timedelta] = []
    for _ in range(9):
        assert await world.look()
        async with world.unit_of_work() as work:
            wait = await work.leases.next_due(now=world.clock.now())
        assert wait is not None
        waits.append(wait)
        world.clock.advance(wait)
    assert waits[0] <= SECOND
    assert waits[:6] == sorted(waits[:6])
    assert all(MINUTE / 2 <= wait <= MINUTE for wait in waits[6:])


async def test_after_a_success_the_waits_begin_anew(world: World) -> None:
    world.agents_work = False
    world.cloud.next_find.add(*[UNKNOWN] * 6)
    await world.deploy_until(S.INSTALLING)
    world.cloud.next_find.add(UNKNOWN)
    await world.run(timedelta(0))
    assert await _next_due(world) <= SECOND


async def _next_due(world: World) -> timedelta:
    async with world.unit_of_work() as work:
        due = await work.leases.next_due(now=world.clock.now())
    assert due is not None
    return due


async def test_a_provider_is_not_asked_again_before_it_said(world: World) -> None:
    world.cloud.next_find.add(Throttled(retry_after=20 * SECOND))
    await world.deploy()
    assert await world.look()
    assert await _next_due(world) == 20 * SECOND


async def test_a_machine_that_never_starts_is_given_back(world: World) -> None:
    world.cloud.next_start.add(*[DENIED] * 1000)
    instance_id = await world.deploy()
    await world.run(20 * MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.cloud.machines
    assert not world.unfinished()


async def test_one_no_to_whether_a_machine_is_there_counts_only_until_the_next_yes(
    world: World,
) -> None:
    world.cloud.next_start.add(*[DENIED] * 4)
    instance_id = await world.deploy()
    assert await world.look()  # orders
    for _ in range(2):
        world.cloud.next_find.add(Absent())
        await world.run(4 * SECOND)
    await world.run_until(instance_id, S.READY)
    assert len(world.cloud.orders) == 1


async def test_of_two_machines_the_recorded_one_is_kept(world: World) -> None:
    instance_id = await world.deploy()
    older = world.rent(instance_id)
    world.cloud.next_find.add(Absent())
    world.clock.advance(SECOND)
    await world.run_until(instance_id, S.READY)
    [kept] = world.cloud.machines.values()
    assert kept.id == world.instance(instance_id).provider_instance_id != older.id
    [deleted] = world.logs(ActionType.PROVIDER_TERMINATE)
    assert deleted.metadata["provider_instance_id"] == older.id


async def test_of_two_unknown_machines_the_older_one_is_kept(world: World) -> None:
    instance_id = await world.deploy()
    older = world.rent(instance_id)
    newer = world.rent(instance_id)
    world.cloud.machines = {
        newer.id: newer,
        older.id: replace(older, created_at=older.created_at - SECOND),
    }
    await world.run_until(instance_id, S.BOOTING)
    assert list(world.cloud.machines) == [older.id]
    assert world.instance(instance_id).provider_instance_id == older.id
    [found] = world.logs(ActionType.PERSIST_PROVIDER_ID)
    assert found.metadata["found_by_tag"] is True


async def test_without_a_provider_there_will_be_no_machine(world: World) -> None:
    instance_id = await _deploy_without_provider(world)
    instance = world.instance(instance_id)
    assert instance.status is S.PROVISIONING_FAILED
    assert instance.error_code == ErrorCode.MISSING_PROVIDER_CREDENTIALS
    assert not world.unfinished()


async def test_what_never_had_a_provider_can_be_terminated(world: World) -> None:
    instance_id = await _deploy_without_provider(world)
    await world.terminate(instance_id)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.unfinished()


async def _deploy_without_provider(world: World) -> InstanceId:
    _without_provider(world)
    instance_id = await world.deploy()
    await world.run(MINUTE)
    return instance_id


def _without_provider(world: World) -> None:
    world.reconcile = replace(world.reconcile, clouds=FixedClouds({}))


async def test_what_may_have_a_machine_is_not_called_unrented_for_want_of_a_provider(
    world: World,
) -> None:
    world.cloud.next_create.add(AnswerLost())
    instance_id = await world.deploy()
    assert await world.look()
    _without_provider(world)
    await world.run(world.patience.startup + 2 * MINUTE)
    assert world.status(instance_id) is S.TERMINATING

    world.reconcile = replace(world.reconcile, clouds=world.clouds)
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.cloud.machines
    assert not world.unfinished()


async def test_an_adopted_machine_is_not_forgotten_for_want_of_a_provider(world: World) -> None:
    instance_id = await world.deploy()
    world.rent(instance_id)
    await world.run_until(instance_id, S.BOOTING)
    _without_provider(world)
    await world.terminate(instance_id)
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.TERMINATING

    world.reconcile = replace(world.reconcile, clouds=world.clouds)
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.cloud.machines


async def test_what_serves_goes_on_serving_while_the_provider_is_not_configured(
    world: World,
) -> None:
    instance_id = await world.deploy_until(S.READY)
    _without_provider(world)
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.READY


async def test_a_machine_that_disappears_before_it_is_started_is_ordered_again(
    world: World,
) -> None:
    world.cloud.next_start.add(Absent())
    instance_id = await world.deploy()
    assert await world.look()
    assert await world.look()
    assert (ActionType.PROVIDER_START, "PROVIDER_START_FAILED") in world.failures()
    world.cloud.machines.clear()
    await world.run_until(instance_id, S.READY)
    assert len(world.cloud.orders) == 2
    assert len(world.cloud.machines) == 1
