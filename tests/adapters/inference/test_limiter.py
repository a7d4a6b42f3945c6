"""What `Limiter` promises: kept within one process, and by all of them together."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from structlog.testing import capture_logs

from inventiv_adapters.inference.memory import MemoryLimiter
from inventiv_adapters.inference.redis import RedisLimiter
from inventiv_adapters.kernel.clock import ManualClock, SystemClock
from inventiv_core.inference.entities.gauges import (
    LEASE,
    Gauge,
    Hold,
    Measure,
    Per,
    Reading,
    Verdict,
)
from inventiv_core.kernel.clock import Clock
from tests.builders import NOON
from tests.core.inference.limits import a_gauge, a_hold
from tests.redis import RedisServer

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@asynccontextmanager
async def connected(
    url: str, clock: Clock, *, time: Clock | None = None, deadline_s: float = 5
) -> AsyncGenerator[RedisLimiter]:
    """Yield one process's limiter, which has all the time it needs."""
    local = MemoryLimiter(clock)
    limiter = RedisLimiter(url, local, clock, time=time, deadline_s=deadline_s)
    await limiter.open()
    try:
        yield limiter
    finally:
        await limiter.close()


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncGenerator[Any]:
    if request.param == "memory":
        yield MemoryLimiter(clock)
    else:
        url = request.getfixturevalue("redis_url")
        async with connected(url, clock, time=clock) as redis_limiter:
            yield redis_limiter


async def settle(limiter: Any, hold: Hold, **used: int) -> None:
    """Settle a hold, and wait until that is done."""
    limiter.settle(hold, {Measure(name): amount for name, amount in used.items()})
    if isinstance(limiter, RedisLimiter):
        await limiter.settled()


async def shown(limiter: Any, gauge: Gauge) -> Reading:
    """Return what a gauge shows, in whole ones: by asking for what there cannot be, beside it."""
    closed = a_gauge(Measure.CALLS, Per.MOMENT, 1)
    verdict = await limiter.hold(a_hold((gauge, 1), (closed, 2)))
    assert not verdict.is_admitted
    reading: Reading = verdict.readings[0]
    return replace(reading, used=reading.used // gauge.weight)


async def test_requests_are_used_at_once_and_come_back_steadily(
    limiter: Any, clock: ManualClock
) -> None:
    gauge = a_gauge(Measure.REQUESTS, limit=2)
    for used in (60_000, 120_000):
        hold = a_hold((gauge, 1))
        assert await limiter.hold(hold) == Verdict(is_admitted=True, readings=[Reading(used)])
        await settle(limiter, hold)
    full = Verdict(is_admitted=False, readings=[Reading(120_000)])
    assert await limiter.hold(a_hold((gauge, 1))) == full
    clock.advance(30 * SECOND)
    assert (await limiter.hold(a_hold((gauge, 1)))).is_admitted
    assert not (await limiter.hold(a_hold((gauge, 1)))).is_admitted


@pytest.mark.parametrize(
    ("measure", "per"),
    [
        (Measure.TOKENS, Per.MINUTE),
        (Measure.TOKENS, Per.DAY),
        (Measure.MICRO_EUR, Per.MONTH),
        (Measure.CALLS, Per.MOMENT),
    ],
)
async def test_what_is_held_is_replaced_by_what_was_used(
    limiter: Any, measure: Measure, per: Per
) -> None:
    gauge = a_gauge(measure, per, 10)
    first, second = a_hold((gauge, 6)), a_hold((gauge, 4))
    for hold in (first, second):
        assert (await limiter.hold(hold)).is_admitted
    assert not (await limiter.hold(a_hold((gauge, 1)))).is_admitted
    await settle(limiter, first, **{measure: 2})
    await settle(limiter, second)
    verdict = await limiter.hold(a_hold((gauge, 8)))
    assert verdict.is_admitted
    assert verdict.readings[0].held == 8
    assert verdict.readings[0].used == 2 * gauge.weight


async def test_all_of_it_is_held_or_nothing(limiter: Any) -> None:
    wide, narrow = a_gauge(limit=10), a_gauge(Measure.CALLS, Per.MOMENT, 1)
    both = a_hold((wide, 3), (narrow, 1))
    assert (await limiter.hold(both)).is_admitted
    verdict = await limiter.hold(a_hold((wide, 3), (narrow, 1)))
    assert verdict == Verdict(is_admitted=False, readings=[Reading(0, 3), Reading(0, 1)])
    await settle(limiter, both, tokens=3)
    assert (await limiter.hold(a_hold((wide, 7), (narrow, 1)))).is_admitted


async def test_a_hold_that_nobody_settles_is_over_after_a_while(
    limiter: Any, clock: ManualClock
) -> None:
    gauges = [
        a_gauge(limit=1),
        a_gauge(per=Per.DAY, limit=1),
        a_gauge(Measure.CALLS, Per.MOMENT, 1),
    ]
    hold = a_hold(*((gauge, 1) for gauge in gauges))
    assert (await limiter.hold(hold)).is_admitted
    clock.advance(LEASE - timedelta(milliseconds=1))
    for gauge in gauges:
        assert not (await limiter.hold(a_hold((gauge, 1)))).is_admitted
    clock.advance(timedelta(milliseconds=1))
    assert (await limiter.hold(a_hold(*((gauge, 1) for gauge in gauges)))).is_admitted
    await settle(limiter, hold, tokens=5)
    assert [(await shown(limiter, gauge)).used for gauge in gauges] == [5, 5, 0]


async def test_a_hold_that_is_renewed_lasts_but_not_where_it_drains(
    limiter: Any, clock: ManualClock
) -> None:
    drains, budget = a_gauge(limit=1), a_gauge(per=Per.DAY, limit=1)
    hold = a_hold((drains, 1), (budget, 1))
    assert (await limiter.hold(hold)).is_admitted
    for _ in range(5):
        clock.advance(LEASE / 3)
        await limiter.renew()
    assert [(await shown(limiter, gauge)).held for gauge in (drains, budget)] == [0, 1]
    await settle(limiter, hold, tokens=1)
    clock.advance(LEASE)
    await limiter.renew()
    assert [(await shown(limiter, gauge)).held for gauge in (drains, budget)] == [0, 0]


async def test_a_lease_that_is_over_cannot_be_renewed(limiter: Any, clock: ManualClock) -> None:
    gauge = a_gauge(Measure.CALLS, Per.MOMENT, 1)
    assert (await limiter.hold(a_hold((gauge, 1)))).is_admitted
    clock.advance(LEASE)
    await limiter.renew()
    assert (await shown(limiter, gauge)).held == 0


async def test_a_budget_is_unknown_until_somebody_says_what_was_used(limiter: Any) -> None:
    gauge = a_gauge(per=Per.DAY, limit=100)
    first = a_hold((gauge, 30))
    assert (await limiter.hold(first)).readings == [Reading(0, 30, is_known=False)]
    await limiter.seed({gauge: 50})
    assert await shown(limiter, gauge) == Reading(50, 30)
    await settle(limiter, first, tokens=30)
    await limiter.seed({gauge: 50})
    assert await shown(limiter, gauge) == Reading(80, 0)
    await limiter.seed({gauge: 90})
    assert await shown(limiter, gauge) == Reading(90, 0)


async def test_a_budget_may_be_seeded_before_anybody_calls(limiter: Any) -> None:
    gauge = a_gauge(per=Per.MONTH, limit=100)
    await limiter.seed({gauge: 100})
    verdict = await limiter.hold(a_hold((gauge, 1)))
    assert verdict == Verdict(is_admitted=False, readings=[Reading(100)])
    await limiter.seed({})


async def test_more_than_a_minute_s_worth_waits_for_all_of_it(
    limiter: Any, clock: ManualClock
) -> None:
    gauge = a_gauge(limit=10)
    large = a_hold((gauge, 25))
    assert (await limiter.hold(large)).is_admitted
    assert not (await limiter.hold(a_hold((gauge, 1)))).is_admitted
    await settle(limiter, large, tokens=25)
    clock.advance(96 * SECOND - timedelta(milliseconds=1))
    assert not (await limiter.hold(a_hold((gauge, 1)))).is_admitted
    clock.advance(timedelta(milliseconds=1))
    assert (await limiter.hold(a_hold((gauge, 1)))).is_admitted


async def test_large_numbers_are_counted_exactly(limiter: Any, clock: ManualClock) -> None:
    gauge = a_gauge(limit=10**10)
    hold = a_hold((gauge, 10**10))
    assert (await limiter.hold(hold)).is_admitted
    await settle(limiter, hold, tokens=10**10 - 1)
    verdict = await limiter.hold(a_hold((gauge, 1)))
    assert verdict.is_admitted
    assert verdict.readings == [Reading((10**10 - 1) * 60_000, 1)]


class Both:
    """Both limiters, of which the same is asked."""

    def __init__(self, shared: RedisLimiter, clock: ManualClock) -> None:
        self.clock = clock
        self.worlds: tuple[Any, Any] = (MemoryLimiter(clock), shared)
        self.gauges = [
            a_gauge(Measure.REQUESTS, limit=7), a_gauge(limit=23), a_gauge(per=Per.DAY, limit=100),
            a_gauge(Measure.CALLS, Per.MOMENT, 2),
        ]  # fmt: skip
        self.holds: list[Hold] = []

    async def do(self, step: tuple[str, int, int]) -> None:
        kind, number, amount = step
        if kind == "wait":
            self.clock.advance(timedelta(milliseconds=number * 997))
        elif kind == "hold":
            asks = [(gauge, 1 + amount % (1 + 29 * gauge.is_held)) for gauge in self.gauges]
            hold = a_hold(*asks[number % 4 :])
            verdict = await self.same(lambda limiter: limiter.hold(hold))
            if verdict.is_admitted:
                self.holds.append(hold)
        elif kind == "renew":
            await self.same(lambda limiter: limiter.renew())
        elif self.holds:
            hold = self.holds.pop(number % len(self.holds))
            await self.same(lambda limiter: settle(limiter, hold, tokens=amount))

    async def same(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        here, shared = [await ask(limiter) for limiter in self.worlds]
        assert here == shared
        return here


steps = st.lists(
    st.tuples(
        st.sampled_from(["wait", "hold", "hold", "hold", "settle", "settle", "renew"]),
        st.integers(0, 40),
        st.integers(0, 60),
    ),
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(steps=steps)
def test_whatever_is_done_both_say_the_same(
    redis_url: str, steps: Sequence[tuple[str, int, int]]
) -> None:
    async def run() -> None:
        clock = ManualClock(NOON)
        async with connected(redis_url, clock, time=clock) as shared:
            both = Both(shared, clock)
            for step in steps:
                await both.do(step)
            for hold in both.holds:
                await both.same(lambda limiter, hold=hold: settle(limiter, hold))  # type: ignore[misc]
            for gauge in both.gauges:
                reading = await both.same(lambda limiter, gauge=gauge: shown(limiter, gauge))  # type: ignore[misc]
                assert reading.held == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("measure", "per"),
    [
        (Measure.REQUESTS, Per.MINUTE),
        (Measure.TOKENS, Per.MINUTE),
        (Measure.TOKENS, Per.DAY),
        (Measure.CALLS, Per.MOMENT),
    ],
)
async def test_two_processes_together_let_in_no_more_than_one_would(
    redis_url: str, clock: ManualClock, measure: Measure, per: Per
) -> None:
    gauge = a_gauge(measure, per, 50)
    async with (
        connected(redis_url, clock, time=clock) as here,
        connected(redis_url, clock, time=clock) as there,
    ):
        holds = [a_hold((gauge, 1)) for _ in range(200)]
        verdicts = await asyncio.gather(
            *((here, there)[number % 2].hold(hold) for number, hold in enumerate(holds))
        )
        assert sum(verdict.is_admitted for verdict in verdicts) == 50
        used: dict[Measure, int] = {} if measure is Measure.CALLS else {measure: 1}
        for number, (hold, verdict) in enumerate(zip(holds, verdicts, strict=True)):
            if verdict.is_admitted:
                (here, there)[number % 2].settle(hold, used)
        await here.settled()
        await there.settled()
        reading = await shown(here, gauge)
        assert reading == await shown(there, gauge)
        assert (reading.used, reading.held) == (50 * len(used), 0)


async def test_clocks_that_differ_change_nothing_for_redis_has_its_own(redis_url: str) -> None:
    gauge = a_gauge(Measure.REQUESTS, limit=1)
    ahead, behind = ManualClock(NOON + 5 * MINUTE), ManualClock(NOON)
    async with connected(redis_url, ahead) as fast, connected(redis_url, behind) as slow:
        assert (await slow.hold(a_hold((gauge, 1)))).is_admitted
        assert not (await fast.hold(a_hold((gauge, 1)))).is_admitted
        other = a_gauge(Measure.REQUESTS, limit=60_000)
        assert (await fast.hold(a_hold((other, 60_000)))).is_admitted
        await asyncio.sleep(0.05)
        assert (await slow.hold(a_hold((other, 1)))).is_admitted


async def keys(url: str, gauge: Gauge) -> dict[str, int]:
    """Return what Redis keeps of a gauge, and for how many milliseconds."""
    async with Redis.from_url(url, decode_responses=True) as redis:
        found = [key async for key in redis.scan_iter(match=f"*{gauge.key.rpartition(':')[2]}*")]
        return {key: await redis.pttl(key) for key in found}


async def test_redis_forgets_what_does_not_matter_any_more(redis_url: str) -> None:
    clock = SystemClock()
    now = clock.now()
    minute = a_gauge(limit=10)
    day = replace(a_gauge(per=Per.DAY, limit=100), ends_at=now + timedelta(hours=1))
    async with connected(redis_url, clock) as limiter:
        hold = a_hold((minute, 1), (day, 1))
        assert (await limiter.hold(hold)).is_admitted
        for kept in (await keys(redis_url, minute)).values():
            assert 0 < kept <= 120_000
        for kept in (await keys(redis_url, day)).values():
            assert 3_600_000 < kept <= 3_720_000
        await settle(limiter, hold, tokens=100)
        assert len(await keys(redis_url, minute)) == len(await keys(redis_url, day)) == 1
        [kept] = (await keys(redis_url, minute)).values()
        assert 590_000 < kept <= 600_000  # ten minutes' worth of debt


async def test_a_hold_and_a_settlement_are_one_round_trip_each(redis_url: str) -> None:
    async with connected(redis_url, SystemClock()) as limiter, Redis.from_url(redis_url) as redis:
        gauges = [a_gauge(limit=1000), a_gauge(per=Per.DAY, limit=1000)]

        async def one() -> None:
            hold = a_hold(*((gauge, 1) for gauge in gauges))
            assert (await limiter.hold(hold)).is_admitted
            await settle(limiter, hold, tokens=1)

        await one()  # the scripts are known from now on
        before = await calls(redis)
        for _ in range(10):
            await one()
        after = await calls(redis)
        assert after["evalsha"] - before["evalsha"] == 20
        assert {name for name in after if after[name] != before.get(name)} <= {
            "evalsha", "info", "time", "hmget", "hset", "zadd", "zrem", "zrangebyscore", "pexpire",
        }  # fmt: skip


async def calls(redis: Any) -> dict[str, int]:
    stats = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): said["calls"] for name, said in stats.items()}


async def test_scripts_that_redis_has_forgotten_are_said_again(redis_url: str) -> None:
    gauge = a_gauge(Measure.CALLS, Per.MOMENT, 1)
    async with connected(redis_url, SystemClock()) as limiter, Redis.from_url(redis_url) as redis:
        await redis.script_flush()
        hold = a_hold((gauge, 1))
        assert (await limiter.hold(hold)).is_admitted
        await redis.script_flush()
        await settle(limiter, hold)
        assert (await limiter.hold(a_hold((gauge, 1)))).is_admitted


async def test_while_redis_is_away_each_process_counts_alone_and_says_so_once(
    redis_server: RedisServer,
) -> None:
    gauge = a_gauge(Measure.REQUESTS, limit=3)
    budget = a_gauge(per=Per.DAY, limit=1000)
    clock = SystemClock()
    budget = replace(budget, ends_at=clock.now() + timedelta(hours=1))
    async with connected(redis_server.url, clock) as limiter:
        await limiter.seed({budget: 10})
        lost = a_hold((budget, 1))
        assert (await limiter.hold(lost)).readings == [Reading(10, 1)]
        redis_server.stop()
        with capture_logs() as logs:
            limiter.settle(lost, {Measure.TOKENS: 1})
            await limiter.settled()
            verdicts = [await limiter.hold(a_hold((gauge, 1))) for _ in range(5)]
            assert [verdict.is_admitted for verdict in verdicts] == [True] * 3 + [False] * 2
            alone = a_hold((budget, 5))
            assert not (await limiter.hold(alone)).readings[0].is_known
            await limiter.seed({budget: 11})
            assert await shown(limiter, budget) == Reading(11, 5)
            await settle(limiter, alone, tokens=5)
            assert await shown(limiter, budget) == Reading(16, 0)
            await limiter.renew()
        assert [log["event"] for log in logs] == ["limits_not_shared"]

        redis_server.start()
        with capture_logs() as logs:
            async with asyncio.timeout(10):
                while not logs:
                    verdict = await limiter.hold(a_hold((budget, 1)))
                    await asyncio.sleep(0.1)
        assert [log["event"] for log in logs] == ["limits_shared_again"]
        assert not verdict.readings[0].is_known  # what was counted elsewhere is to be looked up
        await limiter.seed({budget: 16})
        assert (await shown(limiter, budget)).used == 16


async def test_a_redis_that_says_nothing_holds_up_one_call_for_a_moment_and_no_other() -> None:
    """It accepts connections, and never answers."""
    gauge = a_gauge(Measure.REQUESTS, limit=100)
    async with AsyncExitStack() as stack:
        done = asyncio.Event()

        async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await done.wait()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        stack.callback(server.close)
        stack.callback(done.set)
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        clock = SystemClock()
        limiter = RedisLimiter(url, MemoryLimiter(clock), clock, deadline_s=0.05)
        stack.push_async_callback(limiter.close)
        loop = asyncio.get_running_loop()
        with capture_logs() as logs:
            began = loop.time()
            for _ in range(20):
                assert (await limiter.hold(a_hold((gauge, 1)))).is_admitted
            assert loop.time() - began < 0.5  # and not twenty times as long
        assert [log["event"] for log in logs] == ["limits_not_shared"]


async def test_whoever_leaves_while_redis_is_asked_leaves_nothing_behind(
    redis_url: str, clock: ManualClock
) -> None:
    gauge = a_gauge(Measure.CALLS, Per.MOMENT, 5)
    async with connected(redis_url, clock, time=clock) as limiter:
        assert (await limiter.hold(a_hold((gauge, 1)))).is_admitted
        for turns in range(6):
            hold = a_hold((gauge, 1))
            asking = asyncio.create_task(limiter.hold(hold))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            if not asking.cancelled():  # Redis was quicker
                limiter.settle(hold, {})
            await limiter.settled()
        clock.advance(LEASE / 2)
        await limiter.renew()
        clock.advance(LEASE / 2)
        assert (await shown(limiter, gauge)).held == 1
