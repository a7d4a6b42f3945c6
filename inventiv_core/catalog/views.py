"""The catalog as people look at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
)
from inventiv_core.kernel.money import Eur
from inventiv_core.kernel.pagination import Key

MAX_LIST_ROWS: Final = 10_000
"""The most rows of a list without pages; whoever has more, searches."""

_BY_NAME: Final = (Key(name="name"), Key(name="code"), Key(name="is_active", kind=bool))

PROVIDER_KEYS: Final = _BY_NAME
REGION_KEYS: Final = _BY_NAME
ZONE_KEYS: Final = _BY_NAME
INSTANCE_TYPE_KEYS: Final = (
    *_BY_NAME,
    Key(name="gpu_count", kind=int),
    Key(name="vram_per_gpu_gb", kind=int),
    Key(name="cost_per_hour", kind=Decimal, missing=Decimal("Infinity")),
)
"""What searches may be sorted by; by name if nobody says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRow:
    """One region, as the search shows it."""

    id: RegionId
    provider_id: ProviderId
    provider_name: str
    provider_code: str
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRow:
    """One zone, as the list shows it."""

    id: UUID
    region_id: UUID
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneDetails:
    """One zone, as the search shows it."""

    id: ZoneId
    region_id: RegionId
    region_name: str
    region_code: str
    provider_id: ProviderId
    provider_name: str
    provider_code: str
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTypeRow:
    """One instance type, as the search shows it."""

    id: InstanceTypeId
    provider_id: ProviderId
    provider_name: str
    provider_code: str
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int
    cost_per_hour: Eur | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTypeZoneRow:
    """One zone in which a type is on sale."""

    instance_type_id: InstanceTypeId
    zone_id: ZoneId
    is_available: bool
    zone_name: str
    zone_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One price that a type has or had, and for how long."""

    instance_type_id: InstanceTypeId
    cost_per_hour: Eur | None
    valid_from: datetime
    valid_until: datetime | None
    """When the next price began; ``None`` for the one that holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSaleFilter:
    """Whose instance types to list in a zone; ``None`` means anybody's."""

    provider_id: ProviderId | None = None
    provider_code: str | None = None
    """In small letters: those of A to Z are the same as capitals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What to search for in the catalog; ``None`` means anything."""

    q: str | None = None
    """Somewhere in the name or the code, or in what is said of a provider."""
    is_active: bool | None = None
    provider_id: ProviderId | None = None
    region_id: RegionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeCatalog:
    """Everything in the catalog, at one moment."""

    providers: Sequence[Provider]
    regions: Sequence[Region]
    zones: Sequence[Zone]
    instance_types: Sequence[InstanceType]
    links: Sequence[InstanceTypeZone]
    withdrawn: frozenset[tuple[InstanceTypeId, ZoneId]]
    """Links that were removed by hand: a sync does not make them again."""
