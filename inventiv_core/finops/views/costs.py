"""What things cost, as people look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import ceil
from types import MappingProxyType
from typing import Final
from uuid import UUID

from inventiv_core.finops.entities.rentals import (
    ONE_HOUR,
    ONE_MINUTE,
    EurSeconds,
    ceiling,
    eur,
    floor,
)
from inventiv_core.kernel.money import Eur

ONE_DAY: Final = timedelta(days=1)

WINDOWS: Final[Mapping[str, int]] = MappingProxyType(
    {"minute": 1, "hour": 60, "day": 1_440, "month_30d": 43_200, "year_365d": 525_600}
)
"""The windows that a summary shows, in order, and how many minutes they are long."""

_ALIASES: Final[Mapping[str, int]] = MappingProxyType({
    **WINDOWS,
    "1m": 1, "1h": 60, "1d": 1_440, "30d": 43_200, "365d": 525_600,
    "week_7d": 10_080, "week": 10_080, "1w": 10_080, "7d": 10_080,
})  # fmt: skip
_DEFAULT_MINUTES: Final = 60


def minutes_of(window: str) -> int:
    """Return how long the window of that name is; one that nobody knows is an hour."""
    return _ALIASES.get(window.strip().lower(), _DEFAULT_MINUTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Some whole minutes, of which the last is over."""

    start: datetime
    end: datetime
    """When the first minute begins that is not in it."""

    @property
    def minutes(self) -> int:
        """How many minutes there are."""
        return (self.end - self.start) // ONE_MINUTE

    @property
    def last_minute(self) -> datetime:
        """When the last minute begins."""
        return self.end - ONE_MINUTE


def last_minutes(minutes: int, now: datetime) -> Span:
    """Return the minutes that ended last."""
    end = floor(now, ONE_MINUTE)
    return Span(start=end - minutes * ONE_MINUTE, end=end)


_BINS: Final = (
    (timedelta(hours=1), ONE_MINUTE),
    (ONE_DAY, timedelta(minutes=15)),
    (timedelta(days=7), ONE_HOUR),
    (timedelta(days=31), timedelta(hours=6)),
)


def bin_width(span: Span, most: int) -> timedelta:
    """Return how long each point of a series stands for, so that ``most`` show the whole span.

    Points begin at multiples of that since 1970. They are as fine as clients know them, and
    coarser only if there would be too many: nothing is left out, so their sum is the whole.
    """
    length = span.end - span.start
    finest = next((width for limit, width in _BINS if length <= limit), ONE_DAY)
    count = (ceiling(span.end, finest) - floor(span.start, finest)) // finest
    factor = ceil(count / most)
    while (ceiling(span.end, factor * finest) - floor(span.start, factor * finest)) > (
        most * factor * finest
    ):
        factor += 1
    return factor * finest


class CostLevel(StrEnum):
    """What an amount is summed up over."""

    TOTAL = "total"
    PROVIDER = "provider"
    REGION = "region"
    INSTANCE_TYPE = "instance_type"
    INSTANCE = "instance"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """An amount, and what it is for. What does not concern its level is ``None``."""

    level: CostLevel
    amount: Decimal
    """Euros per hour of what is rented now, or `EurSeconds` of what was spent."""
    minutes: int | None = None
    """Of a window: how long it is; ``None`` for everything there ever was."""
    provider_id: UUID | None = None
    provider_code: str | None = None
    provider_name: str | None = None
    region_id: UUID | None = None
    region_code: str | None = None
    region_name: str | None = None
    zone_name: str | None = None
    instance_type_id: UUID | None = None
    instance_type_code: str | None = None
    instance_type_name: str | None = None
    instance_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What something costs in total, and in all its parts: the dearest first."""

    rows: Sequence[CostRow]

    def at(self, level: CostLevel) -> Sequence[CostRow]:
        """Return the parts of that level."""
        return [row for row in self.rows if row.level is level]

    @property
    def total(self) -> Decimal:
        """The whole."""
        return sum((row.amount for row in self.at(CostLevel.TOTAL)), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent in a span, in total and in all its parts."""

    span: Span
    costs: Costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is rented now costs, and what has been spent, lately and ever."""

    at: datetime
    """The present minute: allocations are as of now."""
    latest_minute: datetime
    """The last minute that is over: what was spent is up to its end."""
    allocation: Costs
    """In euros per hour."""
    windows: Mapping[str, EurSeconds]
    cumulative: EurSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What was spent from an instant on, until the next point."""

    at: datetime
    amount: EurSeconds

    @property
    def amount_eur(self) -> Eur:
        """The same, in euros."""
        return eur(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How things stand at an instant: what has been spent until then, and what is being spent."""

    at: datetime
    spent: EurSeconds
    """Since the beginning."""
    rate: Eur
    """Euros per hour."""
    rented: int
    """How many machines there are."""
    is_begun: bool
    """Whether anything was rented by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteRow:
    """One minute of everything, of a provider, or of an instance."""

    minute: datetime
    provider_id: UUID | None
    instance_id: UUID | None
    amount: Decimal
    """Euros per hour, or `EurSeconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteFilter:
    """Whose minutes to look at; ``None`` means all together."""

    provider_id: UUID | None = None
    instance_id: UUID | None = None

    @property
    def is_everything(self) -> bool:
        """Whether it is about all that is rented."""
        return self.provider_id is None and self.instance_id is None

    @property
    def is_sound(self) -> bool:
        """Whether anything can be found: an instance is known by its provider's id, too."""
        return self.provider_id is not None or self.instance_id is None

    def row(self, minute: datetime, amount: Decimal) -> MinuteRow:
        """Return a row of what is looked at."""
        return MinuteRow(
            minute=minute,
            provider_id=self.provider_id,
            instance_id=self.instance_id,
            amount=amount,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentRow:
    """What a closed hour was found to cost more, or less."""

    id: UUID
    organization_id: UUID
    provider_id: UUID
    zone_id: UUID
    instance_type_id: UUID
    instance_id: UUID | None
    hour: datetime
    amount: EurSeconds
    reason: str
    recorded_at: datetime
