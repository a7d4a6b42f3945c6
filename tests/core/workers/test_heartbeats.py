"""Heartbeats that wait, heartbeats that do not, and what becomes of both."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.observability.entities import GpuReading
from inventiv_core.workers.entities import Worker, WorkerCaller, WorkerReport, WorkerStatus
from inventiv_core.workers.errors import TooManyHeartbeats, WorkerTokenInvalid
from inventiv_core.workers.use_cases.heartbeats import TRUSTED_FOR, Flushed, Roster
from tests.builders import NOON, Market, given
from tests.core.workers.test_use_cases import READY, an_instance, its_worker, worker_of
from tests.core.world import SECOND, World

BOOT, FORMER = UUID(int=2), UUID(int=1)


async def known(world: World, **facts: Any) -> tuple[Instance, WorkerCaller]:
    """Return an instance that serves, whose worker has been heard of before."""
    instance = await an_instance(world, InstanceStatus.READY)
    caller = await its_worker(world, instance)
    worker = Worker.register(instance.id, replace(READY, **facts), at=NOON - SECOND)
    await given(world.unit_of_work, worker)
    for _ in range(2):  # the first one uses the token, which is news
        await world.heartbeat(instance.id, replace(READY, **facts), actor=caller)
    await flush(world)
    return instance, caller


async def flush(world: World) -> Flushed:
    return await world.flush_heartbeats(actor=PLATFORM)


async def test_what_is_no_news_waits_and_is_stored_with_the_rest(world: World) -> None:
    instance, caller = await known(world)
    before = worker_of(world, instance)
    world.clock.advance(SECOND)
    await world.heartbeat(instance.id, replace(READY, queue_depth=7), actor=caller)
    assert worker_of(world, instance) == before
    assert await flush(world) == Flushed(stored=1)
    assert before is not None
    assert worker_of(world, instance) == replace(
        before, queue_depth=7, last_heartbeat_at=world.clock.now()
    )
    assert await flush(world) == Flushed()


async def test_no_query_is_made_for_a_worker_that_is_known(world: World) -> None:
    instance, caller = await known(world)
    await world.heartbeat(instance.id, READY, actor=caller)
    nothing: Any = None
    blind = replace(world.heartbeat, unit_of_work=nothing, worker_queries=nothing)
    for _ in range(3):
        world.clock.advance(4 * SECOND)
        await blind(instance.id, READY, actor=caller)
    assert await flush(world) == Flushed(stored=1)


async def test_a_change_of_status_does_not_wait(world: World) -> None:
    instance, caller = await known(world)
    world.database.outbox.clear()
    world.clock.advance(SECOND)
    await world.heartbeat(instance.id, replace(READY, model_id="a-model"), actor=caller)
    world.clock.advance(SECOND)
    draining = WorkerReport(status=WorkerStatus.DRAINING, queue_depth=1)
    await world.heartbeat(instance.id, draining, actor=caller)
    worker = worker_of(world, instance)
    assert worker is not None
    assert (worker.status, worker.model_id, worker.queue_depth) == (
        WorkerStatus.DRAINING,
        "a-model",  # what had waited is not lost
        1,
    )
    assert [message.event for message in world.database.outbox] == [
        InstanceChanged.of(instance, at=world.clock.now())
    ]
    assert await flush(world) == Flushed()


async def test_what_another_process_has_heard_since_is_found_when_it_is_stored(
    world: World,
) -> None:
    instance, caller = await known(world)
    await world.heartbeat(instance.id, READY, actor=caller)  # this process knows it as ready
    elsewhere = worker_of(world, instance)
    assert elsewhere is not None
    draining = replace(elsewhere, status=WorkerStatus.DRAINING, last_heartbeat_at=NOON)
    await given(world.unit_of_work, draining)
    world.database.outbox.clear()
    world.clock.advance(SECOND)
    await world.heartbeat(instance.id, READY, actor=caller)
    assert await flush(world) == Flushed(stored=1)
    worker = worker_of(world, instance)
    assert worker is not None
    assert worker.status is WorkerStatus.READY
    assert len(world.database.outbox) == 1  # and it was news


async def test_what_comes_after_something_newer_changes_nothing(world: World) -> None:
    instance, caller = await known(world)
    world.clock.advance(SECOND)
    await world.heartbeat(instance.id, replace(READY, queue_depth=1), actor=caller)
    newer = Worker.register(instance.id, replace(READY, queue_depth=2), at=NOON + 5 * SECOND)
    await given(world.unit_of_work, newer)
    assert await flush(world) == Flushed(dropped=1)
    assert worker_of(world, instance) == newer


async def test_a_process_that_was_replaced_is_heard_no_more(world: World) -> None:
    instance, caller = await known(world, worker_id=FORMER)
    await world.register(instance.id, WorkerReport(worker_id=BOOT), actor=caller)
    await world.heartbeat(instance.id, replace(READY, worker_id=BOOT), actor=caller)
    world.clock.advance(SECOND)
    late = replace(READY, worker_id=FORMER, queue_depth=9, gpus=[GpuReading(gpu_index=0)])
    waiting = len(world.measurement_queue)
    await world.heartbeat(instance.id, late, actor=caller)
    await flush(world)
    worker = worker_of(world, instance)
    assert worker is not None
    assert (worker.worker_id, worker.queue_depth) == (BOOT, None)
    assert len(world.measurement_queue) == waiting


async def test_a_process_that_could_not_register_is_heard_all_the_same(world: World) -> None:
    instance, caller = await known(world, worker_id=FORMER)
    world.clock.advance(SECOND)
    await world.heartbeat(instance.id, replace(READY, worker_id=BOOT), actor=caller)
    worker = worker_of(world, instance)
    assert worker is not None
    assert (worker.worker_id, worker.former_id) == (BOOT, FORMER)


async def test_a_token_that_was_taken_back_stores_nothing_even_if_it_is_still_believed(
    world: World,
) -> None:
    instance, caller = await known(world)
    await world.heartbeat(instance.id, READY, actor=caller)
    before = worker_of(world, instance)
    async with world.unit_of_work() as work:
        token = await work.worker_tokens.find(instance.id)
        assert token is not None
        await work.worker_tokens.put(replace(token, revoked_at=NOON))
    world.clock.advance(SECOND)
    await world.heartbeat(instance.id, READY, actor=caller)  # nobody has told this process
    assert await flush(world) == Flushed(dropped=1)
    assert worker_of(world, instance) == before
    with pytest.raises(WorkerTokenInvalid):
        await world.heartbeat(instance.id, READY, actor=caller)


async def test_whoever_is_told_of_a_change_reads_anew(world: World) -> None:
    instance, _ = await known(world)
    assert world.roster.standing(instance.id, at=NOON) is not None
    world.roster.learn_of(InstanceChanged.of(instance, at=NOON))
    assert world.roster.standing(instance.id, at=NOON) is None


async def test_nothing_is_believed_for_ever(world: World) -> None:
    instance, _ = await known(world)
    assert world.roster.standing(instance.id, at=NOON + TRUSTED_FOR) is not None
    assert world.roster.standing(instance.id, at=NOON + TRUSTED_FOR + SECOND) is None


class Away:
    """A database that is not there."""

    def __call__(self) -> Any:
        raise ConnectionError


async def test_while_the_database_is_away_the_last_words_are_kept(world: World) -> None:
    instance, caller = await known(world)
    away = replace(world.flush_heartbeats, unit_of_work=Away())
    for queue_depth in range(20):
        world.clock.advance(SECOND)
        await world.heartbeat(instance.id, replace(READY, queue_depth=queue_depth), actor=caller)
        with pytest.raises(ConnectionError):
            await away(actor=PLATFORM)
        assert world.roster.waiting <= 1
        world.roster.pace.succeeded()
    await flush(world)
    worker = worker_of(world, instance)
    assert worker is not None
    assert worker.queue_depth == 19


async def test_what_alone_cannot_be_stored_is_given_up_and_counted(world: World) -> None:
    instance, caller = await known(world)
    world.clock.advance(SECOND)
    await world.heartbeat(instance.id, READY, actor=caller)
    away = replace(world.flush_heartbeats, unit_of_work=Away())
    for _ in range(20):
        if world.roster.waiting:
            with pytest.raises(ConnectionError):
                await away(actor=PLATFORM)
    assert (world.roster.waiting, world.roster.dropped) == (0, 1)


async def test_no_more_wait_for_the_database_than_there_are_places(world: World) -> None:
    instance = await an_instance(world, InstanceStatus.READY)
    caller = await its_worker(world, instance)
    crowded = replace(world.heartbeat, roster=Roster(waiting=0))
    with pytest.raises(TooManyHeartbeats):
        await crowded(instance.id, READY, actor=caller)


async def test_what_is_heard_while_heartbeats_are_stored_is_stored_next_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance, caller = await known(world)
    await world.heartbeat(instance.id, READY, actor=caller)
    [heard] = world.roster.take(10)
    world.roster.hear(heard)
    succeeded = world.roster.pace.succeeded

    coming = [heard] * 3

    def busy() -> None:
        succeeded()
        if coming:
            world.roster.hear(coming.pop())

    monkeypatch.setattr(world.roster.pace, "succeeded", busy)
    assert await flush(world) == Flushed(stored=1)
    assert world.roster.waiting == 1


async def test_a_roster_is_bounded(world: World) -> None:
    small = Roster(capacity=1)
    beat = replace(world.heartbeat, roster=small)
    for _ in range(2):
        instance, caller = await known(world)
        await beat(instance.id, READY, actor=caller)
        await beat(instance.id, READY, actor=caller)
    assert (len(small), small.waiting, small.dropped) == (1, 1, 2)


async def test_measurements_are_handed_on(world: World) -> None:
    instance, caller = await known(world)
    gpu = GpuReading(gpu_index=3, gpu_pct=5.0)
    await world.heartbeat(instance.id, replace(READY, gpus=[gpu]), actor=caller)
    [measured] = world.measurement_queue.take(10)
    assert (measured.instance_id, measured.at, list(measured.gpus)) == (instance.id, NOON, [gpu])


reports = st.builds(
    WorkerReport,
    status=st.none() | st.sampled_from(WorkerStatus),
    worker_id=st.none() | st.just(BOOT),
    model_id=st.none() | st.sampled_from(["a", "b"]),
    vllm_port=st.none() | st.integers(1, 3),
    queue_depth=st.none() | st.integers(0, 3),
    gpu_utilization=st.none() | st.floats(0, 100),
    agent_version=st.none() | st.sampled_from(["1", "2"]),
    metadata=st.none() | st.dictionaries(st.sampled_from("ab"), st.integers(0, 3)),
)


@drawn(st.lists(reports, min_size=1, max_size=6))
def test_many_reports_are_heard_as_if_they_were_one(many: list[WorkerReport]) -> None:
    worker = Worker.register(Market().instance().id, READY, at=NOON)
    one_by_one, at_once = worker, many[0]
    for report in many:
        one_by_one = one_by_one.hear(report, at=NOON)
    for report in many[1:]:
        at_once = at_once.then(report)
    assert worker.hear(at_once, at=NOON) == one_by_one


steps = st.one_of(reports, st.just("flush"), st.just("fail"), st.just("told"))


@drawn(st.lists(steps, max_size=25))
async def test_whenever_it_is_stored_the_newest_state_is_what_remains(many: list[Any]) -> None:
    world = await World.build()
    instance, caller = await known(world, worker_id=BOOT)
    expected = worker_of(world, instance)
    assert expected is not None
    for step in many:
        world.clock.advance(timedelta(milliseconds=100))
        match step:
            case "flush":
                await flush(world)
                assert worker_of(world, instance) == expected
            case "fail":
                if world.roster.waiting:
                    with pytest.raises(ConnectionError):
                        await replace(world.flush_heartbeats, unit_of_work=Away())(actor=PLATFORM)
                world.roster.pace.succeeded()
            case "told":
                world.roster.learn_of(InstanceChanged.of(instance, at=NOON))
            case _:
                await world.heartbeat(instance.id, step, actor=caller)
                expected = expected.hear(step, at=world.clock.now())
    await flush(world)
    assert worker_of(world, instance) == expected
