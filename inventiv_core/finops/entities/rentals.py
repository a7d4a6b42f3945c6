"""What is rented from a provider, from when until when, and what that costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Final, NewType, Self, TypeAlias
from uuid import UUID

from inventiv_core.catalog.entities import InstanceTypeId, Price, ProviderId, ZoneId
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceId
from inventiv_core.kernel.money import ZERO_EUR, Eur

RentalId = NewType("RentalId", UUID)

EurSeconds: TypeAlias = Decimal
"""Euros per hour, times seconds. It adds up without rounding, however time is split."""

ONE_HOUR: Final = timedelta(hours=1)
ONE_MINUTE: Final = timedelta(minutes=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PER_SECOND: Final = 1_000_000
_HOURS_A_MONTH: Final = 730
_MICRO_EUR: Final = Decimal("0.000001")


def volumes_per_hour(size_gb: int, per_gb_month: Eur | None) -> Eur:
    """Return what volumes of that size cost in an hour, a month having 730, to a micro-euro."""
    if per_gb_month is None:
        return ZERO_EUR
    whole = size_gb * per_gb_month / _HOURS_A_MONTH
    return whole.quantize(_MICRO_EUR, rounding=ROUND_HALF_EVEN)


def eur(amount: EurSeconds) -> Eur:
    """Return how many euros that is. The only place where a cost is rounded, to 28 digits."""
    return amount / 3600


def floor(at: datetime, width: timedelta) -> datetime:
    """Return the last boundary not after ``at``; boundaries are counted from 1970, in UTC."""
    return at - (at - EPOCH) % width


def ceiling(at: datetime, width: timedelta) -> datetime:
    """Return the first boundary not before ``at``."""
    return at + (EPOCH - at) % width


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """One machine of one instance, for as long as the provider bills it.

    It follows the machine, not the status of the instance: a start that failed costs
    money until its machine is gone.
    """

    id: RentalId
    organization_id: OrganizationId
    instance_id: InstanceId
    provider_id: ProviderId
    zone_id: ZoneId
    instance_type_id: InstanceTypeId
    machine_id: str
    """The provider's name for the machine."""
    started_at: datetime
    ended_at: datetime | None
    """When its end was confirmed; ``None`` until then."""
    volumes_per_hour: Eur = ZERO_EUR
    """What its volumes cost beside, at the price that held when it was rented."""

    @classmethod
    def begin(
        cls,
        instance: Instance,
        machine_id: str,
        *,
        id: RentalId,
        created_at: datetime,
        at: datetime,
        volumes_per_hour: Eur = ZERO_EUR,
    ) -> Self:
        """Rent a machine, as seen at ``at``.

        It has cost since the provider made it, which may be some time ago if whoever ordered
        it could not say so; but never since before it was wanted.
        """
        return cls(
            id=id,
            organization_id=instance.organization_id,
            instance_id=instance.id,
            provider_id=instance.provider_id,
            zone_id=instance.zone_id,
            instance_type_id=instance.instance_type_id,
            machine_id=machine_id,
            started_at=min(max(created_at, instance.created_at), at),
            ended_at=None,
            volumes_per_hour=volumes_per_hour,
        )

    def end(self, at: datetime) -> Self:
        """Return it ended at that instant; a clock that ran backwards makes nothing negative."""
        return replace(self, ended_at=max(at, self.started_at))

    def rate_by(self, price: Price) -> Eur:
        """Return what it costs in an hour while that price of its type holds."""
        return (price.cost_per_hour or ZERO_EUR) + self.volumes_per_hour

    def is_open(self, at: datetime) -> bool:
        """Tell whether it costs at that instant."""
        return self.started_at <= at and (self.ended_at is None or at < self.ended_at)


def rate_at(rental: Rental, prices: Sequence[Price], at: datetime) -> Eur:
    """Return what an hour of the rental cost then; ``prices`` are its type's, oldest first."""
    held = None
    for price in prices:
        if price.valid_from > at:
            break
        held = price
    return ZERO_EUR if held is None else rental.rate_by(held)


def cost_of(rental: Rental, prices: Sequence[Price], start: datetime, end: datetime) -> EurSeconds:
    """Return what the rental has cost from ``start`` until ``end``.

    ``prices`` are those of its type, oldest first. Before the first it costs nothing, and
    while nobody has said what it costs, no more than its volumes.
    """
    begin = max(rental.started_at, start)
    until = end if rental.ended_at is None else min(rental.ended_at, end)
    spent = ZERO_EUR
    starts = [price.valid_from for price in prices]
    for price, (lower, upper) in zip(prices, pairwise([*starts, end]), strict=True):
        duration = min(until, upper) - max(begin, lower)
        if duration > timedelta(0):
            spent += rental.rate_by(price) * (duration // _MICROSECOND) / _PER_SECOND
    return spent


def hours_between(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of each hour that lie between the two instants."""
    lower = start
    while lower < end:
        upper = min(floor(lower, ONE_HOUR) + ONE_HOUR, end)
        yield lower, upper
        lower = upper
