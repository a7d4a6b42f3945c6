"""Quotas as people look at them."""

from dataclasses import dataclass
from datetime import timedelta

from inventiv_core.deployments.entities import (
    HOURS_PER_DAY,
    HOURS_PER_MONTH,
    InUse,
    Plan,
    Quota,
)
from inventiv_core.kernel.money import Eur
from inventiv_core.models.views import Fit


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStanding:
    """What an organization may have, and what it has."""

    quota: Quota
    in_use: InUse


@dataclass(frozen=True, slots=True, kw_only=True)
class BootTimes:
    """How long it took from request to ready, of the newest boots there were."""

    boots: int = 0
    p50: timedelta | None = None
    """``None``: nobody knows yet."""
    p90: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDetails:
    """A plan, with all that would come of it."""

    plan: Plan
    fit: Fit
    """Of the model on this one machine."""
    quota: Quota
    in_use: InUse
    """Without what is planned."""
    wanted: InUse
    """What it would add."""
    boot_times: BootTimes

    @property
    def price_per_day_eur(self) -> Eur | None:
        """What a day costs; ``None`` if the price is not known."""
        return _times(self.plan.price_per_hour_eur, HOURS_PER_DAY)

    @property
    def price_per_month_eur(self) -> Eur | None:
        """What a month of 730 hours costs."""
        return _times(self.plan.price_per_hour_eur, HOURS_PER_MONTH)


def _times(price: Eur | None, hours: int) -> Eur | None:
    return None if price is None else price * hours
