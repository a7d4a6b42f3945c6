"""Letting calls in, as far as limits allow."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN
from typing import Final

from inventiv_core.finops.entities.wallets import MICRO_EUR
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.inference.entities.gauges import (
    RETRY_MS,
    Ask,
    Gauge,
    Headroom,
    Hold,
    Measure,
    Reading,
    headroom,
)
from inventiv_core.inference.entities.limits import Limit, LimitBook, Limits
from inventiv_core.inference.entities.routes import Target
from inventiv_core.inference.entities.usage import TokenCounts
from inventiv_core.inference.errors import BudgetSpent, LimitReached
from inventiv_core.inference.ports import Limiter, LimitQueries
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.models.entities import Price, TokenUsage

MOST_UNKNOWN: Final = 10_000
"""How many budgets may wait for what was used of them."""

LOOKS: Final = 10
"""How often it is looked up what was used: what has just ended is stored a moment later, by some
other process perhaps, which has much to do."""

_SECOND_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that limits apply to, and that may go on. Whoever has it must settle it."""

    hold: Hold
    headroom: Sequence[Headroom]


class Admission:
    """Asks for what a call will take, and says what it has taken. One for each process.

    A request counts once it is let in, whatever becomes of it: or nothing would slow down
    who asks again and again. Tokens, money and the place among the calls under way come back.
    """

    def __init__(self, limits: Limits, limiter: Limiter, clock: Clock, new_id: NewId) -> None:
        self._limits = limits
        self._limiter = limiter
        self._clock = clock
        self._new_id = new_id
        self._unknown: dict[str, tuple[Gauge, int]] = {}
        """Budgets, and how often it is to be looked up yet what was used of them."""

    def replace(self, limits: Sequence[Limit]) -> None:
        """Make these the limits. What was used of budgets that are new is to be found out."""
        before = self._limits.book.limits
        if tuple(limits) == before:
            return
        known = {limit.id: limit for limit in before}
        now = self._clock.now()
        for limit in limits:
            if limit.organization_id is None or known.get(limit.id) == limit:
                continue  # in which workspaces a default counts, only their calls can tell
            someone = Actor(
                user_id=None, organization_id=limit.organization_id, permissions=frozenset()
            )
            self._note(gauge for gauge in limit.gauges(someone, now) if gauge.is_budget)
        self._limits.book = LimitBook(limits)

    def asks(
        self, caller: Actor, target: Target, estimate: Callable[[], TokenCounts], *, at: datetime
    ) -> tuple[Ask, ...]:
        """Return all that a call asks for. Nothing at all if no limit applies."""
        gauges = self._limits.book.gauges(caller, target.name, at)
        if not gauges:
            return ()
        amounts = _amounts(estimate(), target.price)
        amounts |= {Measure.REQUESTS: 1, Measure.CALLS: 1}
        return tuple(
            Ask(gauge, max(1, amounts[gauge.measure]))
            for gauge in gauges
            if gauge.measure in amounts
        )

    async def admit(self, asks: Sequence[Ask]) -> Admitted:
        """Keep what is asked for.

        Raises:
            LimitReached: It is too much for now.
            BudgetSpent: It is too much until the period ends.
        """
        hold = Hold(id=self._new_id(), asks=asks)
        verdict = await self._limiter.hold(hold)
        now, readings = self._clock.now(), verdict.readings
        pairs = zip(asks, readings, strict=True)
        self._note(ask.gauge for ask, reading in pairs if not reading.is_known)
        if not verdict.is_admitted:
            raise _refusal(asks, readings, now)
        return Admitted(hold, headroom(asks, readings, now))

    def settle(self, admitted: Admitted, used: TokenCounts, price: Price | None) -> None:
        """Say what a call has used in the end."""
        self._limiter.settle(admitted.hold, _amounts(used, price))

    def take_unknown(self) -> Sequence[Gauge]:
        """Return budgets of which it is to be found out what was used: each a few times."""
        unknown = list(self._unknown.values())
        self._unknown = {gauge.key: (gauge, looks - 1) for gauge, looks in unknown if looks > 1}
        return [gauge for gauge, _ in unknown]

    def _note(self, gauges: Iterable[Gauge]) -> None:
        for gauge in gauges:
            if len(self._unknown) < MOST_UNKNOWN:
                self._unknown[gauge.key] = (gauge, LOOKS)


def _amounts(used: TokenCounts, price: Price | None) -> dict[Measure, int]:
    """Return what tokens are, in all measures that they have: in money, if they cost any."""
    amounts = {Measure.TOKENS: used.total_tokens}
    if price is not None and not price.is_free:
        tokens = TokenUsage(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cached_input_tokens=used.cached_tokens or 0,
        )
        micro = price.cost(tokens) / MICRO_EUR
        amounts[Measure.MICRO_EUR] = int(micro.to_integral_value(rounding=ROUND_HALF_EVEN))
    return amounts


def _refusal(asks: Sequence[Ask], readings: Sequence[Reading], now: datetime) -> LimitReached:
    """Return what the limit that lasts longest says: until then, no other matters."""
    retry_ms, gauge = max(
        (
            (ask.gauge.retry_ms(reading, ask.amount, now), ask.gauge)
            for ask, reading in zip(asks, readings, strict=True)
        ),
        key=lambda one: one[0],
    )
    # what is only held by calls that are under way may come back, and is not spent
    refusal = BudgetSpent if gauge.is_budget and retry_ms > RETRY_MS else LimitReached
    return refusal(
        retry_after_s=max(1, -(-retry_ms // _SECOND_MS)),
        measure=gauge.measure.value,
        whose=gauge.circle.whose,
        model=gauge.circle.model,
        allowance=gauge.allowance,
        headroom=[asdict(room) for room in headroom(asks, readings, now)],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewHolds:
    """Say that the calls of this process are still under way."""

    limiter: Limiter

    async def __call__(self, *, actor: Actor) -> None:
        """Have what is kept for them last for longer."""
        actor.must(Permission.OPERATE)
        await self.limiter.renew()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedBudgets:
    """Learn what was used of budgets before this process, or Redis, knew of it."""

    admission: Admission
    limiter: Limiter
    limit_queries: LimitQueries

    async def __call__(self, *, actor: Actor) -> int:
        """Look it up, outside of any call; return of how many budgets."""
        actor.must(Permission.OPERATE)
        unknown = self.admission.take_unknown()
        if unknown:
            await self.limiter.seed(await self.limit_queries.spent(unknown))
        return len(unknown)
