"""What is counted against a limit, and what is left of it: the rules of admission.

What drains is a leaky bucket as a meter, in integers: the continuous-state form of the generic
cell rate algorithm (ITU-T I.371, annex A). Each gauge takes the same few numbers, whatever
happens, and those of the calls that are under way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.finops.entities.wallets import MICRO_EUR
from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId

LEASE: Final = timedelta(minutes=1)
"""How long a hold is good for. Who works on needs to say so; who has died does not."""
RETRY_MS: Final = 1000
"""When to come back if it is other calls that must end first: nobody knows when they do."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MINUTE_MS: Final = 60_000
_LEASE_MS: Final = LEASE // _MILLISECOND


def milliseconds(at: datetime) -> int:
    """Return an instant in milliseconds since 1970."""
    return (at - _EPOCH) // _MILLISECOND


class Measure(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CALLS = "calls"
    """Those that are under way."""
    MICRO_EUR = "micro_eur"
    """Money, in millionths of a euro: what is charged is no finer."""


class Per(StrEnum):
    """For how long a limit is."""

    MOMENT = "moment"
    MINUTE = "minute"
    DAY = "day"
    """Of UTC, as months are."""
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """Whose calls are counted together; ``None`` for all that there are."""

    organization_id: OrganizationId | None
    """Their workspace; ``None`` for the personal one of the user."""
    user_id: UserId | None = None
    api_key_id: ApiKeyId | None = None
    model: str | None = None
    """Its public name."""

    @property
    def whose(self) -> str:
        """Who that is, in words."""
        if self.api_key_id is not None:
            return "API key"
        return "organization" if self.user_id is None else "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One thing that is counted, and the most of it that there may be."""

    key: str
    """The same in every process. Of a budget, each period has its own."""
    circle: Circle
    measure: Measure
    per: Per
    limit: int
    since: datetime | None = None
    """When the period began, of a budget."""
    ends_at: datetime | None = None
    drains: bool = field(init=False, repr=False, compare=False)
    """Whether what was used is forgotten steadily: the limit in each minute."""
    is_budget: bool = field(init=False, repr=False, compare=False)
    """Whether what was used counts until the period ends."""
    is_held: bool = field(init=False, repr=False, compare=False)
    """Whether it is only known at the end of a call how much it takes."""
    weight: int = field(init=False, repr=False, compare=False)
    """What one of it is in the unit of `Reading.used`, which drains in whole numbers."""

    def __post_init__(self) -> None:
        """Find out once what every call asks."""
        drains = self.per is Per.MINUTE
        object.__setattr__(self, "drains", drains)
        object.__setattr__(self, "is_budget", self.ends_at is not None)
        object.__setattr__(self, "is_held", self.measure is not Measure.REQUESTS)
        object.__setattr__(self, "weight", _MINUTE_MS if drains else 1)

    @property
    def allowance(self) -> str:
        """The limit, in words."""
        if self.measure is Measure.MICRO_EUR:
            return f"{(self.limit * MICRO_EUR).normalize():f} EUR per {self.per}"
        if self.per is Per.MOMENT:
            return f"{self.limit} {self.measure} at a time"
        return f"{self.limit} {self.measure} per {self.per}"

    def fits(self, reading: "Reading", amount: int) -> bool:
        """Tell whether so much more may be taken.

        What is more than a whole minute's worth waits until there is nothing else, and
        leaves a debt: else it could never be. Of a budget, no more is given than there is.
        """
        return self._excess(reading, amount) <= 0

    def left(self, reading: "Reading") -> int:
        """Return how much may be taken now."""
        weight = self.weight
        return max(0, self.limit - reading.held - -(-reading.used // weight))

    def reset_ms(self, reading: "Reading", now: datetime) -> int:
        """Return when all of it may be taken again, if nobody takes any."""
        if self.ends_at is not None:
            return max(0, (self.ends_at - now) // _MILLISECOND)
        if not self.drains:
            return 0
        return -(-(reading.used + reading.held * self.weight) // self.limit)

    def retry_ms(self, reading: "Reading", amount: int, now: datetime) -> int:
        """Return when so much may fit that does not fit now; 0 if it fits."""
        excess = self._excess(reading, amount)
        if excess <= 0:
            return 0
        if excess <= reading.held * self.weight:
            return RETRY_MS
        if self.ends_at is not None:
            return max(RETRY_MS, self.reset_ms(reading, now))
        return max(1, -(-excess // self.limit))

    def _excess(self, reading: "Reading", amount: int) -> int:
        wanted = min(amount, self.limit) if self.drains else amount
        return reading.used + (reading.held + wanted - self.limit) * self.weight


@dataclass(frozen=True, slots=True)
class Reading:
    """What a gauge shows."""

    used: int = 0
    """In the gauge's `weight`."""
    held: int = 0
    """By calls that are under way, in whole ones."""
    is_known: bool = True
    """Whether it is known what was used before: else it was counted from nothing."""


@dataclass(frozen=True, slots=True)
class Ask:
    """How much of what a call will probably take."""

    gauge: Gauge
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What is kept for one call until it is over. All of it, or nothing."""

    id: UUID
    asks: Sequence[Ask]

    @property
    def leased(self) -> Iterable[Ask]:
        """What comes back at the end of the call, for what it has really taken."""
        return (ask for ask in self.asks if ask.gauge.is_held)

    @property
    def renewed(self) -> Iterable[Ask]:
        """What of that is kept for as long as the call takes."""
        return (ask for ask in self.leased if not ask.gauge.drains)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call may go on."""

    is_admitted: bool
    readings: Sequence[Reading]
    """Of the gauges in the order of the asks; after the hold, if there is one."""


@dataclass(slots=True)
class Bucket:
    """What was taken of one gauge, and by whom it is held. Knows no time but what it is told."""

    used: int = 0
    at_ms: int = 0
    """When that was so much."""
    held: int = 0
    is_known: bool = False
    leases: dict[UUID, tuple[int, int]] = field(default_factory=dict[UUID, tuple[int, int]])
    """Until when who holds how much. All are equally long: the first is the first to end."""

    def reading(self, gauge: Gauge, now_ms: int) -> Reading:
        """Return what the gauge shows now."""
        self._come_to(gauge, now_ms)
        return Reading(self.used, self.held, self.is_known or not gauge.is_budget)

    def take(self, gauge: Gauge, hold: UUID, amount: int, now_ms: int) -> Reading:
        """Take, or hold, so much; return what the gauge shows then."""
        self._come_to(gauge, now_ms)
        if gauge.is_held:
            self.held += amount
            self.leases[hold] = (now_ms + _LEASE_MS, amount)
        else:
            self.used += amount * gauge.weight
        return Reading(self.used, self.held, self.is_known or not gauge.is_budget)

    def settle(self, gauge: Gauge, hold: UUID, used: int, now_ms: int) -> None:
        """Replace what was held by what was used, even if the lease is over by now."""
        self._come_to(gauge, now_ms)
        _, amount = self.leases.pop(hold, (0, 0))
        self.held -= amount
        self.used += used * gauge.weight

    def renew(self, gauge: Gauge, hold: UUID, now_ms: int) -> None:
        """Have a lease last longer that is not over yet."""
        self._come_to(gauge, now_ms)
        if (lease := self.leases.pop(hold, None)) is not None:
            self.leases[hold] = (now_ms + _LEASE_MS, lease[1])

    def seed(self, used: int) -> None:
        """Learn what was used before: never less than is known already."""
        self.used = max(self.used, used)
        self.is_known = True

    def is_idle(self, gauge: Gauge, now_ms: int) -> bool:
        """Tell whether it can be forgotten: an empty one says the same."""
        self._come_to(gauge, now_ms)
        if self.leases:
            return False
        return self.used == 0 or (gauge.ends_at is not None and now_ms >= _end_ms(gauge.ends_at))

    def _come_to(self, gauge: Gauge, now_ms: int) -> None:
        if now_ms <= self.at_ms:
            return
        if gauge.drains and self.used:
            self.used = max(0, self.used - gauge.limit * (now_ms - self.at_ms))
        self.at_ms = now_ms
        while self.leases:
            hold = next(iter(self.leases))
            until_ms, amount = self.leases[hold]
            if until_ms > now_ms:
                break
            del self.leases[hold]
            self.held -= amount


def _end_ms(ends_at: datetime) -> int:
    """A call that began before the end of the period may be settled a while after it."""
    return milliseconds(ends_at + 2 * LEASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What is left of what, where it is least: what callers are told."""

    measure: str
    limit: int
    remaining: int
    reset_ms: int


_TOLD: Final = (Measure.REQUESTS, Measure.TOKENS)


def headroom(
    hold: Sequence[Ask], readings: Sequence[Reading], now: datetime
) -> tuple[Headroom, ...]:
    """Return what is left of requests and of tokens; nothing of what has no limit."""
    told: list[Headroom] = []
    for measure in _TOLD:
        rooms = [
            Headroom(
                measure=measure.value,
                limit=ask.gauge.limit,
                remaining=ask.gauge.left(reading),
                reset_ms=ask.gauge.reset_ms(reading, now),
            )
            for ask, reading in zip(hold, readings, strict=True)
            if ask.gauge.measure is measure
        ]
        told += [min(rooms, key=lambda room: room.remaining)] if rooms else []
    return tuple(told)
