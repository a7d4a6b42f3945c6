"""Tokens of workers: replaced while machines run, lost and given again, or good for all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.identity.access import PLATFORM, Role
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.instances.errors import InstanceNotFound
from inventiv_core.workers.entities import SILENCE, TOKEN_GRACE, WorkerCaller, WorkerToken
from inventiv_core.workers.errors import (
    InstanceIsOver,
    TokenAlreadyExists,
    WorkerInstanceNotFound,
    WorkerTokenInvalid,
)
from inventiv_core.workers.events import WorkerTokenRotated
from inventiv_core.workers.use_cases.tokens import RotateWorkerToken
from tests.builders import NOON, OTHER, a_number, an_actor
from tests.core.workers.test_use_cases import (
    FROM_HOME,
    HOME,
    READY,
    TOKENS,
    an_instance,
    its_worker,
    worker_of,
)
from tests.core.world import SECOND, World

MINUTE = timedelta(minutes=1)
FOR_ALL = "a token that is good for every worker"


async def rotate(
    world: World, instance: Instance, *, grace: timedelta | None = None
) -> WorkerToken:
    use_case = RotateWorkerToken(
        unit_of_work=world.unit_of_work,
        worker_tokens=TOKENS,
        clock=world.clock,
        new_id=world.new_id,
    )
    return await use_case(instance.id, grace=grace, actor=an_actor())


async def serving(world: World) -> tuple[Instance, WorkerCaller]:
    """Return an instance, and its worker, which calls from the machine itself."""
    instance = await an_instance(world, InstanceStatus.READY)
    caller = replace(await its_worker(world, instance), ip_address=HOME)
    await world.heartbeat(instance.id, READY, actor=caller)
    return instance, caller


async def is_let_in(world: World, instance: Instance, caller: WorkerCaller) -> bool:
    try:
        await world.heartbeat(instance.id, READY, actor=caller)
    except WorkerTokenInvalid:
        return False
    return True


async def test_the_machine_gets_its_new_token_with_the_next_heartbeat(world: World) -> None:
    instance, old = await serving(world)
    token = await rotate(world, instance)
    assert (token.generation, token.last_seen_at) == (2, None)
    heard = await world.heartbeat(instance.id, READY, actor=old)
    assert heard.new_token == TOKENS.derive(instance.id, 2)
    new = replace(old, token=heard.new_token)
    assert (await world.heartbeat(instance.id, READY, actor=new)).new_token is None
    world.clock.advance(TOKEN_GRACE - SECOND)
    assert await is_let_in(world, instance, old)
    world.clock.advance(2 * SECOND)
    assert not await is_let_in(world, instance, old)
    assert await is_let_in(world, instance, new)


async def test_whoever_has_the_old_token_elsewhere_does_not_get_the_new_one(world: World) -> None:
    instance, old = await serving(world)
    await rotate(world, instance)
    for elsewhere in ("203.0.113.9", None):
        thief = replace(old, ip_address=elsewhere)
        assert (await world.heartbeat(instance.id, READY, actor=thief)).new_token is None


async def test_an_agent_that_cannot_take_a_new_token_goes_on_with_the_one_it_has(
    world: World,
) -> None:
    instance, old = await serving(world)
    await rotate(world, instance)
    for _ in range(100):
        world.clock.advance(10 * MINUTE)
        assert await is_let_in(world, instance, old)
    await rotate(world, instance)  # nor does another rotation lock it out
    assert await is_let_in(world, instance, old)


async def test_a_grace_ends_the_old_token_whatever_the_agent_can_do(world: World) -> None:
    instance, old = await serving(world)
    token = await rotate(world, instance, grace=MINUTE)
    assert token.previous_until == NOON + MINUTE
    world.clock.advance(MINUTE - SECOND)
    assert await is_let_in(world, instance, old)
    world.clock.advance(SECOND)
    assert not await is_let_in(world, instance, old)


async def test_a_grace_may_come_later_and_only_ever_shortens(world: World) -> None:
    instance, old = await serving(world)
    for grace, until in ((None, None), (2 * MINUTE, 2), (5 * MINUTE, 2), (MINUTE, 1), (None, 1)):
        token = await rotate(world, instance, grace=grace)
        assert token.generation == 2  # the machine has not taken the last one yet
        assert token.previous_until == (None if until is None else NOON + until * MINUTE)
    world.clock.advance(MINUTE)
    assert not await is_let_in(world, instance, old)


async def test_a_token_that_was_never_used_is_on_the_machine_all_the_same(world: World) -> None:
    instance = await an_instance(world)
    travelled = await its_worker(world, instance)
    await rotate(world, instance)
    await world.register(instance.id, READY, actor=travelled)


async def test_after_a_rotation_a_machine_may_ask_for_its_token(world: World) -> None:
    instance, _ = await serving(world)
    await rotate(world, instance, grace=timedelta(0))
    answer = await world.register(instance.id, READY, actor=FROM_HOME)
    assert answer.bootstrap_token == TOKENS.derive(instance.id, 2)
    known = WorkerCaller(token=answer.bootstrap_token, ip_address=None)
    assert await is_let_in(world, instance, known)


async def test_an_agent_that_has_lost_its_token_gets_another_once_it_was_silent(
    world: World,
) -> None:
    instance, old = await serving(world)
    world.clock.advance(SILENCE - SECOND)
    with pytest.raises(TokenAlreadyExists):
        await world.register(instance.id, READY, actor=FROM_HOME)
    world.clock.advance(SECOND)
    with pytest.raises(WorkerTokenInvalid):
        await world.register(
            instance.id, READY, actor=WorkerCaller(token=None, ip_address="203.0.113.9")
        )
    answer = await world.register(instance.id, READY, actor=FROM_HOME)
    assert answer.bootstrap_token not in {None, old.token}
    world.clock.advance(TOKEN_GRACE)
    assert not await is_let_in(world, instance, old)


async def test_whoever_beats_is_not_silent(world: World) -> None:
    instance, old = await serving(world)
    for _ in range(20):
        world.clock.advance(10 * SECOND)
        await world.heartbeat(instance.id, READY, actor=old)
        await world.flush_heartbeats(actor=PLATFORM)
    with pytest.raises(TokenAlreadyExists):
        await world.register(instance.id, READY, actor=FROM_HOME)


async def test_a_rotation_is_in_the_books_and_is_told_without_the_secret(world: World) -> None:
    instance, old = await serving(world)
    world.database.outbox.clear()
    token = await rotate(world, instance)
    [act] = world.database.table(Act).values()
    assert (act.kind, act.subject.id) == ("WORKER_TOKEN_ROTATED", instance.id)
    assert (act.before, act.after) == ({"generation": 1}, {"generation": 2})
    told = [message.event for message in world.database.outbox]
    assert WorkerTokenRotated in {type(event) for event in told}
    for secret in (str(old.token), token.token_hash, TOKENS.derive(instance.id, 2)):
        assert secret not in f"{act} {told}"


async def test_only_those_who_manage_instances_may_rotate_and_only_their_own(
    world: World,
) -> None:
    instance, _ = await serving(world)
    use_case = RotateWorkerToken(
        unit_of_work=world.unit_of_work,
        worker_tokens=TOKENS,
        clock=world.clock,
        new_id=world.new_id,
    )
    with pytest.raises(PermissionMissing):
        await use_case(instance.id, grace=None, actor=an_actor(Role.MANAGER))
    with pytest.raises(InstanceNotFound):
        await use_case(instance.id, grace=None, actor=an_actor(organization=OTHER))
    over = await an_instance(world, InstanceStatus.TERMINATED)
    with pytest.raises(InstanceIsOver):
        await use_case(over.id, grace=None, actor=an_actor())


async def test_a_token_that_is_good_for_all_is_so_only_if_an_operator_has_set_one(
    world: World,
) -> None:
    instance = await an_instance(world, InstanceStatus.READY)
    caller = WorkerCaller(token=FOR_ALL, ip_address=None)
    assert not await is_let_in(world, instance, caller)
    with pytest.raises(WorkerTokenInvalid):
        await world.register(instance.id, READY, actor=caller)
    generous = DerivedWorkerTokens("a secret for tests only", good_for_all=FOR_ALL)
    register = replace(world.register, worker_tokens=generous)
    heartbeat = replace(world.heartbeat, worker_tokens=generous)
    await register(instance.id, READY, actor=caller)
    await heartbeat(instance.id, READY, actor=caller)
    assert worker_of(world, instance) is not None
    for stranger in ("", FOR_ALL[:-1], FOR_ALL + "x"):
        with pytest.raises(WorkerTokenInvalid):
            await heartbeat(instance.id, READY, actor=WorkerCaller(token=stranger, ip_address=None))
    with pytest.raises(WorkerInstanceNotFound):
        await heartbeat(InstanceId(a_number()), READY, actor=caller)
