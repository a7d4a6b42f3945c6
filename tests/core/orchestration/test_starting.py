"""From a machine that was told to start to one that serves, and how it goes on."""

from dataclasses import replace

import pytest

from inventiv_core.action_logs.entities import ActionType
from inventiv_core.cloud.entities import Absent, Accepted, Denied, MachineState, Unknown
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import ErrorCode, InstanceId, InstanceStatus
from inventiv_core.kernel.secrets import Secret
from inventiv_core.settings.definitions import WORKER_STALE, WORKER_STARTUP
from inventiv_core.workers.entities import WorkerReport, WorkerStatus
from tests.builders import ACME, a_worker, given
from tests.core.world import ENGINE, MINUTE, SECOND, World

S = InstanceStatus


async def test_a_worker_that_never_comes_is_waited_for_and_then_given_up(world: World) -> None:
    world.agents_work = False
    instance_id = await world.deploy_until(S.INSTALLING)
    await world.run(world.patience.startup - SECOND)
    assert world.status(instance_id) is S.INSTALLING

    await world.run(MINUTE)
    instance = world.instance(instance_id)
    assert instance.status is S.STARTUP_FAILED
    assert instance.error_code == ErrorCode.STARTUP_TIMEOUT
    assert world.failures() == [
        (ActionType.EXECUTE_CREATE, ErrorCode.STARTUP_TIMEOUT),
        (ActionType.INSTANCE_STARTUP_FAILED, ErrorCode.STARTUP_TIMEOUT),
    ]
    assert world.cloud.machines, "it may merely be late"

    await world.run(world.patience.keep_failed - 2 * MINUTE)
    assert world.cloud.machines
    await world.run(3 * MINUTE)
    instance = world.instance(instance_id)
    assert instance.status is S.TERMINATED
    assert instance.deletion_reason == "startup_failed_cleanup"
    assert not world.cloud.machines
    assert not world.unfinished()


async def test_a_worker_that_comes_late_is_welcome(world: World) -> None:
    world.agents_work = False
    instance_id = await world.deploy_until(S.STARTUP_FAILED)
    world.agents_work = True
    await world.run(2 * MINUTE)
    instance = world.instance(instance_id)
    assert world.history(instance_id)[-5:] == [
        S.STARTUP_FAILED, S.BOOTING, S.INSTALLING, S.STARTING, S.READY,
    ]  # fmt: skip
    assert (instance.error_code, instance.error_message, instance.failed_at) == (None, None, None)
    await world.run(2 * world.patience.keep_failed)
    assert world.status(instance_id) is S.READY


async def test_a_worker_that_reports_and_never_serves_gets_one_more_chance_not_endless_ones(
    world: World,
) -> None:
    world.engines.serving.clear()
    instance_id = await world.deploy_until(S.STARTUP_FAILED)
    await world.run(2 * world.patience.startup + world.patience.keep_failed)
    assert world.history(instance_id).count(S.STARTUP_FAILED) == 2
    await world.run(MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.cloud.machines


async def test_whoever_got_ready_may_be_late_again_after_a_reinstall(world: World) -> None:
    world.agents_work = False
    instance_id = await world.deploy_until(S.STARTUP_FAILED)
    world.agents_work = True
    await world.run_until(instance_id, S.READY)
    assert world.instance(instance_id).failed_at is None
    world.agents_work = False
    await world.reinstall(instance_id)
    await world.run_until(instance_id, S.STARTUP_FAILED)
    world.agents_work = True
    await world.run_until(instance_id, S.READY)


@pytest.mark.parametrize("status", [S.BOOTING, S.STARTING])
async def test_every_status_on_the_way_has_its_deadline(world: World, status: S) -> None:
    if status is S.BOOTING:
        world.cloud.next_start.add(*[Accepted()] * 1000)
    world.engines.serving.clear()
    instance_id = await world.deploy_until(status)
    await world.run(world.patience.startup - SECOND)
    assert world.status(instance_id) is status
    await world.run(2 * MINUTE)
    assert S.STARTUP_FAILED in world.history(instance_id)


async def test_a_machine_that_stops_while_booting_is_started_again(world: World) -> None:
    world.cloud.next_start.add(Accepted())
    instance_id = await world.deploy_until(S.BOOTING)
    [machine] = world.cloud.machines.values()
    assert machine.state is MachineState.STOPPED
    await world.run_until(instance_id, S.READY)


async def test_a_machine_without_an_address_is_not_yet_up(world: World) -> None:
    instance_id = await world.deploy_until(S.BOOTING)
    [machine] = world.cloud.machines.values()
    world.cloud.machines[machine.id] = replace(machine, ip_address=None)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.BOOTING


@pytest.mark.parametrize("serving", [None, ("another-model",)])
async def test_a_worker_is_not_believed_until_its_engine_answers(
    world: World, serving: tuple[str, ...] | None
) -> None:
    world.engines.serving.clear()
    if serving is not None:
        world.engines.serving[ENGINE] = serving
    instance_id = await world.deploy_until(S.STARTING)
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.STARTING
    unmet = ActionType.WORKER_VLLM_HTTP_OK if serving is None else ActionType.WORKER_MODEL_LOADED
    assert {action for action, _ in world.failures()} == {unmet}

    world.heal()
    await world.run(2 * MINUTE)
    assert world.status(instance_id) is S.READY


async def test_an_engine_that_lists_the_model_must_also_produce(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(base_url: str, model_id: str, *, key: Secret) -> bool:
        return False

    monkeypatch.setattr(world.engines, "warm_up", refuse)
    instance_id = await world.deploy_until(S.STARTING)
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.STARTING
    assert {action for action, _ in world.failures()} == {ActionType.WORKER_VLLM_WARMUP}


@pytest.mark.parametrize(
    "report",
    [
        WorkerReport(status=WorkerStatus.STARTING),
        WorkerReport(status=WorkerStatus.DRAINING),
        WorkerReport(status=WorkerStatus.READY, model_id="another-model"),
    ],
)
async def test_a_worker_that_does_not_say_it_serves_the_model_is_not_asked_to(
    world: World, report: WorkerReport
) -> None:
    world.report = report
    instance_id = await world.deploy_until(S.STARTING)
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.STARTING
    assert not world.logs(ActionType.HEALTH_CHECK)


async def test_what_was_heard_before_the_machine_was_started_does_not_count(world: World) -> None:
    instance = world.market.instance(
        status=S.INSTALLING, boot_started_at=world.clock.now(), provider_instance_id="known"
    )
    worker = a_worker(instance, at=world.clock.now() - SECOND)
    await given(world.unit_of_work, instance, worker)
    machine = world.rent(instance.id, started=True)
    world.cloud.machines = {"known": replace(machine, id="known")}
    world.agents_work = False
    await world.wake(instance.id)
    assert await world.look()
    assert world.status(instance.id) is S.INSTALLING
    await given(world.unit_of_work, a_worker(instance, at=world.clock.now()))
    await world.wake(instance.id)
    assert await world.look()
    assert world.status(instance.id) is S.STARTING


async def test_a_silent_worker_is_taken_out_of_service_and_back(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    world.agents_work = False
    await world.run(world.patience.stale_after - 20 * SECOND)
    assert world.status(instance_id) is S.READY
    await world.run(MINUTE)
    assert world.status(instance_id) is S.UNAVAILABLE

    world.agents_work = True
    await world.run(20 * SECOND)
    assert world.status(instance_id) is S.READY
    assert not world.unfinished()


async def test_recovering_takes_a_working_engine_too(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    world.agents_work = False
    await world.run_until(instance_id, S.UNAVAILABLE)
    world.agents_work = True
    world.engines.serving.clear()
    await world.run(5 * MINUTE)
    assert world.status(instance_id) is S.UNAVAILABLE
    world.heal()
    await world.run(2 * MINUTE)
    assert world.status(instance_id) is S.READY


@pytest.mark.parametrize("status", [S.BOOTING, S.INSTALLING, S.STARTING, S.READY, S.UNAVAILABLE])
async def test_a_machine_that_vanishes_ends_its_instance(world: World, status: S) -> None:
    instance_id = await _deploy_and_hold(world, status)
    world.cloud.machines.clear()
    await world.run(2 * MINUTE)
    instance = world.instance(instance_id)
    assert instance.status is S.TERMINATED
    assert instance.deleted_by_provider
    assert instance.deletion_reason == "provider_deleted"
    assert len(world.logs(ActionType.PROVIDER_DELETED_DETECTED)) == 1
    assert not world.unfinished()


@pytest.mark.parametrize("status", [S.BOOTING, S.INSTALLING, S.STARTING, S.READY, S.UNAVAILABLE])
async def test_one_no_alone_is_not_believed(world: World, status: S) -> None:
    instance_id = await _deploy_and_hold(world, status)
    for _ in range(3):
        world.cloud.next_find.add(Absent())
        await world.run(2 * world.patience.watch)
        assert world.instance(instance_id).missing_since is None
    assert S.TERMINATING not in world.history(instance_id)


async def _deploy_and_hold(world: World, status: S) -> InstanceId:
    """Deploy, and let the instance not get beyond ``status``."""
    if status is S.BOOTING:
        world.cloud.next_start.add(*[Accepted()] * 1000)
    if status is S.STARTING:
        world.engines.serving.clear()
    if status is S.INSTALLING:
        world.agents_work = False
    if status is S.UNAVAILABLE:
        instance_id = await world.deploy_until(S.READY)
        world.agents_work = False
        await world.run_until(instance_id, status)
        return instance_id
    return await world.deploy_until(status)


async def test_a_double_does_not_stand_in_for_a_machine_that_vanished(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    world.cloud.machines.clear()
    world.rent(instance_id, started=True)
    await world.run(2 * MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert world.instance(instance_id).deleted_by_provider
    assert not world.cloud.machines


async def test_doubles_are_deleted_once_each_while_the_instance_serves(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    double = world.rent(instance_id, started=True)
    world.cloud.next_delete.add(Accepted())
    await world.run(world.patience.watch)
    assert len(world.logs(ActionType.PROVIDER_TERMINATE)) == 1
    world.cloud.machines[double.id] = replace(double, state=MachineState.STOPPING)
    await world.run(3 * world.patience.watch)
    assert len(world.logs(ActionType.PROVIDER_TERMINATE)) == 1
    assert world.status(instance_id) is S.READY


async def test_an_organization_decides_how_long_its_machines_may_take(world: World) -> None:
    """At that provider; and the others go on as the environment says."""
    chosen = {WORKER_STARTUP: 120}
    async with world.unit_of_work() as work:
        await work.settings.put_params(ACME, world.market.provider.id, chosen, at=world.clock.now())
    world.agents_work = False
    instance_id = await world.deploy_until(S.INSTALLING)
    await world.run(2 * MINUTE - SECOND)
    assert world.status(instance_id) is S.INSTALLING
    await world.run(MINUTE)
    assert S.STARTUP_FAILED in world.history(instance_id)


async def test_how_long_a_worker_may_be_silent_is_one_setting_for_everybody(world: World) -> None:
    """Also for a worker that is to be let in: its silence is not waited for any longer."""
    async with world.unit_of_work() as work:
        await work.settings.put_global(WORKER_STALE, 10, at=world.clock.now())
    world.engines.serving.clear()
    instance_id = await world.deploy_until(S.STARTING)
    world.agents_work = False
    await world.run(11 * SECOND)
    world.engines.serving[ENGINE] = (world.market.model.model_id,)
    await world.run(MINUTE)
    assert world.status(instance_id) is S.STARTING


async def test_what_a_machine_was_told_is_forgotten_when_it_knows(world: World) -> None:
    world.agents_work = False
    instance_id = await world.deploy_until(S.INSTALLING)
    await world.run(MINUTE)
    assert world.cloud.forgotten == [], "it may still have to be told"
    world.agents_work = True
    world.cloud.next_forget.add(Unknown(detail="500"), Denied(detail="401"))
    await world.run_until(instance_id, S.READY)
    assert world.cloud.forgotten == list(world.cloud.machines)


async def test_what_was_due_at_once_does_not_stay_so(world: World) -> None:
    instances = [await world.deploy() for _ in range(3)]
    await world.run(5 * MINUTE)
    for instance_id in instances:
        await world.wake(instance_id)
    while await world.look():
        pass
    due = (await world.claim(limit=3, actor=PLATFORM)).next_due
    assert due is not None
    world.clock.advance(due)
    assert len((await world.claim(limit=3, actor=PLATFORM)).leases) == 1
