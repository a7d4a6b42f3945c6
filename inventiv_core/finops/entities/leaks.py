"""What costs money, and nobody wants it: from when until it is confirmed gone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.finops.entities.rentals import volumes_per_hour
from inventiv_core.kernel.money import ZERO_EUR, Eur

_MICROSECOND: Final = timedelta(microseconds=1)
_PER_HOUR: Final = 3600 * 1_000_000


class LeakReason(StrEnum):
    """Why nobody wants it."""

    TERMINATED = "terminated"
    """Its instance is to end: it costs until the provider has given it up."""
    DUPLICATE = "duplicate"
    """Its instance has another machine."""
    STRAY = "stray"
    """Its instance is over, or nobody knows of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a provider takes, as far as the catalog knows; ``None`` where it does not."""

    cost_per_hour: Eur | None
    """Of a machine of that type."""
    volume_cost_per_gb_month: Eur | None
    """Of its volumes; of the provider's dearest, where the type is not known."""

    def of_volumes(self, size_gb: int) -> Eur:
        """Return what volumes of that size cost in an hour."""
        return volumes_per_hour(size_gb, self.volume_cost_per_gb_month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A machine, or a disk that is left of one, which is paid for and not wanted.

    It is told of in words, not by reference: its instance and its organization may never have
    existed, or be gone.
    """

    id: UUID
    provider_code: str
    machine_id: str
    """The provider's name for it: there is one leak of each machine."""
    zone: str
    instance_type: str
    """Codes, as the provider says them."""
    organization_id: UUID
    instance_id: UUID
    reason: LeakReason
    since: datetime
    """From when on it was not wanted; of what nobody knows, since it was made."""
    until: datetime | None
    """When it was confirmed gone; ``None`` until then."""
    cost_per_hour: Eur | None
    """``None`` where nobody has said what such a machine costs: that part counts as nothing."""
    volumes_per_hour: Eur

    @property
    def eur_per_hour(self) -> Eur:
        """What it costs in an hour, as far as that is known, at the prices of when it was noted."""
        return (self.cost_per_hour or ZERO_EUR) + self.volumes_per_hour

    def eur(self, at: datetime) -> Eur:
        """Return what it has cost until then."""
        lasted = (self.until or at) - self.since
        return self.eur_per_hour * Decimal(max(lasted // _MICROSECOND, 0)) / _PER_HOUR
