"""Providers, their regions and zones, and the machines they rent out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, NewType
from uuid import UUID

from inventiv_core.kernel.money import Eur

ProviderId = NewType("ProviderId", UUID)
RegionId = NewType("RegionId", UUID)
ZoneId = NewType("ZoneId", UUID)
InstanceTypeId = NewType("InstanceTypeId", UUID)

MOCK = "mock"
"""The code of the provider whose machines are simulated."""

_PRICE_STEP: Final = Decimal("0.0001")


def rounded(price: Eur | None) -> Eur | None:
    """Return a price as it is kept: to a hundredth of a cent, halves away from zero."""
    return None if price is None else price.quantize(_PRICE_STEP, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Someone who rents out machines."""

    id: ProviderId
    name: str
    code: str
    description: str | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A place where a provider has zones."""

    id: RegionId
    provider_id: ProviderId
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A data centre in a region."""

    id: ZoneId
    region_id: RegionId
    provider_id: ProviderId
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """A kind of machine that a provider rents out, and its price."""

    id: InstanceTypeId
    provider_id: ProviderId
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    """GPU memory of each GPU, in decimal gigabytes."""
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int
    """Network bandwidth in bits per second."""
    cost_per_hour: Eur | None
    """Euros per hour; ``None`` when nobody has said."""
    is_active: bool
    allocation_params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else a machine of this type needs when it is rented; by provider code, or for all."""

    @property
    def vram_gb(self) -> int:
        """GPU memory of the whole machine, in decimal gigabytes."""
        return self.gpu_count * self.vram_per_gpu_gb


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTypeZone:
    """That an instance type is on sale in a zone."""

    instance_type_id: InstanceTypeId
    zone_id: ZoneId
    is_available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an instance type costs from an instant on, until its next price."""

    instance_type_id: InstanceTypeId
    cost_per_hour: Eur | None
    """Euros per hour; ``None`` while nobody has said."""
    valid_from: datetime


Entry = Provider | Region | Zone | InstanceType
"""Something in the catalog that has a name and a code."""
