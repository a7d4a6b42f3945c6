"""Calls, forwarded to one worker or another, and what they have used."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from inventiv_adapters.inference.memory import MemoryRoutingQueries
from inventiv_adapters.kernel.chance import SeededChance
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_adapters.unit_of_work import MemoryUnitOfWork
from inventiv_core.identity.access import PLATFORM, Actor
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.inference.entities import (
    MAX_ATTEMPTS,
    InferenceUsage,
    Route,
    Router,
    TokenCounts,
)
from inventiv_core.inference.errors import (
    ModelNotNamed,
    ModelNotServed,
    NoReadyWorker,
    UpstreamUnreachable,
)
from inventiv_core.inference.ports import EngineNotReached, EngineReply, Engines
from inventiv_core.inference.use_cases import (
    Exchange,
    FlushUsage,
    ForwardInference,
    InferenceCall,
    ListServedModels,
    RefreshRoutes,
    UsageQueue,
)
from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.kernel.bus import Message
from inventiv_core.settings.definitions import WORKER_STALE
from inventiv_core.settings.events import GlobalSettingChanged
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from tests.builders import ACME, ALICE, NOON, OTHER, an_actor
from tests.core.inference.routes import MODEL, a_route, a_router
from tests.core.world import World

USED = TokenCounts(input_tokens=1, output_tokens=2, total_tokens=3)
SECOND = timedelta(seconds=1)
Hook = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Do nothing."""


@dataclass
class Reply(EngineReply):
    """An answer of which only the beginning matters."""

    status_code: int = 200
    content_type: str = "application/json"
    closed: bool = False
    on_close: Hook = nothing

    def chunks(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def close(self) -> None:
        await self.on_close()
        self.closed = True


@dataclass
class ScriptedEngines(Engines):
    """Engines that answer as they are told to, one after the other; then all is well."""

    answers: list[Reply | type[BaseException]] = field(default_factory=list)
    asked: list[tuple[Route, str, bytes, str]] = field(default_factory=list)

    async def send(self, route: Route, path: str, body: bytes, *, accept: str) -> EngineReply:
        self.asked.append((route, path, body, accept))
        answer = self.answers.pop(0) if self.answers else Reply()
        if isinstance(answer, Reply):
            return answer
        raise answer


class Gateway:
    """Everything that a call passes through."""

    def __init__(self, workers: int = 2) -> None:
        self.routes = [a_route() for _ in range(workers)]
        self.router = a_router(self.routes)
        self.engines = ScriptedEngines()
        self.queue = UsageQueue()
        self.clock = ManualClock(NOON)
        self.forward = ForwardInference(
            router=self.router,
            engines=self.engines,
            usage_queue=self.queue,
            clock=self.clock,
            new_id=SerialIds(),
            chance=SeededChance(0),
        )

    async def call(
        self,
        model: str | None = MODEL.model_id,
        *,
        streamed: bool = False,
        actor: Actor | None = None,
    ) -> Exchange:
        call = InferenceCall(
            path="/v1/chat/completions",
            model=model,
            streamed=streamed,
            body_for=lambda model_id: f"for {model_id}".encode(),
        )
        return await self.forward(call, actor=actor or an_actor())

    @property
    def idle(self) -> bool:
        """Whether no call is counted at any worker: a worker with none queued is as good."""
        reference = a_route(queue_depth=0)
        for route in self.routes:
            self.router.replace([MODEL], [reference, route])
            draws = iter((0.5, 0.0))
            chosen = self.router.choose(
                MODEL.model_id, owner=ACME, tried=(), chance=lambda draws=draws: next(draws)
            )
            if chosen is not route:
                return False
        self.router.replace([MODEL], self.routes)
        return True


@pytest.mark.parametrize("name", [MODEL.model_id, f" {MODEL.id} "])
async def test_a_call_reaches_a_worker_under_the_name_it_knows(name: str) -> None:
    gateway = Gateway()
    exchange = await gateway.call(name)
    [(route, path, body, accept)] = gateway.engines.asked
    assert exchange.route is route
    assert (path, body) == ("/v1/chat/completions", b"for acme/Talker-7B")
    assert accept == "application/json"
    assert not gateway.idle


async def test_a_stream_is_asked_for_as_one() -> None:
    gateway = Gateway()
    await gateway.call(streamed=True)
    assert gateway.engines.asked[0][3] == "text/event-stream"


@pytest.mark.parametrize("broken", [EngineNotReached, Reply(502), Reply(503), Reply(504)])
async def test_a_call_that_fails_at_one_worker_succeeds_at_another(
    broken: Reply | type[BaseException],
) -> None:
    gateway = Gateway()
    gateway.engines.answers = [broken]
    exchange = await gateway.call()
    assert exchange.reply.status_code == 200
    first, second = (asked[0] for asked in gateway.engines.asked)
    assert first is not second is exchange.route
    if isinstance(broken, Reply):
        assert broken.closed
    exchange.finish(None, None)
    assert gateway.idle


@pytest.mark.parametrize("status_code", [400, 404, 429, 500])
async def test_what_another_worker_would_not_do_better_is_the_answer(status_code: int) -> None:
    gateway = Gateway()
    gateway.engines.answers = [Reply(status_code)]
    exchange = await gateway.call()
    assert exchange.reply.status_code == status_code
    assert len(gateway.engines.asked) == 1


async def test_the_last_worker_s_refusal_is_the_answer() -> None:
    gateway = Gateway()
    last = Reply(503)
    gateway.engines.answers = [Reply(503), last]
    exchange = await gateway.call()
    assert exchange.reply is last
    assert not last.closed


async def test_when_nobody_can_be_reached_nobody_is_blamed_for_the_model() -> None:
    gateway = Gateway()
    gateway.engines.answers = [EngineNotReached] * 2
    with pytest.raises(UpstreamUnreachable) as failure:
        await gateway.call()
    assert failure.value.facts == {"model": MODEL.model_id}
    assert len(gateway.engines.asked) == 2
    assert gateway.idle


@pytest.mark.parametrize("broken", [EngineNotReached, Reply(503)])
async def test_a_call_tries_a_few_workers_and_not_all(
    broken: Reply | type[BaseException],
) -> None:
    gateway = Gateway(workers=MAX_ATTEMPTS + 2)
    gateway.engines.answers = [broken] * 10
    try:
        exchange = await gateway.call()
        exchange.finish(None, None)
    except UpstreamUnreachable:
        assert broken is EngineNotReached
    assert len({asked[0].instance_id for asked in gateway.engines.asked}) == MAX_ATTEMPTS
    assert gateway.idle


@pytest.mark.parametrize("accident", [asyncio.CancelledError, RuntimeError])
async def test_a_caller_who_goes_away_is_counted_off(accident: type[BaseException]) -> None:
    gateway = Gateway()
    gateway.engines.answers = [accident]
    with pytest.raises(accident):
        await gateway.call()
    assert gateway.idle


async def test_a_caller_who_goes_away_between_two_workers_is_counted_off() -> None:
    async def cancel() -> None:
        raise asyncio.CancelledError

    gateway = Gateway()
    gateway.engines.answers = [Reply(503, on_close=cancel)]
    with pytest.raises(asyncio.CancelledError):
        await gateway.call()
    assert gateway.idle


async def test_without_workers_there_is_nobody_to_ask() -> None:
    with pytest.raises(NoReadyWorker):
        await Gateway(workers=0).call()


async def test_a_call_goes_to_the_workers_of_the_caller_s_organization() -> None:
    gateway = Gateway()
    with pytest.raises(NoReadyWorker):
        await gateway.call(actor=an_actor(organization=OTHER))
    with pytest.raises(NoCurrentOrganization):
        await gateway.call(actor=an_actor(None))
    assert not gateway.engines.asked


@pytest.mark.parametrize("name", [None, "", "  "])
async def test_a_call_names_a_model(name: str | None) -> None:
    with pytest.raises(ModelNotNamed):
        await Gateway().call(name)


async def test_an_unknown_model_is_unknown() -> None:
    with pytest.raises(ModelNotServed):
        await Gateway().call("none")


async def test_what_was_used_is_put_to_the_account_of_whoever_used_it() -> None:
    gateway = Gateway()
    exchange = await gateway.call(streamed=True)
    gateway.clock.advance(3 * SECOND)
    exchange.finish(USED, NOON + SECOND)
    [usage] = gateway.queue.take(10)
    assert usage == InferenceUsage(
        id=usage.id,
        occurred_at=NOON,
        organization_id=ACME,
        user_id=ALICE,
        instance_id=exchange.route.instance_id,
        model_id=MODEL.model_id,
        path="/v1/chat/completions",
        streamed=True,
        status_code=200,
        input_tokens=1,
        output_tokens=2,
        total_tokens=3,
        ttft_ms=1000,
        duration_ms=3000,
    )


async def test_what_is_not_known_of_a_call_stays_unknown() -> None:
    gateway = Gateway()
    (await gateway.call()).finish(None, None)
    [usage] = gateway.queue.take(10)
    assert usage.input_tokens is usage.output_tokens is usage.total_tokens is usage.ttft_ms is None


async def some_usage(count: int) -> tuple[UsageQueue, list[InferenceUsage]]:
    gateway = Gateway()
    for _ in range(count):
        (await gateway.call()).finish(USED, None)
    usages = list(gateway.queue.take(count))
    gateway.queue.put_back(usages)
    return gateway.queue, usages


async def test_usage_is_stored_in_order_and_once() -> None:
    queue, usages = await some_usage(1001)
    database = MemoryDatabase()
    flush = FlushUsage(unit_of_work=MemoryUnitOfWork(database), usage_queue=queue)
    assert await flush(actor=PLATFORM) == 1001
    assert list(database.table(InferenceUsage).values()) == usages
    assert await flush(actor=PLATFORM) == 0


async def test_usage_that_cannot_be_stored_waits_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, usages = await some_usage(3)
    database = MemoryDatabase()

    def fail(draft: MemoryDatabase) -> None:
        raise ConnectionError

    flush = FlushUsage(unit_of_work=MemoryUnitOfWork(database), usage_queue=queue)
    monkeypatch.setattr(database, "accept", fail)
    with pytest.raises(ConnectionError):
        await flush(actor=PLATFORM)
    monkeypatch.undo()
    assert queue.take(2) == usages[:2]
    queue.put_back(usages[:2])
    assert await flush(actor=PLATFORM) == 3


async def test_routes_are_what_the_database_says(world: World) -> None:
    router = Router()
    refresh = RefreshRoutes(
        routing_queries=MemoryRoutingQueries(world.database),
        router=router,
        clock=world.clock,
        effective_settings=world.effective_settings,
    )
    served = ListServedModels(router=router)
    instance_id = await world.deploy_until(InstanceStatus.READY)
    await refresh(actor=PLATFORM)
    [route] = await served(actor=an_actor())
    assert (route.instance_id, route.model_id) == (instance_id, world.market.model.model_id)
    assert not await served(actor=an_actor(organization=OTHER))
    assert not await served(actor=an_actor(None))

    await world.terminate(instance_id)
    await refresh(actor=PLATFORM)
    assert not await served(actor=an_actor())


async def test_background_work_is_the_platform_s() -> None:
    database = MemoryDatabase()
    flush = FlushUsage(unit_of_work=MemoryUnitOfWork(database), usage_queue=UsageQueue())
    refresh = RefreshRoutes(
        routing_queries=MemoryRoutingQueries(database),
        router=Router(),
        clock=ManualClock(NOON),
        effective_settings=EffectiveSettings(
            MemorySettingQueries(database), clock=ManualClock(NOON), environment={}
        ),
    )
    for use_case in (flush, refresh):
        with pytest.raises(PermissionMissing):
            await use_case(actor=an_actor())


async def test_a_worker_s_silence_is_as_long_as_the_platform_says(world: World) -> None:
    """For routes, and so for the list of models: both are the same table."""
    router = Router()
    refresh = RefreshRoutes(
        routing_queries=MemoryRoutingQueries(world.database),
        router=router,
        clock=world.clock,
        effective_settings=world.effective_settings,
    )
    served = ListServedModels(router=router)
    await world.deploy_until(InstanceStatus.READY)
    world.clock.advance(timedelta(seconds=90))
    await refresh(actor=PLATFORM)
    assert await served(actor=an_actor())

    async with world.unit_of_work() as work:
        await work.settings.put_global(WORKER_STALE, 60, at=world.clock.now())
    event = GlobalSettingChanged(key=WORKER_STALE, occurred_at=world.clock.now())
    world.effective_settings.hear(Message(id=1, event=event))
    await refresh(actor=PLATFORM)
    assert not await served(actor=an_actor())
