"""Calls that limits let in, or not, and what becomes of what is kept for them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from inventiv_adapters.inference.memory import MemoryLimiter, MemoryLimitQueries
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_core.identity.access import PLATFORM, ApiKeyId
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.inference.entities.gauges import Gauge, Headroom, Hold, Measure, Verdict
from inventiv_core.inference.entities.limits import Limit
from inventiv_core.inference.entities.usage import Delivery, Outcome, TokenCounts
from inventiv_core.inference.errors import (
    BudgetSpent,
    LimitReached,
    NoReadyWorker,
    UpstreamUnreachable,
)
from inventiv_core.inference.ports import EngineNotReached
from inventiv_core.inference.use_cases.admission import LOOKS, RenewHolds, SeedBudgets
from inventiv_core.inference.use_cases.forwarding import Exchange
from inventiv_core.models.views import Channel
from tests.builders import ACME, NOON, OTHER, a_grant, a_number, a_price, an_actor
from tests.core.inference.limits import a_default, a_limit, euros
from tests.core.inference.routes import MODEL, a_route
from tests.core.inference.test_use_cases import WHOLE, Gateway, Reply

SECOND = timedelta(seconds=1)
ESTIMATE = 100
"""Tokens of a call of 400 bytes."""


class Ledger(MemoryLimiter):
    """A limiter that says what it was told."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.held: list[Hold] = []
        self.settled: list[tuple[Hold, Mapping[Measure, int]]] = []

    async def hold(self, hold: Hold) -> Verdict:
        verdict = await super().hold(hold)
        if verdict.is_admitted:
            self.held.append(hold)
        return verdict

    def settle(self, hold: Hold, used: Mapping[Measure, int]) -> None:
        self.settled.append((hold, used))
        super().settle(hold, used)

    @property
    def is_even(self) -> bool:
        """Whether all that was held was settled, once."""
        return sorted(self.held, key=_id) == sorted((hold for hold, _ in self.settled), key=_id)


def _id(hold: Hold) -> int:
    return hold.id.int


class Door(Gateway):
    """A gateway with limits."""

    def __init__(self, *limits: Limit, workers: int = 1) -> None:
        super().__init__(workers, limiter=Ledger)
        assert isinstance(self.limiter, Ledger)
        self.ledger = self.limiter
        self.admission.replace(limits)

    async def refused(self) -> LimitReached:
        """Call, and return why not."""
        asked = len(self.engines.asked)
        with pytest.raises(LimitReached) as refusal:
            await self.call()
        assert len(self.engines.asked) == asked
        return refusal.value


def delivered(tokens: int) -> Delivery:
    counts = TokenCounts(input_tokens=tokens, output_tokens=0, total_tokens=tokens)
    return replace(WHOLE, used=counts)


async def test_where_no_limit_applies_nothing_is_asked_and_nothing_waited_for() -> None:
    door = Door(
        a_limit(owner=OTHER),
        a_limit(user=an_actor().user_id, key=ApiKeyId(a_number())),
        a_limit(model="acme/other"),
    )
    exchange = await door.call()
    exchange.finish(WHOLE)
    assert (door.ledger.held, door.ledger.settled, exchange.headroom) == ([], [], ())


async def test_requests_are_limited_and_who_waits_is_let_in() -> None:
    door = Door(a_limit(requests_per_minute=2))
    for remaining in (1, 0):
        exchange = await door.call()
        reset_ms = (2 - remaining) * 30_000
        assert exchange.headroom == (
            Headroom(measure="requests", limit=2, remaining=remaining, reset_ms=reset_ms),
        )
        exchange.finish(WHOLE)
    refusal = await door.refused()
    assert refusal.retry_after_s == 30
    assert str(refusal) == ("This organization may use 2 requests per minute. Try again in 30 s.")
    door.clock.advance(29 * SECOND)
    assert (await door.refused()).retry_after_s == 1
    door.clock.advance(SECOND)
    (await door.call()).finish(WHOLE)
    assert len(door.usages) == 3  # nothing of what was refused
    assert door.ledger.is_even


async def test_tokens_are_held_as_estimated_and_counted_as_used() -> None:
    door = Door(a_limit(tokens_per_minute=250))
    first, second = await door.call(), await door.call()
    assert [room.remaining for room in second.headroom] == [250 - 2 * ESTIMATE]
    refusal = await door.refused()
    assert (refusal.measure, refusal.retry_after_s) == ("tokens", 1)  # others have to end first
    first.finish(delivered(10))
    second.finish(delivered(20))
    third = await door.call()
    assert third.headroom[0].remaining == 250 - 30 - ESTIMATE
    third.finish(delivered(500))
    assert (await door.refused()).retry_after_s == (530 + ESTIMATE - 250) * 60 // 250 + 1


async def test_calls_under_way_are_limited() -> None:
    door = Door(a_limit(concurrent_calls=1))
    exchange = await door.call()
    assert exchange.headroom == ()
    refusal = await door.refused()
    assert (refusal.measure, refusal.allowance) == ("calls", "1 calls at a time")
    exchange.finish(WHOLE)
    (await door.call()).finish(WHOLE)


@pytest.mark.parametrize(
    ("accident", "seen"),
    [
        (asyncio.CancelledError, asyncio.CancelledError),
        (RuntimeError, RuntimeError),
        (NoReadyWorker, NoReadyWorker),
        (EngineNotReached, UpstreamUnreachable),
    ],
)
async def test_whatever_goes_wrong_what_was_held_comes_back_once_but_for_the_request(
    accident: type[BaseException], seen: type[BaseException]
) -> None:
    limit = a_limit(
        requests_per_minute=2, tokens_per_minute=ESTIMATE, concurrent_calls=1,
        tokens_per_day=ESTIMATE,
    )  # fmt: skip
    door = Door(limit, workers=0 if accident is NoReadyWorker else 1)
    door.engines.answers = [accident]
    with pytest.raises(seen):
        await door.call()
    assert door.ledger.is_even
    assert len(door.ledger.settled) == 1
    door.router.replace([MODEL], [a_route()], now=NOON)
    door.engines.answers = []
    (await door.call()).finish(delivered(0))
    assert (await door.refused()).measure == "requests"


@pytest.mark.parametrize(
    ("status_code", "delivery", "used", "outcome"),
    [
        (200, WHOLE, 3, Outcome.COMPLETE),
        (200, replace(WHOLE, used=None, events=7), ESTIMATE + 7, Outcome.ESTIMATED),
        (200, replace(WHOLE, used=None, is_whole=False, events=2), ESTIMATE + 2, Outcome.ABORTED),
        (400, replace(WHOLE, used=None), 0, Outcome.FAILED),
    ],
)
async def test_what_is_settled_is_what_is_metered(
    status_code: int, delivery: Delivery, used: int, outcome: Outcome
) -> None:
    door = Door(a_limit(tokens_per_day=1000))
    door.engines.answers = [Reply(status_code)]
    (await door.call()).finish(delivery)
    [usage] = door.usages
    assert (usage.total_tokens or 0, usage.outcome) == (used, outcome)
    [(_, settled)] = door.ledger.settled
    assert settled[Measure.TOKENS] == used


async def test_a_call_that_is_sent_again_is_held_and_settled_once() -> None:
    door = Door(a_limit(requests_per_minute=1, concurrent_calls=1), workers=2)
    door.engines.answers = [Reply(503), Reply()]
    (await door.call()).finish(WHOLE)
    assert len(door.engines.asked) == 2
    assert len(door.ledger.settled) == len(door.ledger.held) == 1


async def test_the_strictest_limit_decides_and_all_of_them_count() -> None:
    key = ApiKeyId(a_number())
    caller = replace(an_actor(), api_key_id=key)
    everybody = a_limit(requests_per_minute=3)
    door = Door(
        everybody,
        a_limit(user=caller.user_id, requests_per_minute=4),
        a_limit(key=key, model=MODEL.model_id, requests_per_minute=2),
        a_default(requests_per_minute=50),
    )
    for _ in range(2):
        (await door.call(actor=caller)).finish(WHOLE)
    with pytest.raises(LimitReached) as refusal:
        await door.call(actor=caller)
    assert (refusal.value.whose, refusal.value.model) == ("API key", MODEL.model_id)
    assert str(refusal.value).startswith(
        "This API key may use 2 requests per minute of acme/Talker-7B."
    )
    (await door.call()).finish(WHOLE)  # with a session: the key's limit is none of it
    assert (await door.refused()).whose == "organization"


async def test_nothing_is_taken_where_not_everything_fits() -> None:
    narrow, wide = a_limit(concurrent_calls=1), a_default(requests_per_minute=2)
    door = Door(narrow, wide)
    exchange = await door.call()
    for _ in range(5):
        assert (await door.refused()).measure == "calls"
    exchange.finish(WHOLE)
    (await door.call()).finish(WHOLE)
    assert (await door.refused()).measure == "requests"


async def test_a_default_counts_in_each_workspace_by_itself() -> None:
    door = Door(a_default(requests_per_minute=1))
    door.offer(a_grant(Channel.OFFERING, None, model_id=MODEL.model_id))
    callers = [an_actor(), an_actor(organization=OTHER), an_actor(None)]
    for caller in callers:
        (await door.call("acme/chat", actor=caller)).finish(WHOLE)
    for caller, whose in zip(callers, ("organization", "organization", "user"), strict=True):
        with pytest.raises(LimitReached) as refusal:
            await door.call("acme/chat", actor=caller)
        assert refusal.value.whose == whose


async def test_a_budget_of_money_is_spent_at_the_price_of_whoever_serves() -> None:
    door = Door(a_limit(eur_per_day=euros("0.0005")))
    for _ in range(3):
        (await door.call()).finish(delivered(1_000_000))  # one's own costs nothing
    price = a_price("1", "1")
    door.offer(a_grant(Channel.OFFERING, None, model_id=MODEL.model_id, price=price))
    (await door.call("acme/chat")).finish(delivered(400))
    (await door.call("acme/chat")).finish(delivered(100))
    with pytest.raises(BudgetSpent) as refusal:
        await door.call("acme/chat")
    assert refusal.value.allowance == "0.0005 EUR per day"
    assert refusal.value.retry_after_s == 12 * 3600
    (await door.call()).finish(WHOLE)
    door.clock.advance(timedelta(hours=12))
    (await door.call("acme/chat")).finish(WHOLE)


async def test_what_is_nearly_free_makes_no_hole_in_a_budget_and_what_is_free_needs_none() -> None:
    door = Door(a_limit(eur_per_day=euros("0.000001")))
    for code, price in (("cheap", a_price("0.001", "0")), ("free", a_price("0", "0"))):
        grant = a_grant(Channel.OFFERING, None, code=code, model_id=MODEL.model_id, price=price)
        door.offer(grant)
        (await door.call(f"acme/{code}")).finish(delivered(1_000))
        if price.is_free:
            (await door.call(f"acme/{code}")).finish(WHOLE)
        else:
            with pytest.raises(BudgetSpent):
                await door.call(f"acme/{code}")


async def test_what_others_only_hold_of_a_budget_is_not_spent() -> None:
    door = Door(a_limit(tokens_per_day=ESTIMATE))
    exchange = await door.call()
    refusal = await door.refused()
    assert (refusal.code, refusal.retry_after_s) == ("rate_limit_exceeded", 1)
    exchange.finish(delivered(1))
    assert (await door.refused()).code == "insufficient_quota"


async def test_a_month_s_budget_ends_with_the_month() -> None:
    door = Door(a_limit(tokens_per_month=ESTIMATE))
    (await door.call()).finish(delivered(ESTIMATE))
    door.clock.advance(timedelta(days=30, hours=11))
    refusal = await door.refused()
    assert isinstance(refusal, BudgetSpent)
    assert refusal.retry_after_s == 3600
    door.clock.advance(timedelta(hours=1))
    (await door.call()).finish(WHOLE)


async def test_the_longest_answer_that_a_call_allows_is_held_too() -> None:
    door = Door(a_limit(tokens_per_day=10_000))
    for most, held in ((50, ESTIMATE + 50), (10**12, MODEL.context_length), (-5, ESTIMATE)):
        exchange = await door.call(most_output_tokens=most)
        assert 10_000 - exchange.headroom[0].remaining == held
        exchange.finish(delivered(0))


class Books:
    """What is stored, and a door that learns of it."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        self.door = Door()
        self.seed = SeedBudgets(
            admission=self.door.admission,
            limiter=self.door.ledger,
            limit_queries=MemoryLimitQueries(self.database),
        )

    async def learn(self) -> int:
        """Find out what was used, as often as it takes; return of how many budgets."""
        learnt = await self.seed(actor=PLATFORM)
        for _ in range(LOOKS - 1):
            assert await self.seed(actor=PLATFORM) == learnt
        assert await self.seed(actor=PLATFORM) == 0
        return learnt

    async def use(self, tokens: int, times: int = 1) -> None:
        """Have something used, and stored, before anybody counted."""
        other = Gateway(1)
        for _ in range(times):
            (await other.call()).finish(delivered(tokens))
        stored = [replace(usage, id=a_number()) for usage in other.usages]
        async with self.unit_of_work() as work:
            await work.usage.add(stored)


async def test_what_was_used_before_a_restart_counts() -> None:
    books = Books()
    await books.use(450, times=2)
    books.door.admission.replace([a_limit(tokens_per_day=1000)])
    assert await books.learn() == 1
    (await books.door.call()).finish(delivered(ESTIMATE))
    assert isinstance(await books.door.refused(), BudgetSpent)
    assert await books.learn() == 0


async def test_what_is_stored_only_a_moment_later_counts_too() -> None:
    books = Books()
    books.door.admission.replace([a_limit(tokens_per_day=1000)])
    assert await books.seed(actor=PLATFORM) == 1
    await books.use(950)
    assert await books.seed(actor=PLATFORM) == 1
    assert isinstance(await books.door.refused(), BudgetSpent)


async def test_what_was_used_of_a_default_is_found_out_after_the_first_call() -> None:
    books = Books()
    await books.use(950)
    books.door.admission.replace([a_default(tokens_per_day=1000)])
    assert await books.learn() == 0
    (await books.door.call()).finish(delivered(1))
    assert await books.learn() == 1
    assert isinstance(await books.door.refused(), BudgetSpent)
    assert await books.learn() == 0


async def test_limits_that_stay_are_not_looked_up_again() -> None:
    books = Books()
    limits: Sequence[Limit] = [a_limit(tokens_per_day=1000)]
    for _ in range(2):
        books.door.admission.replace(limits)
    assert await books.learn() == 1
    books.door.admission.replace(limits)
    assert await books.learn() == 0
    books.door.admission.replace([*limits, a_limit(owner=OTHER, eur_per_month=euros("1"))])
    assert await books.learn() == 1


async def test_a_call_that_takes_long_stays_counted_for_as_long_as_its_process_lives() -> None:
    door = Door(a_limit(concurrent_calls=1))
    renew = RenewHolds(limiter=door.ledger)
    exchange = await door.call()
    for _ in range(10):
        door.clock.advance(20 * SECOND)
        await renew(actor=PLATFORM)
        await door.refused()
    exchange.finish(WHOLE)
    abandoned = await door.call()
    door.clock.advance(60 * SECOND)
    (await door.call()).finish(WHOLE)
    abandoned.finish(WHOLE)


async def test_what_says_nothing_is_forgotten() -> None:
    door = Door(a_default(requests_per_minute=10, concurrent_calls=2, tokens_per_day=10_000))
    exchange: Exchange = await door.call()
    exchange.finish(WHOLE)
    assert door.ledger.remembered == 3
    door.clock.advance(60 * SECOND)
    await door.ledger.renew()
    assert door.ledger.remembered == 1
    door.clock.advance(timedelta(days=1))
    await door.ledger.renew()
    assert door.ledger.remembered == 0


async def test_background_work_on_limits_is_the_platform_s() -> None:
    books = Books()
    for use_case in (books.seed, RenewHolds(limiter=books.door.ledger)):
        with pytest.raises(PermissionMissing):
            await use_case(actor=an_actor())


def test_a_gauge_is_the_same_in_every_process() -> None:
    limit = a_limit(tokens_per_minute=5, eur_per_month=euros("12.5"))

    def gauges() -> list[Gauge]:
        return list(limit.gauges(an_actor(organization=ACME), NOON))

    assert gauges() == gauges()
    assert [gauge.key for gauge in gauges()] == [
        f"{{{ACME}}}:{limit.id}:tokens_per_minute",
        f"{{{ACME}}}:{limit.id}:eur_per_month:20260101",
    ]
    assert gauges()[1].limit == 12_500_000
