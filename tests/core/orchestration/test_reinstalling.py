"""A machine starts anew, and no other one is rented."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest

from inventiv_adapters.cloud.memory import AnswerLost, FixedClouds
from inventiv_core.action_logs.entities import ActionStatus, ActionType
from inventiv_core.cloud.entities import Absent, Denied, Throttled, Unknown
from inventiv_core.cloud.errors import NoCloudAdapter
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.identity.access import PLATFORM, Role
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.instances.entities import REINSTALLABLE, InstanceId, InstanceStatus
from inventiv_core.instances.errors import (
    InstanceNotFound,
    NothingToReinstall,
    ReinstallNotPossible,
    ReinstallNotSupported,
    ReinstallTooLate,
)
from inventiv_core.instances.events import ReinstallRequested
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.secrets import Secret
from inventiv_core.orchestration.use_cases.reinstalling import ReinstallInstance
from inventiv_core.workers.entities import (
    Worker,
    WorkerCaller,
    WorkerReport,
    WorkerStatus,
    WorkerToken,
)
from inventiv_core.workers.errors import TokenAlreadyExists, WorkerTokenInvalid
from tests.builders import OTHER, a_number, an_actor, given
from tests.core.world import GOOD_FOR_ALL, MINUTE, SECOND, World

S = InstanceStatus


class Plain:
    """A cloud with no more than it must have."""

    def __init__(self, cloud: CloudProvider) -> None:
        self._cloud = cloud

    def __getattr__(self, name: str) -> Any:
        if name == "reinstall":
            raise AttributeError
        return getattr(self._cloud, name)


async def request(world: World) -> tuple[ActionStatus, dict[str, Any]]:
    """Return how the only request ended, and what its log says."""
    [log] = world.logs(ActionType.REQUEST_REINSTALL)
    return log.status, dict(log.metadata)


async def test_an_instance_comes_back_on_the_same_machine(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    [machine] = world.cloud.machines.values()
    world.clock.advance(MINUTE)
    await world.reinstall(instance_id)
    asked_at = world.clock.now()
    instance = world.instance(instance_id)
    assert (instance.status, instance.is_to_reinstall) == (S.BOOTING, True)
    assert (instance.status_since, instance.boot_started_at) == (asked_at, asked_at)
    assert instance_id not in world.database.table(Worker), "it has to register again"
    assert not world.cloud.reinstalled, "that is the reconciler's"

    await world.run(2 * MINUTE)
    assert world.cloud.reinstalled == [machine.id]
    assert list(world.cloud.machines) == [machine.id]
    assert len(world.cloud.orders) == 1
    assert world.history(instance_id)[-5:] == [
        S.READY, S.BOOTING, S.INSTALLING, S.STARTING, S.READY,
    ]  # fmt: skip
    assert not world.instance(instance_id).is_to_reinstall
    assert await request(world) == (ActionStatus.SUCCESS, {"instance_id": str(instance_id)})
    [executed] = world.logs(ActionType.EXECUTE_REINSTALL)
    assert executed.status is ActionStatus.SUCCESS
    assert executed.metadata["server_id"] == machine.id
    assert not world.unfinished()


async def test_what_the_agent_says_before_the_new_start_counts_no_more(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.reinstall(instance_id)
    asked_at = world.clock.now()
    world.clock.advance(MINUTE)
    await world.beat()  # the machine does not know yet
    assert instance_id not in world.database.table(Worker), "its token is worth nothing"
    world.agents_work = False
    await world.run(MINUTE)
    assert world.cloud.reinstalled
    assert world.status(instance_id) is S.INSTALLING, "nobody has reported since"
    begun_at = world.instance(instance_id).boot_started_at
    assert begun_at is not None
    assert begun_at >= asked_at + MINUTE, "it counts from when the provider does it"
    world.agents_work = True
    await world.run(MINUTE)
    assert world.status(instance_id) is S.READY


async def test_each_life_of_a_machine_has_secrets_of_its_own(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    [machine_id] = world.cloud.machines
    before = world.cloud.setups[machine_id]
    assert before.engine_key is not None
    await world.reinstall(instance_id)
    assert set(world.engines.keys) == {Secret(before.engine_key)}, "nobody is asked without it"
    world.engines.keys.clear()
    await world.run(2 * MINUTE)
    after = world.cloud.setups[machine_id]
    assert world.status(instance_id) is S.READY
    assert after.auth_token != before.auth_token
    assert after.engine_key not in {None, before.engine_key}
    assert set(world.engines.keys) == {Secret(after.engine_key or "")}
    assert after.engine_key == world.engine_keys.derive(instance_id, 2).reveal()


READY = WorkerReport(status=WorkerStatus.READY)


@pytest.mark.parametrize("has_own_token", [True, False])
@pytest.mark.parametrize("moment", ["before", "after", "late"])
async def test_a_late_heartbeat_of_the_former_life_brings_no_worker_back(
    world: World, moment: str, *, has_own_token: bool
) -> None:
    world.report = replace(world.report, worker_id=a_number())
    instance_id = await world.deploy_until(S.READY)
    await world.run(MINUTE)
    old, [machine_id] = world.report, world.cloud.machines
    token = world.cloud.setups[machine_id].auth_token if has_own_token else GOOD_FOR_ALL
    caller = WorkerCaller(token=token, ip_address="127.0.0.1")
    await world.reinstall(instance_id)
    if moment != "before":
        world.agents_work = False
        await world.run(MINUTE)
        assert world.cloud.reinstalled
    if moment == "late":
        world.report = replace(world.report, worker_id=a_number())
        world.agents_work = True
        await world.run(MINUTE)
        assert world.status(instance_id) is S.READY
    known = world.database.table(Worker).get(instance_id)
    with suppress(WorkerTokenInvalid):  # who still believes what it has read answers, and drops it
        await world.heartbeat(instance_id, old, actor=caller)
    await world.flush_heartbeats(actor=PLATFORM)
    world.roster.forget(instance_id)
    with pytest.raises(WorkerTokenInvalid) if has_own_token else nullcontext():
        await world.heartbeat(instance_id, old, actor=caller)
    await world.flush_heartbeats(actor=PLATFORM)
    assert world.database.table(Worker).get(instance_id) == known
    assert (known is None) == (moment != "late")


async def test_until_the_provider_does_it_whatever_is_heard_is_of_the_life_that_ends(
    world: World,
) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.reinstall(instance_id)
    nobody_known = replace(world.report, worker_id=a_number())
    caller = WorkerCaller(token=GOOD_FOR_ALL, ip_address="127.0.0.1")
    for _ in range(2):
        await world.heartbeat(instance_id, nobody_known, actor=caller)
        await world.flush_heartbeats(actor=PLATFORM)
        world.roster.forget(instance_id)
    assert instance_id not in world.database.table(Worker)


async def test_a_process_that_registers_while_its_life_ends_is_sent_away(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.reinstall(instance_id)
    for token in (GOOD_FOR_ALL, None):
        caller = WorkerCaller(token=token, ip_address="127.0.0.1")
        with pytest.raises(TokenAlreadyExists):
            await world.register(instance_id, READY, actor=caller)
    assert instance_id not in world.database.table(Worker)


async def test_a_token_that_has_just_been_sent_is_not_given_to_who_asks_for_it(
    world: World,
) -> None:
    """Who asks may be what ran on the machine before, and does still."""
    instance_id = await world.deploy_until(S.READY)
    world.agents_work = False
    await world.reinstall(instance_id)
    await world.run(10 * SECOND)
    assert world.cloud.reinstalled
    anybody = WorkerCaller(token=None, ip_address="127.0.0.1")
    with pytest.raises(TokenAlreadyExists):
        await world.register(instance_id, READY, actor=anybody)
    world.clock.advance(MINUTE)
    answer = await world.register(instance_id, READY, actor=anybody)
    [machine_id] = world.cloud.machines
    assert answer.bootstrap_token == world.cloud.setups[machine_id].auth_token


async def test_a_process_that_always_has_the_same_name_comes_back(world: World) -> None:
    """With the token that is good for all: then only its registration tells that it is new."""
    world.report = replace(world.report, worker_id=a_number())
    instance_id = await world.deploy_until(S.READY)
    await world.run(MINUTE)
    world.agents_work = False
    await world.reinstall(instance_id)
    await world.run(10 * SECOND)
    caller = WorkerCaller(token=GOOD_FOR_ALL, ip_address="127.0.0.1")
    await world.register(instance_id, world.report, actor=caller)
    await world.heartbeat(instance_id, world.report, actor=caller)
    await world.run(10 * SECOND)
    assert world.status(instance_id) is S.READY


async def test_to_ask_again_before_it_is_done_changes_nothing(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    await world.reinstall(instance_id)
    before = world.instance(instance_id)
    world.clock.advance(SECOND)
    await world.reinstall(instance_id)
    assert world.instance(instance_id) == before
    assert world.logs(ActionType.REQUEST_REINSTALL)[-1].metadata["already_requested"]
    await world.run(2 * MINUTE)
    assert len(world.cloud.reinstalled) == 1


@pytest.mark.parametrize("status", [S.BOOTING, S.INSTALLING, S.STARTING, S.STARTUP_FAILED])
async def test_a_start_that_hangs_can_be_begun_anew(world: World, status: InstanceStatus) -> None:
    world.agents_work = status is S.STARTING
    world.engines.serving.clear()
    instance_id = await world.deploy()
    await world.run_until(instance_id, status)
    if world.instance(instance_id).ip_address is None:
        with pytest.raises(NothingToReinstall):
            await world.reinstall(instance_id)
        return
    await world.reinstall(instance_id)
    assert world.instance(instance_id).error_code is None
    world.heal()
    await world.run(2 * MINUTE)
    assert world.status(instance_id) is S.READY
    assert len(world.cloud.machines) == 1
    assert not world.unfinished()


async def test_a_reinstall_that_takes_too_long_fails_like_a_start(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    world.agents_work = False
    await world.reinstall(instance_id)
    await world.run_until(instance_id, S.STARTUP_FAILED)
    [executed] = world.logs(ActionType.EXECUTE_REINSTALL)
    assert (executed.status, executed.error_code) == (ActionStatus.FAILED, "STARTUP_TIMEOUT")
    await world.run(20 * MINUTE)
    assert world.status(instance_id) is S.TERMINATED
    assert not world.cloud.machines


@pytest.mark.parametrize(
    "answer",
    [
        Unknown(detail="?"),
        Denied(detail="?"),
        Throttled(retry_after=SECOND),
        Absent(),
        AnswerLost(),
    ],
)
async def test_whatever_the_provider_answers_it_is_asked_until_it_does_it(
    world: World, answer: Any
) -> None:
    instance_id = await world.deploy_until(S.READY)
    world.cloud.next_reinstall.add(answer, answer)
    await world.reinstall(instance_id)
    await world.run(3 * MINUTE)
    assert world.status(instance_id) is S.READY
    assert world.cloud.reinstalled
    assert len(world.logs(ActionType.EXECUTE_REINSTALL)) == 1
    assert not world.unfinished()


@pytest.mark.parametrize("status", InstanceStatus)
@pytest.mark.parametrize("has_machine", [True, False])
@pytest.mark.parametrize("has_address", [True, False])
async def test_only_what_has_a_machine_and_a_future_is_reinstalled(
    world: World, status: InstanceStatus, *, has_machine: bool, has_address: bool
) -> None:
    instance = world.market.instance(
        status=status,
        provider_instance_id="m-1" if has_machine else None,
        ip_address="192.0.2.1" if has_address else None,
        error_code="E",
    )
    await given(world.unit_of_work, instance)
    expected: type[DomainError] | None = None
    facts: dict[str, Any] = {"status": str(status)}
    if status in {S.TERMINATED, S.ARCHIVED}:
        expected = ReinstallTooLate
    elif status is S.TERMINATING:
        expected = ReinstallNotPossible
    elif not (has_machine and has_address):
        expected = NothingToReinstall
        facts = {
            "provider_instance_id_present": has_machine, "ip_address_present": has_address,
        }  # fmt: skip
    elif status not in REINSTALLABLE:
        expected = ReinstallNotPossible
    if expected is None:
        await world.reinstall(instance.id)
        after = world.instance(instance.id)
        assert (after.status, after.error_code, after.failed_at) == (
            S.BOOTING, None, None,
        )  # fmt: skip
        return
    with pytest.raises(expected):
        await world.reinstall(instance.id)
    assert world.instance(instance.id) == instance
    failed, metadata = await request(world)
    assert failed is ActionStatus.FAILED
    assert metadata == {
        "instance_id": str(instance.id), "error_code": expected.code, **facts,
    }  # fmt: skip


async def test_a_provider_that_cannot_is_not_asked(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    code = world.market.provider.code
    for clouds, error in (
        (FixedClouds({code: Plain(world.cloud)}), ReinstallNotSupported),
        (FixedClouds({}), NoCloudAdapter),
    ):
        reinstall = ReinstallInstance(
            unit_of_work=world.unit_of_work,
            situation_queries=world.reinstall_instance.situation_queries,
            clouds=clouds,
            worker_tokens=world.reinstall_instance.worker_tokens,
            clock=world.clock,
            new_id=world.new_id,
        )
        with pytest.raises(error):
            await reinstall(instance_id, actor=an_actor())
    assert world.status(instance_id) is S.READY
    assert [log.status for log in world.logs(ActionType.REQUEST_REINSTALL)] == [
        ActionStatus.FAILED
    ] * 2


async def test_where_others_orchestrate_they_are_told_and_know_what_can_be_done(
    world: World,
) -> None:
    instance_id = await world.deploy_until(S.READY)
    before, token = world.instance(instance_id), world.database.table(WorkerToken)[instance_id]
    world.database.outbox.clear()
    reinstall = replace(
        world.reinstall_instance, clouds=FixedClouds({}), orchestrator_is_external=True
    )
    await reinstall(instance_id, actor=an_actor())
    after = world.instance(instance_id)
    assert (after.status, after.is_to_reinstall, after.life) == (S.BOOTING, False, before.life)
    assert world.database.table(WorkerToken)[instance_id] == token, "tokens are theirs"
    [log] = world.logs(ActionType.REQUEST_REINSTALL)
    events = [message.event for message in world.database.outbox]
    [told] = [event for event in events if isinstance(event, ReinstallRequested)]
    assert (told.instance_id, told.correlation_id) == (instance_id, log.id)


async def test_only_owners_and_administrators_reinstall_and_only_their_own(world: World) -> None:
    instance_id = await world.deploy_until(S.READY)
    for role in (Role.MANAGER, Role.USER):
        with pytest.raises(PermissionMissing):
            await world.reinstall_instance(instance_id, actor=an_actor(role))
    for wanted, actor in (
        (instance_id, an_actor(organization=OTHER)),
        (InstanceId(a_number()), an_actor()),
    ):
        with pytest.raises(InstanceNotFound):
            await world.reinstall_instance(wanted, actor=actor)
    await world.reinstall_instance(instance_id, actor=an_actor(Role.ADMIN))
