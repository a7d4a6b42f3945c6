"""Who may speak for a machine, and what comes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import (
    AT_REST,
    ErrorCode,
    Instance,
    InstanceId,
    InstanceStatus,
)
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.workers.entities import (
    Worker,
    WorkerCaller,
    WorkerReport,
    WorkerStatus,
    WorkerToken,
)
from inventiv_core.workers.errors import (
    TokenAlreadyExists,
    WorkerInstanceNotFound,
    WorkerTokenInvalid,
)
from inventiv_core.workers.use_cases.tokens import new_token
from tests.builders import NOON, a_number, given
from tests.core.world import World

S = InstanceStatus
HOME = "10.0.0.7"
READY = WorkerReport(status=WorkerStatus.READY)
TOKENS = DerivedWorkerTokens("a secret for tests only")
FROM_HOME = WorkerCaller(token=None, ip_address=HOME)


async def an_instance(world: World, status: S = S.INSTALLING, **facts: object) -> Instance:
    instance = world.market.instance(**{"status": status, "ip_address": HOME} | facts)  # type: ignore[arg-type]
    await given(world.unit_of_work, instance)
    return instance


async def its_worker(world: World, instance: Instance, *, revoked: bool = False) -> WorkerCaller:
    """Return the caller that has the instance's token, which is stored."""
    token, kept = new_token(instance.id, 1, TOKENS, at=NOON)
    async with world.unit_of_work() as work:
        await work.worker_tokens.put(replace(kept, revoked_at=NOON if revoked else None))
    return WorkerCaller(token=token, ip_address="203.0.113.9")


def worker_of(world: World, instance: Instance) -> Worker | None:
    return world.database.table(Worker).get(instance.id)


async def test_with_its_token_a_worker_may_report_from_anywhere(world: World) -> None:
    instance = await an_instance(world)
    caller = await its_worker(world, instance)
    answer = await world.register(instance.id, WorkerReport(vllm_port=8001), actor=caller)
    assert answer.bootstrap_token is answer.bootstrap_token_prefix is None
    assert worker_of(world, instance) == Worker.register(
        instance.id, WorkerReport(vllm_port=8001), at=NOON
    )
    assert world.database.table(WorkerToken)[instance.id].last_seen_at == NOON
    assert (await world.take()).instance_id == instance.id


async def test_a_machine_without_a_token_gets_it_until_it_is_used_and_only_at_its_own_address(
    world: World,
) -> None:
    instance = await an_instance(world)
    for elsewhere in ("203.0.113.9", None):
        with pytest.raises(WorkerTokenInvalid):
            await world.register(
                instance.id, READY, actor=WorkerCaller(token=None, ip_address=elsewhere)
            )
    answer = await world.register(instance.id, READY, actor=FROM_HOME)
    assert answer.bootstrap_token is not None
    assert answer.bootstrap_token_prefix == answer.bootstrap_token[:12]
    assert await world.register(instance.id, READY, actor=FROM_HOME) == answer  # it was lost
    known = WorkerCaller(token=answer.bootstrap_token, ip_address=None)
    await world.heartbeat(instance.id, READY, actor=known)
    with pytest.raises(TokenAlreadyExists):
        await world.register(instance.id, READY, actor=FROM_HOME)


async def test_the_token_that_travelled_with_the_machine_can_be_asked_for_until_it_is_used(
    world: World,
) -> None:
    instance = await an_instance(world)
    caller = await its_worker(world, instance)
    answer = await world.register(instance.id, READY, actor=FROM_HOME)
    assert answer.bootstrap_token == caller.token


async def test_a_token_that_was_taken_back_is_worth_nothing(world: World) -> None:
    instance = await an_instance(world)
    caller = await its_worker(world, instance, revoked=True)
    with pytest.raises(WorkerTokenInvalid):
        await world.register(instance.id, READY, actor=caller)
    with pytest.raises(WorkerTokenInvalid):
        await world.heartbeat(instance.id, READY, actor=caller)
    with pytest.raises(TokenAlreadyExists):
        await world.register(instance.id, READY, actor=FROM_HOME)
    assert worker_of(world, instance) is None


async def test_a_machine_of_unknown_address_cannot_be_impersonated(world: World) -> None:
    instance = await an_instance(world, ip_address=None)
    with pytest.raises(WorkerTokenInvalid):
        await world.register(instance.id, READY, actor=WorkerCaller(token=None, ip_address=None))


@pytest.mark.parametrize("token", ["", "wk_wrong"])
async def test_a_wrong_token_is_refused_even_from_the_right_address(
    world: World, token: str
) -> None:
    instance = await an_instance(world)
    await its_worker(world, instance)
    caller = WorkerCaller(token=token, ip_address=HOME)
    with pytest.raises(WorkerTokenInvalid):
        await world.register(instance.id, READY, actor=caller)
    with pytest.raises(WorkerTokenInvalid):
        await world.heartbeat(instance.id, READY, actor=caller)
    assert worker_of(world, instance) is None


async def test_the_token_of_one_machine_is_no_use_on_another(world: World) -> None:
    one, other = await an_instance(world), await an_instance(world)
    caller = await its_worker(world, one)
    await its_worker(world, other)
    with pytest.raises(WorkerTokenInvalid):
        await world.heartbeat(other.id, READY, actor=caller)


async def test_a_heartbeat_needs_a_token(world: World) -> None:
    instance = await an_instance(world)
    with pytest.raises(WorkerTokenInvalid):
        await world.heartbeat(instance.id, READY, actor=FROM_HOME)


async def test_strangers_do_not_learn_which_instances_there_are(world: World) -> None:
    over = await an_instance(world, S.TERMINATED)
    for instance_id in (over.id, InstanceId(a_number())):
        with pytest.raises(WorkerTokenInvalid):
            await world.register(instance_id, READY, actor=FROM_HOME)


@pytest.mark.parametrize("status", sorted(AT_REST))
async def test_the_worker_of_an_instance_at_rest_is_sent_away(world: World, status: S) -> None:
    instance = await an_instance(world, status)
    caller = await its_worker(world, instance)
    for report in (world.register, world.heartbeat):
        with pytest.raises(WorkerInstanceNotFound) as refusal:
            await report(instance.id, READY, actor=caller)
        assert refusal.value.facts == {"instance_id": instance.id}
    assert worker_of(world, instance) is None
    assert world.instance(instance.id) == instance


async def test_registering_again_does_not_take_a_serving_worker_out_of_service(
    world: World,
) -> None:
    instance = await an_instance(world, S.READY)
    caller = await its_worker(world, instance)
    await world.heartbeat(instance.id, READY, actor=caller)
    await world.register(instance.id, WorkerReport(), actor=caller)
    worker = worker_of(world, instance)
    assert worker is not None
    assert worker.status is WorkerStatus.READY


async def test_whoever_registers_anew_starts_with_a_clean_slate(world: World) -> None:
    instance = await an_instance(world)
    caller = await its_worker(world, instance)
    await world.heartbeat(
        instance.id, WorkerReport(status=WorkerStatus.DRAINING, vllm_port=9), actor=caller
    )
    await world.register(instance.id, WorkerReport(), actor=caller)
    assert worker_of(world, instance) == Worker.register(instance.id, WorkerReport(), at=NOON)


@pytest.mark.parametrize("means", ["register", "heartbeat"])
async def test_a_late_worker_gives_its_instance_another_chance(world: World, means: str) -> None:
    late = await an_instance(
        world, S.STARTUP_FAILED, error_code=ErrorCode.STARTUP_TIMEOUT, failed_at=NOON
    )
    caller = await its_worker(world, late)
    known = Worker.register(late.id, READY, at=NOON - timedelta(hours=1))
    await given(world.unit_of_work, known)
    await getattr(world, means)(late.id, READY, actor=caller)
    assert world.instance(late.id).status is S.BOOTING
    assert world.instance(late.id).boot_started_at == NOON
    told = {message.event for message in world.database.outbox}
    assert told == {InstanceChanged.of(world.instance(late.id), at=NOON)}
    assert (await world.take()).instance_id == late.id


async def test_a_worker_cannot_revive_what_failed_for_another_reason(world: World) -> None:
    failed = await an_instance(world, S.STARTUP_FAILED, error_code="SOMETHING_ELSE")
    await world.heartbeat(failed.id, READY, actor=await its_worker(world, failed))
    assert world.instance(failed.id) == failed


async def test_a_heartbeat_wakes_the_reconciler_only_with_news(world: World) -> None:
    instance = await an_instance(world, S.READY)
    caller = await its_worker(world, instance)
    for report, is_news in (
        (WorkerReport(), True),  # the first
        (WorkerReport(queue_depth=3), False),
        (READY, True),
        (READY, False),
    ):
        world.database.outbox.clear()
        await world.heartbeat(instance.id, report, actor=caller)
        told = [message.event for message in world.database.outbox]
        assert told == ([InstanceChanged.of(instance, at=NOON)] if is_news else [])
        assert await _is_due(world) is is_news


async def test_an_unavailable_instance_is_looked_at_with_every_heartbeat(world: World) -> None:
    instance = await an_instance(world, S.UNAVAILABLE)
    caller = await its_worker(world, instance)
    for _ in range(2):
        await world.heartbeat(instance.id, READY, actor=caller)
        assert await _is_due(world)


async def _is_due(world: World) -> bool:
    """Tell whether an instance is to be looked at now, and if so, have looked."""
    leases = (await world.claim(limit=1, actor=PLATFORM)).leases
    async with world.unit_of_work() as work:
        for lease in leases:
            await work.leases.release(lease, due_at=None, attempts=0)
    return bool(leases)


async def test_heartbeats_are_remembered(world: World) -> None:
    instance = await an_instance(world)
    caller = await its_worker(world, instance)
    await world.heartbeat(instance.id, WorkerReport(vllm_port=9), actor=caller)
    world.clock.advance(timedelta(seconds=4))
    await world.heartbeat(instance.id, READY, actor=caller)
    worker = worker_of(world, instance)
    assert worker is not None
    assert (worker.status, worker.vllm_port) == (WorkerStatus.READY, 9)
    assert worker.registered_at == NOON
    assert worker.last_heartbeat_at == world.clock.now()
    assert world.database.table(WorkerToken)[instance.id].last_seen_at == world.clock.now()
