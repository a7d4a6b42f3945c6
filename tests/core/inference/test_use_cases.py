"""Calls, forwarded to one worker or another, and what they have used."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from inventiv_adapters.inference.memory import (
    MemoryLimiter,
    MemoryLimitQueries,
    MemoryRoutingQueries,
    MemorySpool,
)
from inventiv_adapters.kernel.chance import SeededChance
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.models.memory.offerings import MemoryOfferingQueries
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_adapters.workers.keys import DerivedEngineKeys
from inventiv_core.finops.entities.tokens import TokenCharge
from inventiv_core.finops.ports.wallets import LedgerWork
from inventiv_core.finops.use_cases.charging import ChargeUsage
from inventiv_core.identity.access import PLATFORM, Actor, OrganizationId
from inventiv_core.identity.entities.users import Plan
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.inference.entities.limits import Limits
from inventiv_core.inference.entities.offerings import Offerings
from inventiv_core.inference.entities.retries import MAX_ATTEMPTS, RESERVE, RetryBudget
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.entities.routing import Attempt, Router
from inventiv_core.inference.entities.standings import MOST_STANDINGS, Standings
from inventiv_core.inference.entities.usage import (
    Delivery,
    InferenceUsage,
    Outcome,
    TokenCounts,
)
from inventiv_core.inference.errors import (
    ModelNotAllowed,
    ModelNotNamed,
    ModelNotServed,
    NoReadyWorker,
    UpstreamUnreachable,
)
from inventiv_core.inference.ports import (
    EngineCall,
    EngineNotReached,
    EngineReply,
    Engines,
    Limiter,
    Sink,
)
from inventiv_core.inference.use_cases.admission import Admission
from inventiv_core.inference.use_cases.forwarding import (
    LEFT,
    Exchange,
    ForwardInference,
    InferenceCall,
)
from inventiv_core.inference.use_cases.metering import FlushUsage
from inventiv_core.inference.use_cases.routing import ListServedModels, RefreshRoutes
from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.clock import Clock
from inventiv_core.models.entities import AccessPolicy, ShareId, Standing
from inventiv_core.models.errors import SubscriptionRequired, WalletEmpty
from inventiv_core.models.views import Channel, Grant, GrantTable
from inventiv_core.settings.definitions import WORKER_STALE
from inventiv_core.settings.events import GlobalSettingChanged
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from tests.builders import ACME, ALICE, NOON, OTHER, a_grant, a_number, a_price, an_actor
from tests.core.inference.routes import MODEL, a_route
from tests.core.world import World

USED = TokenCounts(input_tokens=1, output_tokens=2, total_tokens=3)
SECOND = timedelta(seconds=1)
Hook = Callable[[], None]


def nothing() -> None:
    """Do nothing."""


WHOLE = Delivery(
    is_whole=True,
    broke_off=False,
    used=USED,
    first_byte_at=None,
    over_at=NOON,
    events=0,
    size_bytes=100,
)


@dataclass
class Reply(EngineReply):
    """An answer of which only the beginning matters."""

    status_code: int = 200
    content_type: str = "application/json"
    content_length: int | None = None
    has_begun: bool = True
    has_come: bool = True
    retry_after: str | None = None
    closed: bool = False
    on_close: Hook = nothing
    on_ask: Hook = nothing

    async def pour(self, sink: Sink) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.on_close()
        self.closed = True


@dataclass
class ScriptedEngines(Engines):
    """Engines that answer as they are told to, one after the other; then all is well."""

    answers: list[Reply | type[BaseException]] = field(default_factory=list)
    asked: list[tuple[Route, EngineCall]] = field(default_factory=list)

    async def send(self, route: Route, call: EngineCall) -> EngineReply:
        self.asked.append((route, call))
        answer = self.answers.pop(0) if self.answers else Reply()
        if isinstance(answer, Reply):
            answer.on_ask()
            return answer
        raise NoReadyWorker(model="") if answer is NoReadyWorker else answer


class CountingRouter(Router):
    """A router that can be asked how much is under way."""

    under_way = 0

    def begin(self, route: Route) -> Attempt:
        self.under_way += 1
        return super().begin(route)

    def end(self, attempt: Attempt) -> None:
        self.under_way -= 1
        super().end(attempt)


def an_admission(limiter: Limiter | None = None, clock: Clock | None = None) -> Admission:
    """Return one that knows no limits yet."""
    clock = clock or ManualClock(NOON)
    return Admission(Limits(), limiter or MemoryLimiter(clock), clock, SerialIds())


class Gateway:
    """Everything that a call passes through."""

    def __init__(
        self, workers: int = 2, *, limiter: Callable[[ManualClock], Limiter] = MemoryLimiter
    ) -> None:
        self.routes = [a_route() for _ in range(workers)]
        self.router = CountingRouter()
        self.router.replace([MODEL], self.routes, now=NOON)
        self.offerings = Offerings()
        self.offer()
        self.engines = ScriptedEngines()
        self.spool = MemorySpool()
        self.clock = ManualClock(NOON)
        self.limiter = limiter(self.clock)
        self.admission = an_admission(self.limiter, self.clock)
        self.new_id = SerialIds()
        self.forward = ForwardInference(
            router=self.router,
            offerings=self.offerings,
            admission=self.admission,
            engines=self.engines,
            retry_budget=RetryBudget(),
            failover_for=10 * SECOND,
            usage_spool=self.spool,
            clock=self.clock,
            chance=SeededChance(0),
        )

    def offer(self, *grants: Grant) -> None:
        """Let these be all that is granted, beside everybody's own."""
        self.offerings.grants = GrantTable([MODEL.named], grants)

    async def call(
        self,
        model: str | None = MODEL.model_id,
        *,
        streamed: bool = False,
        most_output_tokens: int = 0,
        actor: Actor | None = None,
    ) -> Exchange:
        call = InferenceCall(
            id=self.new_id(),
            path="/v1/chat/completions",
            model=model,
            streamed=streamed,
            body_for=lambda model_id: f"for {model_id}".encode(),
            size_bytes=400,
            request_id="asked",
            most_output_tokens=most_output_tokens,
        )
        return await self.forward(call, actor=actor or an_actor())

    @property
    def idle(self) -> bool:
        """Whether no call is counted at any worker."""
        return self.router.under_way == 0

    @property
    def usages(self) -> Sequence[InferenceUsage]:
        """What was metered."""
        return self.spool.take(1000)


@pytest.mark.parametrize("name", [MODEL.model_id, f" {MODEL.id} "])
async def test_a_call_reaches_a_worker_under_the_name_it_knows(name: str) -> None:
    gateway = Gateway()
    exchange = await gateway.call(name)
    [(route, asked)] = gateway.engines.asked
    assert exchange.route is route
    assert (asked.path, asked.body) == ("/v1/chat/completions", b"for acme/Talker-7B")
    assert asked.accept == "application/json"
    assert not gateway.idle


async def test_a_stream_is_asked_for_as_one() -> None:
    gateway = Gateway()
    await gateway.call(streamed=True)
    assert gateway.engines.asked[0][1].accept == "text/event-stream"


@pytest.mark.parametrize(
    "broken", [EngineNotReached, Reply(429), Reply(502), Reply(503), Reply(504)]
)
async def test_a_call_that_fails_at_one_worker_succeeds_at_another(
    broken: Reply | type[BaseException],
) -> None:
    gateway = Gateway()
    gateway.engines.answers = [broken]
    exchange = await gateway.call()
    assert exchange.reply.status_code == 200
    first, second = (route for route, _ in gateway.engines.asked)
    assert first is not second is exchange.route
    if isinstance(broken, Reply):
        assert broken.closed
    exchange.finish(WHOLE)
    assert gateway.idle


@pytest.mark.parametrize("status_code", [400, 404, 500])
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
        exchange.finish(WHOLE)
    except UpstreamUnreachable:
        assert broken is EngineNotReached
    assert len({asked[0].instance_id for asked in gateway.engines.asked}) == MAX_ATTEMPTS
    assert gateway.idle


@pytest.mark.parametrize(
    ("accident", "outcome", "status_code"),
    [
        (asyncio.CancelledError, Outcome.ABORTED, LEFT),
        (RuntimeError, Outcome.FAILED, 500),
        (NoReadyWorker, Outcome.FAILED, 503),
        (EngineNotReached, Outcome.FAILED, 502),
    ],
)
async def test_a_call_without_an_answer_is_counted_off_and_metered_once(
    accident: type[BaseException], outcome: Outcome, status_code: int
) -> None:
    gateway = Gateway(workers=0 if accident is NoReadyWorker else 1)
    gateway.engines.answers = [accident]
    with pytest.raises(UpstreamUnreachable if accident is EngineNotReached else accident):
        await gateway.call()
    assert gateway.idle
    [usage] = gateway.usages
    assert (usage.outcome, usage.status_code) == (outcome, status_code)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (None, None, None)
    asked = [route.instance_id for route, _ in gateway.engines.asked]
    assert usage.instance_id == (asked[-1] if asked else None)


async def test_retries_of_refusals_are_limited_when_all_engines_refuse() -> None:
    gateway = Gateway()
    gateway.engines.answers = [Reply(503)] * 500
    for _ in range(100):
        gateway.router.replace([MODEL], [], now=NOON)
        gateway.router.replace([MODEL], gateway.routes, now=NOON)  # no breaker is open
        (await gateway.call()).finish(WHOLE)
    assert 100 + RESERVE <= len(gateway.engines.asked) <= 100 + RESERVE + 0.2 * 100


async def test_calls_that_reach_no_engine_look_for_another_as_often_as_it_takes() -> None:
    gateway = Gateway()
    for _ in range(200):
        gateway.router.replace([MODEL], [], now=NOON)
        gateway.router.replace([MODEL], gateway.routes, now=NOON)
        gateway.engines.answers = [EngineNotReached]
        (await gateway.call()).finish(WHOLE)
    assert len(gateway.usages) == 200


@pytest.mark.parametrize(("late_by", "asked"), [(0, 2), (1, 1)])
async def test_nobody_waits_for_a_second_worker_for_ever(late_by: int, asked: int) -> None:
    gateway = Gateway()

    def slowly() -> None:
        gateway.clock.advance(10 * SECOND + late_by * SECOND)

    gateway.engines.answers = [Reply(503, on_ask=slowly), Reply(200)]
    (await gateway.call()).finish(WHOLE)
    assert len(gateway.engines.asked) == asked


async def test_without_workers_there_is_nobody_to_ask() -> None:
    with pytest.raises(NoReadyWorker):
        await Gateway(workers=0).call()


async def test_a_call_goes_to_the_workers_of_the_caller_s_organization() -> None:
    gateway = Gateway()
    with pytest.raises(NoReadyWorker):
        await gateway.call(actor=an_actor(organization=OTHER))
    with pytest.raises(NoCurrentOrganization):
        await gateway.call(actor=an_actor(None))
    with pytest.raises(NoCurrentOrganization):
        await gateway.call(MODEL.name, actor=an_actor(None))
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
    exchange.finish(replace(WHOLE, first_byte_at=NOON + SECOND, over_at=NOON + 3 * SECOND))
    [usage] = gateway.usages
    assert usage == InferenceUsage(
        id=usage.id,
        request_id="asked",
        occurred_at=NOON,
        organization_id=ACME,
        user_id=ALICE,
        provider_organization_id=ACME,
        instance_id=exchange.route.instance_id,
        model_id=MODEL.model_id,
        path="/v1/chat/completions",
        streamed=True,
        status_code=200,
        outcome=Outcome.COMPLETE,
        input_tokens=1,
        output_tokens=2,
        total_tokens=3,
        ttft_ms=1000,
        duration_ms=3000,
    )


UNSAID = replace(WHOLE, used=None)
CUT = replace(WHOLE, is_whole=False)


@pytest.mark.parametrize(
    ("status_code", "delivery", "outcome", "tokens"),
    [
        (200, WHOLE, Outcome.COMPLETE, (1, 2, 3)),
        (200, UNSAID, Outcome.ESTIMATED, (100, 25, 125)),
        (200, replace(UNSAID, events=7), Outcome.ESTIMATED, (100, 7, 107)),
        (200, CUT, Outcome.ABORTED, (1, 2, 3)),
        (200, replace(CUT, used=None, events=7), Outcome.ABORTED, (100, 7, 107)),
        (500, UNSAID, Outcome.FAILED, (None, None, None)),
        (404, replace(CUT, used=None), Outcome.FAILED, (None, None, None)),
    ],
)
async def test_each_call_ends_as_one_record_that_says_how(
    status_code: int,
    delivery: Delivery,
    outcome: Outcome,
    tokens: tuple[int | None, int | None, int | None],
) -> None:
    gateway = Gateway(workers=1)
    gateway.engines.answers = [Reply(status_code)]
    (await gateway.call()).finish(delivery)
    [usage] = gateway.usages
    assert (usage.outcome, usage.status_code) == (outcome, status_code)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == tokens
    assert gateway.idle


async def test_an_engine_that_breaks_off_again_and_again_is_left_alone() -> None:
    gateway = Gateway(workers=1)
    exchanges = [await gateway.call() for _ in range(3)]
    for exchange in exchanges:
        exchange.finish(replace(CUT, broke_off=True))
    with pytest.raises(NoReadyWorker):
        await gateway.call()


def offered(consumer: OrganizationId | None, channel: Channel = Channel.SHARE) -> Grant:
    share_id = ShareId(a_number()) if channel is Channel.SHARE else None
    return a_grant(
        channel,
        consumer,
        provider_organization_id=OTHER,
        provider_slug="other",
        code="talk",
        model_id=MODEL.model_id,
        share_id=share_id,
    )


async def test_an_offering_is_served_by_whoever_offers_it() -> None:
    gateway, grant = Gateway(workers=0), offered(ACME)
    theirs = a_route(owner=OTHER)
    gateway.router.replace([MODEL], [theirs], now=NOON)
    gateway.offer(grant)
    (await gateway.call("other/talk")).finish(WHOLE)
    [usage] = gateway.usages
    assert (usage.organization_id, usage.provider_organization_id) == (ACME, OTHER)
    assert (usage.offering_id, usage.share_id) == (grant.offering_id, grant.share_id)
    assert (usage.price, usage.instance_id) == (grant.price, theirs.instance_id)
    [(_, asked)] = gateway.engines.asked
    assert asked.body == f"for {MODEL.model_id}".encode()
    for stranger in (an_actor(organization=OTHER), an_actor(None)):
        with pytest.raises(ModelNotServed):
            await gateway.call("other/talk", actor=stranger)
    limited = replace(an_actor(), models=frozenset({MODEL.model_id}))
    with pytest.raises(ModelNotAllowed):
        await gateway.call("other/talk", actor=limited)


async def test_what_is_published_is_for_personal_workspaces_too() -> None:
    gateway = Gateway(workers=0)
    gateway.router.replace([MODEL], [a_route(owner=OTHER)], now=NOON)
    gateway.offer(offered(None, Channel.OFFERING))
    (await gateway.call("other/talk", actor=an_actor(None))).finish(WHOLE)
    [usage] = gateway.usages
    assert (usage.organization_id, usage.user_id, usage.share_id) == (None, ALICE, None)


async def test_an_offering_ends_with_its_time() -> None:
    gateway = Gateway(workers=0)
    gateway.router.replace([MODEL], [a_route(owner=OTHER)], now=NOON)
    gateway.offer(replace(offered(ACME), ends_at=NOON + SECOND))
    (await gateway.call("other/talk")).finish(WHOLE)
    gateway.clock.advance(SECOND)
    with pytest.raises(ModelNotServed):
        await gateway.call("other/talk")


async def test_who_has_not_what_it_takes_is_told_so_and_served_as_soon_as_they_have() -> None:
    gateway = Gateway(workers=0)
    gateway.router.replace([MODEL], [a_route(owner=OTHER)], now=NOON)
    for policy, error in (
        (AccessPolicy.SUBSCRIPTION_REQUIRED, SubscriptionRequired),
        (AccessPolicy.PAY_PER_TOKEN, WalletEmpty),
    ):
        gateway.offer(replace(offered(None, Channel.OFFERING), access_policy=policy))
        for actor, payer in ((an_actor(), ACME), (an_actor(None), ALICE)):
            gateway.offerings.standings = Standings()
            with pytest.raises(error):
                await gateway.call("other/talk", actor=actor)
            able = Standing(plan=Plan.SUBSCRIBER, is_solvent=True)
            gateway.offerings.standings = Standings({payer: able})
            (await gateway.call("other/talk", actor=actor)).finish(WHOLE)
    assert len(gateway.usages) == 4, "what was refused is not metered"
    assert len(gateway.engines.asked) == 4


async def test_one_s_own_machines_ask_for_nothing() -> None:
    (await Gateway().call()).finish(WHOLE)


def test_where_there_are_more_than_can_be_kept_who_is_not_known_is_trusted() -> None:
    poor = Standing(plan=Plan.FREE, is_solvent=False)
    known = {UUID(int=number << 64): poor for number in range(1, MOST_STANDINGS + 1)}
    assert Standings(known).of(an_actor()).admits(AccessPolicy.PAY_PER_TOKEN)
    known.popitem()
    assert not Standings(known).of(an_actor()).admits(AccessPolicy.PAY_PER_TOKEN)


@dataclass
class Till:
    """Where charges are written, which may be out of order."""

    unit_of_work: MemoryUnitOfWork
    is_broken: bool = False

    def __call__(self) -> AbstractAsyncContextManager[LedgerWork]:
        if self.is_broken:
            raise ConnectionError
        return self.unit_of_work()


class Books:
    """Usage that waits to be stored and charged."""

    def __init__(self) -> None:
        self.spool = MemorySpool()
        self.database = MemoryDatabase()
        unit_of_work = MemoryUnitOfWork(self.database)
        self.till = Till(unit_of_work)
        self.flush = FlushUsage(
            unit_of_work=unit_of_work,
            usage_spool=self.spool,
            charge_usage=ChargeUsage(
                unit_of_work=self.till, clock=ManualClock(NOON), new_id=SerialIds()
            ),
        )

    @property
    def charged(self) -> list[UUID]:
        """For which requests was charged."""
        return list(self.database.table(TokenCharge))

    async def used(self, count: int) -> list[InferenceUsage]:
        gateway = Gateway()
        for _ in range(count):
            (await gateway.call()).finish(WHOLE)
        usages = list(gateway.spool.take(count))
        for usage in usages:
            self.spool.put(usage)
        return usages


async def test_usage_is_stored_and_charged_in_order_and_once() -> None:
    books = Books()
    usages = await books.used(1001)
    assert await books.flush(actor=PLATFORM) == 1001
    assert list(books.database.table(InferenceUsage).values()) == usages
    assert books.charged == [usage.id for usage in usages]
    assert await books.flush(actor=PLATFORM) == 0


async def test_what_comes_while_usage_is_stored_is_stored_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    books = Books()
    usages = await books.used(4)
    books.spool.forget(1)
    forget = books.spool.forget

    ending = usages[:1] * 5

    def busy(count: int) -> None:
        forget(count)
        if ending:
            books.spool.put(ending.pop())  # one call ends in the time that it takes

    monkeypatch.setattr(books.spool, "forget", busy)
    assert await books.flush(actor=PLATFORM) == 3
    assert list(books.spool.take(10)) == [usages[0]]


async def test_usage_that_cannot_be_stored_waits_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    books = Books()
    usages = await books.used(3)

    def fail(draft: MemoryDatabase) -> None:
        raise ConnectionError

    monkeypatch.setattr(books.database, "accept", fail)
    with pytest.raises(ConnectionError):
        await books.flush(actor=PLATFORM)
    monkeypatch.undo()
    assert books.spool.take(10) == usages
    assert not books.charged
    assert await books.flush(actor=PLATFORM) == 3


async def test_usage_that_cannot_be_charged_is_told_again_and_stored_once() -> None:
    books = Books()
    usages = await books.used(3)
    books.till.is_broken = True
    with pytest.raises(ConnectionError):
        await books.flush(actor=PLATFORM)
    books.till.is_broken = False
    assert await books.flush(actor=PLATFORM) == 3
    assert list(books.database.table(InferenceUsage).values()) == usages
    assert books.charged == [usage.id for usage in usages]


async def test_what_was_not_used_is_neither_counted_nor_charged() -> None:
    books, gateway = Books(), Gateway(workers=0)
    with pytest.raises(NoReadyWorker):
        await gateway.call()
    [usage] = gateway.usages
    books.spool.put(usage)
    assert await books.flush(actor=PLATFORM) == 1
    assert list(books.database.table(InferenceUsage).values()) == [usage]
    assert not books.charged


async def test_what_was_agreed_when_it_was_used_is_what_is_charged() -> None:
    books, gateway, grant = Books(), Gateway(workers=0), offered(ACME)
    gateway.router.replace([MODEL], [a_route(owner=OTHER)], now=NOON)
    gateway.offer(grant)
    counts = TokenCounts(input_tokens=3_000_000, output_tokens=1_000_000, total_tokens=4_000_000)
    (await gateway.call("other/talk")).finish(replace(WHOLE, used=counts))
    gateway.offer(replace(grant, price=a_price("7", "7")))
    books.spool.put(gateway.usages[0])
    await books.flush(actor=PLATFORM)
    [charge] = books.database.table(TokenCharge).values()
    assert charge.amount_eur == Decimal("0.5")  # 3 x 0.1 and 0.2
    assert charge.usage.share == str(grant.share_id)


async def test_routes_are_what_the_database_says(world: World) -> None:
    router, offerings = Router(), Offerings()
    refresh = RefreshRoutes(
        routing_queries=MemoryRoutingQueries(world.database),
        offering_queries=MemoryOfferingQueries(world.database),
        limit_queries=MemoryLimitQueries(world.database),
        admission=an_admission(),
        router=router,
        offerings=offerings,
        clock=world.clock,
        effective_settings=world.effective_settings,
        engine_keys=world.engine_keys,
    )
    served = ListServedModels(router=router, offerings=offerings, clock=world.clock)
    instance_id = await world.deploy_until(InstanceStatus.READY)
    await refresh(actor=PLATFORM)
    [model] = await served(actor=an_actor())
    assert model.name == world.market.model.model_id
    assert not await served(actor=an_actor(organization=OTHER))
    assert not await served(actor=an_actor(None))

    await world.terminate(instance_id)
    await refresh(actor=PLATFORM)
    assert not await served(actor=an_actor())


async def test_background_work_is_the_platform_s() -> None:
    database = MemoryDatabase()
    flush = Books().flush
    refresh = RefreshRoutes(
        routing_queries=MemoryRoutingQueries(database),
        offering_queries=MemoryOfferingQueries(database),
        limit_queries=MemoryLimitQueries(database),
        admission=an_admission(),
        router=Router(),
        offerings=Offerings(),
        clock=ManualClock(NOON),
        effective_settings=EffectiveSettings(
            MemorySettingQueries(database), clock=ManualClock(NOON), environment={}
        ),
        engine_keys=DerivedEngineKeys("a secret for tests only"),
    )
    for use_case in (flush, refresh):
        with pytest.raises(PermissionMissing):
            await use_case(actor=an_actor())


async def test_a_worker_s_silence_is_as_long_as_the_platform_says(world: World) -> None:
    """For routes, and so for the list of models: both are the same table."""
    router, offerings = Router(), Offerings()
    refresh = RefreshRoutes(
        routing_queries=MemoryRoutingQueries(world.database),
        offering_queries=MemoryOfferingQueries(world.database),
        limit_queries=MemoryLimitQueries(world.database),
        admission=an_admission(),
        router=router,
        offerings=offerings,
        clock=world.clock,
        effective_settings=world.effective_settings,
        engine_keys=world.engine_keys,
    )
    served = ListServedModels(router=router, offerings=offerings, clock=world.clock)
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
