"""The books of hours that are over: what is in them is not changed any more, only adjusted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.catalog.entities import InstanceTypeId, Price, ProviderId, ZoneId
from inventiv_core.finops.entities.rentals import (
    ONE_HOUR,
    EurSeconds,
    Rental,
    cost_of,
    floor,
    hours_between,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import ZERO_EUR

_ZERO: Final[EurSeconds] = ZERO_EUR

OPEN_FOR: Final = timedelta(minutes=5)
"""How long after its end an hour is closed: what comes later is an adjustment."""


class AdjustmentReason(StrEnum):
    """Why a closed hour cost something else than its books say."""

    RENTAL_BEGAN = "rental_began"
    """A machine had been there that nobody knew of."""
    RENTAL_ENDED = "rental_ended"
    """A machine was gone that was thought to be there."""
    PRICE_CHANGED = "price_changed"
    """A price became known after hours in which it held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What a closed hour cost more, or less, than its books say."""

    id: UUID
    organization_id: OrganizationId
    provider_id: ProviderId
    zone_id: ZoneId
    instance_type_id: InstanceTypeId
    hour: datetime
    """When the hour began."""
    amount: EurSeconds
    reason: AdjustmentReason
    instance_id: UUID | None
    """``None`` if it concerns all of the type."""
    recorded_at: datetime


def differences(
    before: Rental | None,
    after: Rental,
    prices: Sequence[Price],
    *,
    closed_until: datetime,
    at: datetime,
    new_id: NewId,
) -> Iterator[Adjustment]:
    """Yield what closed hours cost more or less with ``after`` in place of ``before``.

    A rental that nobody knew of was none before; one that has ended was thought to go on.
    """
    since, reason = after.started_at, AdjustmentReason.RENTAL_BEGAN
    if before is not None:
        since, reason = after.ended_at or closed_until, AdjustmentReason.RENTAL_ENDED
    for lower, upper in hours_between(since, closed_until):
        known = _ZERO if before is None else cost_of(before, prices, lower, upper)
        amount = cost_of(after, prices, lower, upper) - known
        if amount:
            yield Adjustment(
                id=new_id(),
                organization_id=after.organization_id,
                provider_id=after.provider_id,
                zone_id=after.zone_id,
                instance_type_id=after.instance_type_id,
                hour=floor(lower, ONE_HOUR),
                amount=amount,
                reason=reason,
                instance_id=after.instance_id,
                recorded_at=at,
            )
