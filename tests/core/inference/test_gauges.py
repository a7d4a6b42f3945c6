"""What gauges promise, whatever is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.inference.entities.gauges import (
    LEASE,
    RETRY_MS,
    Bucket,
    Gauge,
    Headroom,
    Measure,
    Per,
    Reading,
    headroom,
    milliseconds,
)
from tests.builders import NOON, a_number
from tests.core.inference.limits import MIDNIGHT, a_gauge, a_hold

MINUTE_MS = 60_000
LEASE_MS = LEASE // timedelta(milliseconds=1)
START_MS = milliseconds(NOON)


@dataclass(frozen=True)
class Call:
    """A call that comes some time after the one before it."""

    gap_ms: int
    lasts_ms: int
    asks: int
    uses: int
    """Of what it asks for, in percent."""

    @property
    def used(self) -> int:
        return self.asks * self.uses // 100


calls = st.lists(
    st.builds(
        Call,
        gap_ms=st.sampled_from([0, 1, 999, 6_000, 30_000, 60_000]) | st.integers(0, 90_000),
        lasts_ms=st.integers(0, LEASE_MS - 1),
        asks=st.integers(1, 12),
        uses=st.integers(0, 100),
    ),
    max_size=40,
)
limits = st.integers(12, 40)
"""No smaller than what one call asks for: what is larger than a limit has a rule of its own."""


class Day:
    """What has become of one call after the other."""

    def __init__(self, gauge: Gauge, calls: Sequence[Call]) -> None:
        self.gauge = gauge
        self.bucket = Bucket()
        self.admitted: list[tuple[int, int]] = []
        """When how much was let in."""
        self.settled: list[tuple[int, int]] = []
        """When how much turned out to be used."""
        self.under_way: dict[UUID, tuple[int, Call]] = {}
        now_ms = START_MS
        for call in calls:
            now_ms += call.gap_ms
            self.end(until_ms=now_ms)
            self.come(call, now_ms)
        self.end(until_ms=now_ms + LEASE_MS)

    def come(self, call: Call, now_ms: int) -> None:
        if not self.gauge.fits(self.bucket.reading(self.gauge, now_ms), call.asks):
            return
        hold = a_number()
        self.bucket.take(self.gauge, hold, call.asks, now_ms)
        self.admitted.append((now_ms, call.asks))
        self.under_way[hold] = (now_ms + call.lasts_ms, call)
        self.check()

    def end(self, *, until_ms: int) -> None:
        over = sorted((at, hold) for hold, (at, _) in self.under_way.items() if at <= until_ms)
        for at, hold in over:
            _, call = self.under_way.pop(hold)
            if self.gauge.is_held:
                self.bucket.settle(self.gauge, hold, call.used, at)
                self.settled.append((at, call.used))
            self.check()

    def check(self) -> None:
        """What is held is what calls hold that are under way, and never more than there is."""
        held = sum(call.asks for _, call in self.under_way.values())
        assert self.bucket.held == (held if self.gauge.is_held else 0)
        whole = self.gauge.limit * self.gauge.weight
        assert 0 <= self.bucket.used + self.bucket.held * self.gauge.weight <= whole


def most_in_any_stretch(events: Sequence[tuple[int, int]], limit: int) -> float:
    """Return by how much a limit and what drains meanwhile were passed, where it was most."""
    passed = [0.0]
    for first, last in combinations_with_replacement(range(len(events)), 2):
        amount = sum(amount for _, amount in events[first : last + 1])
        drained = limit * (events[last][0] - events[first][0]) / MINUTE_MS
        passed.append(amount - limit - drained)
    return max(passed)


@given(calls=calls, limit=limits)
def test_in_any_stretch_of_time_no_more_requests_pass_than_the_limit_and_what_drains(
    calls: list[Call], limit: int
) -> None:
    day = Day(a_gauge(Measure.REQUESTS, limit=limit), calls)
    assert most_in_any_stretch(day.admitted, limit) <= 1e-9


@given(calls=calls, limit=limits)
def test_in_any_stretch_of_time_no_more_tokens_are_used_than_the_limit_and_what_drains(
    calls: list[Call], limit: int
) -> None:
    day = Day(a_gauge(Measure.TOKENS, limit=limit), calls)
    assert most_in_any_stretch(day.settled, limit) <= 1e-9
    assert day.bucket.held == 0
    assert not day.bucket.leases


@given(calls=calls, limit=limits)
def test_a_budget_is_never_passed_and_holds_and_settlements_sum_up(
    calls: list[Call], limit: int
) -> None:
    day = Day(a_gauge(Measure.TOKENS, Per.DAY, limit), calls)
    assert day.bucket.used == sum(used for _, used in day.settled) <= limit
    assert (day.bucket.held, day.bucket.leases) == (0, {})


@given(calls=calls, limit=st.integers(1, 5))
def test_no_more_calls_are_under_way_than_may_be(calls: list[Call], limit: int) -> None:
    one_each = [Call(call.gap_ms, call.lasts_ms, 1, 0) for call in calls]
    day = Day(a_gauge(Measure.CALLS, Per.MOMENT, limit), one_each)
    assert (day.bucket.used, day.bucket.held) == (0, 0)


@given(calls=calls, limit=limits, per=st.sampled_from([Per.MINUTE, Per.DAY]))
def test_what_is_never_settled_comes_back_by_itself(
    calls: list[Call], limit: int, per: Per
) -> None:
    gauge, bucket, now_ms = a_gauge(per=per, limit=limit), Bucket(), START_MS
    for call in calls:
        now_ms += call.gap_ms
        if gauge.fits(bucket.reading(gauge, now_ms), call.asks):
            bucket.take(gauge, a_number(), call.asks, now_ms)
    assert bucket.reading(gauge, now_ms + LEASE_MS).held == 0
    assert gauge.left(bucket.reading(gauge, now_ms + LEASE_MS)) == limit


@given(calls=calls, limit=limits, wanted=st.integers(1, 60))
def test_who_comes_back_when_told_to_is_let_in(calls: list[Call], limit: int, wanted: int) -> None:
    gauge = a_gauge(Measure.REQUESTS, limit=limit)
    day = Day(gauge, calls)
    now_ms = day.bucket.at_ms or START_MS
    retry_ms = gauge.retry_ms(day.bucket.reading(gauge, now_ms), wanted, NOON)
    if retry_ms:
        assert not gauge.fits(day.bucket.reading(gauge, now_ms), wanted)
        assert not gauge.fits(day.bucket.reading(gauge, now_ms + retry_ms - 1), wanted)
    assert gauge.fits(day.bucket.reading(gauge, now_ms + retry_ms), wanted)


@given(calls=calls, limit=limits, seeds=st.lists(st.integers(0, 50), max_size=3))
def test_what_was_used_before_is_never_less_than_what_is_known(
    calls: list[Call], limit: int, seeds: list[int]
) -> None:
    gauge = a_gauge(per=Per.DAY, limit=limit)
    bucket = Day(gauge, calls).bucket
    used = bucket.used
    assert not bucket.reading(gauge, bucket.at_ms).is_known
    for seed in seeds:
        bucket.seed(seed)
        assert bucket.reading(gauge, bucket.at_ms).is_known
    assert bucket.used == max([used, *seeds])


def test_a_renewed_lease_lasts_from_then_on_and_one_that_is_over_stays_so() -> None:
    gauge, bucket, hold = a_gauge(Measure.CALLS, Per.MOMENT), Bucket(), a_number()
    bucket.take(gauge, hold, 1, START_MS)
    bucket.renew(gauge, hold, START_MS + LEASE_MS - 1)
    assert bucket.reading(gauge, START_MS + 2 * LEASE_MS - 2).held == 1
    assert bucket.reading(gauge, START_MS + 2 * LEASE_MS - 1).held == 0
    bucket.renew(gauge, hold, START_MS + 2 * LEASE_MS)
    assert bucket.reading(gauge, START_MS + 2 * LEASE_MS).held == 0


def test_what_was_used_counts_even_if_its_lease_is_over() -> None:
    gauge, bucket, hold = a_gauge(per=Per.DAY), Bucket(), a_number()
    bucket.take(gauge, hold, 5, START_MS)
    bucket.settle(gauge, hold, 3, START_MS + LEASE_MS)
    assert bucket.reading(gauge, START_MS + LEASE_MS) == Reading(3, 0, is_known=False)


def test_more_than_a_minute_s_worth_waits_for_all_of_it_and_leaves_a_debt() -> None:
    gauge, bucket, hold = a_gauge(limit=10), Bucket(), a_number()
    bucket.take(gauge, a_number(), 1, START_MS)
    assert not gauge.fits(bucket.reading(gauge, START_MS), 25)
    now_ms = START_MS + LEASE_MS
    assert gauge.fits(bucket.reading(gauge, now_ms), 25)
    bucket.take(gauge, hold, 25, now_ms)
    assert gauge.left(bucket.reading(gauge, now_ms)) == 0
    bucket.settle(gauge, hold, 25, now_ms)
    assert gauge.retry_ms(bucket.reading(gauge, now_ms), 1, NOON) == 16 * MINUTE_MS // 10
    assert not a_gauge(per=Per.DAY, limit=10).fits(Reading(), 25)


def test_time_that_goes_backwards_drains_nothing_twice() -> None:
    gauge, bucket = a_gauge(Measure.REQUESTS, limit=10), Bucket()
    bucket.take(gauge, a_number(), 10, START_MS)
    assert bucket.reading(gauge, START_MS + 6_000).used == 9 * MINUTE_MS
    assert bucket.reading(gauge, START_MS).used == 9 * MINUTE_MS
    assert bucket.reading(gauge, START_MS + 6_000).used == 9 * MINUTE_MS


@pytest.mark.parametrize(
    ("gauge", "reading", "left", "reset_ms", "retry_ms"),
    [
        (a_gauge(Measure.REQUESTS), Reading(), 10, 0, 0),
        (a_gauge(Measure.REQUESTS), Reading(10 * MINUTE_MS), 0, MINUTE_MS, 6_000),
        (a_gauge(Measure.REQUESTS), Reading(10 * MINUTE_MS - 1), 0, MINUTE_MS, 6_000),
        (a_gauge(), Reading(MINUTE_MS, 9), 0, MINUTE_MS, RETRY_MS),
        (a_gauge(Measure.CALLS, Per.MOMENT), Reading(0, 10), 0, 0, RETRY_MS),
        (a_gauge(Measure.CALLS, Per.MOMENT), Reading(0, 9), 1, 0, 0),
        (a_gauge(per=Per.DAY), Reading(4), 6, 12 * 60 * MINUTE_MS, 0),
        (a_gauge(per=Per.DAY), Reading(4, 6), 0, 12 * 60 * MINUTE_MS, RETRY_MS),
        (a_gauge(per=Per.DAY), Reading(10), 0, 12 * 60 * MINUTE_MS, 12 * 60 * MINUTE_MS),
    ],
)
def test_what_is_left_and_when_it_is_back(
    gauge: Gauge, reading: Reading, left: int, reset_ms: int, retry_ms: int
) -> None:
    noon = MIDNIGHT - timedelta(hours=12)
    assert gauge.left(reading) == left
    assert gauge.reset_ms(reading, noon) == reset_ms
    assert gauge.retry_ms(reading, 1, noon) == retry_ms


@pytest.mark.parametrize(
    ("gauge", "words"),
    [
        (a_gauge(Measure.REQUESTS, limit=60), "60 requests per minute"),
        (a_gauge(Measure.TOKENS, Per.MONTH, limit=60), "60 tokens per month"),
        (a_gauge(Measure.CALLS, Per.MOMENT, limit=4), "4 calls at a time"),
        (a_gauge(Measure.MICRO_EUR, Per.DAY, limit=10_000_000), "10 EUR per day"),
        (a_gauge(Measure.MICRO_EUR, Per.DAY, limit=500_001), "0.500001 EUR per day"),
    ],
)
def test_a_limit_in_words(gauge: Gauge, words: str) -> None:
    assert gauge.allowance == words


def test_callers_are_told_of_what_is_least_of_requests_and_of_tokens() -> None:
    minute, day = a_gauge(), a_gauge(per=Per.DAY, limit=100)
    money, at_once = a_gauge(Measure.MICRO_EUR, Per.DAY), a_gauge(Measure.CALLS, Per.MOMENT)
    asks: Any = a_hold((minute, 1), (day, 1), (money, 1), (at_once, 1)).asks
    readings = [Reading(), Reading(95), Reading(9), Reading(0, 1)]
    [told] = headroom(asks, readings, MIDNIGHT - timedelta(seconds=1))
    assert told == Headroom(measure="tokens", limit=100, remaining=5, reset_ms=1000)
    assert headroom(asks[2:], readings[2:], NOON) == ()


def test_what_says_nothing_any_more_can_be_forgotten() -> None:
    gauge, bucket, hold = a_gauge(per=Per.DAY), Bucket(), a_number()
    bucket.take(gauge, hold, 1, START_MS)
    assert not bucket.is_idle(gauge, START_MS)
    bucket.settle(gauge, hold, 1, START_MS)
    end_ms = milliseconds(MIDNIGHT)
    assert not bucket.is_idle(gauge, end_ms)
    assert bucket.is_idle(gauge, end_ms + 2 * LEASE_MS)
    assert Bucket().is_idle(gauge, START_MS)
