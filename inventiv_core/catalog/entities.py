"""Providers, their regions and zones, and the machines they rent out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Final, NewType, TypeAlias, TypedDict, cast
from uuid import UUID

from inventiv_core.catalog.errors import FieldInvalid
from inventiv_core.kernel.money import Eur

ProviderId = NewType("ProviderId", UUID)
RegionId = NewType("RegionId", UUID)
ZoneId = NewType("ZoneId", UUID)
InstanceTypeId = NewType("InstanceTypeId", UUID)

MOCK = "mock"
"""The code of the provider whose machines are simulated."""

_MOST_LETTERS: Final = {"name": 50, "code": 50, "description": 2000}
_MOST: Final = {
    "gpu_count": 2**31 - 1,
    "vram_per_gpu_gb": 2**31 - 1,
    "cpu_count": 2**31 - 1,
    "ram_gb": 2**31 - 1,
    "bandwidth_bps": 2**63 - 1,
}
_PRICE_STEP: Final = Decimal("0.0001")
_MOST_EUR: Final = Decimal(1_000_000)


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
    """What else renting such a machine takes, such as volumes and images."""
    volume_cost_per_gb_month: Eur | None = None
    """Euros for a decimal gigabyte of its data volume; ``None`` when nobody has said, or when
    the volume comes with the machine."""

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
    """Whether there is any; what is sold out stays on sale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an instance type costs from an instant on, until its next price."""

    instance_type_id: InstanceTypeId
    cost_per_hour: Eur | None
    """Euros per hour; ``None`` while nobody has said."""
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Prices:
    """All the prices of one type, oldest first."""

    known: tuple[Price, ...] = ()

    def then(self, kind: InstanceType, at: datetime) -> "Prices":
        """Return these with the price of ``kind``, if it is another one than the last."""
        if not self.known:
            return Prices((_priced(kind, at),))
        last = self.known[-1]
        if last.cost_per_hour == kind.cost_per_hour:
            return self
        if at > last.valid_from:
            return Prices((*self.known, _priced(kind, at)))
        return Prices((*self.known[:-1], _priced(kind, last.valid_from)))


def _priced(kind: InstanceType, at: datetime) -> Price:
    return Price(instance_type_id=kind.id, cost_per_hour=kind.cost_per_hour, valid_from=at)


Entry: TypeAlias = Provider | Region | Zone | InstanceType
"""Something in the catalog that has a name and a code."""


class ProviderChanges(TypedDict, total=False):
    """Fields of a provider that change; the others stay."""

    name: str
    code: str
    description: str | None
    is_active: bool


class RegionChanges(TypedDict, total=False):
    """Fields of a region that change; the others stay."""

    provider_id: ProviderId
    name: str
    code: str
    is_active: bool


class ZoneChanges(TypedDict, total=False):
    """Fields of a zone that change; the others stay."""

    region_id: RegionId
    name: str
    code: str
    is_active: bool


class InstanceTypeChanges(TypedDict, total=False):
    """Fields of an instance type that change; the others stay."""

    provider_id: ProviderId
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int
    cost_per_hour: Eur | None
    is_active: bool
    allocation_params: Mapping[str, Any]
    volume_cost_per_gb_month: Eur | None


class CatalogAct(StrEnum):
    """What people do to the catalog."""

    PROVIDER_CREATED = "PROVIDER_CREATED"
    PROVIDER_UPDATED = "PROVIDER_UPDATED"
    REGION_CREATED = "REGION_CREATED"
    REGION_UPDATED = "REGION_UPDATED"
    ZONE_CREATED = "ZONE_CREATED"
    ZONE_UPDATED = "ZONE_UPDATED"
    INSTANCE_TYPE_CREATED = "INSTANCE_TYPE_CREATED"
    INSTANCE_TYPE_UPDATED = "INSTANCE_TYPE_UPDATED"
    INSTANCE_TYPE_ZONES_SET = "INSTANCE_TYPE_ZONES_SET"
    CATALOG_SEEDED = "CATALOG_SEEDED"
    CATALOG_IMPORTED = "CATALOG_IMPORTED"
    CATALOG_SYNCED = "CATALOG_SYNCED"


KINDS: Final[Mapping[type[Entry], str]] = {
    Provider: "provider",
    Region: "region",
    Zone: "zone",
    InstanceType: "instance_type",
}
"""How entries are called in answers and in the books."""


def tidy(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as they are kept: names without blanks around, prices to 0.0001 EUR.

    Raises:
        FieldInvalid: A field has a value that it cannot have.
    """
    kept: dict[str, Any] = {}
    for name, value in changes.items():
        if isinstance(value, str):
            kept[name] = _text(name, value)
        elif isinstance(value, Decimal):
            kept[name] = _price(name, value)
        elif isinstance(value, Mapping):
            kept[name] = _document(name, cast("Mapping[str, Any]", value))
        elif name in _MOST:
            kept[name] = _number(name, value)
        else:
            kept[name] = value
    return kept


def values_of(entry: Entry, names: Collection[str] | None = None) -> dict[str, Any]:
    """Return what an entry says, beside its id; with ``names``, only these fields of it."""
    known = (field.name for field in fields(entry) if field.name != "id")
    return {name: getattr(entry, name) for name in known if names is None or name in names}


def _text(name: str, value: str) -> str:
    text = value.strip()
    most = _MOST_LETTERS[name]
    if not text and name != "description":
        raise FieldInvalid(field=name, problem="It must not be blank.")
    if len(text) > most:
        raise FieldInvalid(field=name, problem=f"It must have at most {most} characters.")
    if "\0" in text:
        raise FieldInvalid(field=name, problem="It must not hold a NUL character.")
    return text


def _number(name: str, value: int) -> int:
    if not 0 <= value <= _MOST[name]:
        raise FieldInvalid(field=name, problem=f"It must be from 0 to {_MOST[name]}.")
    return value


def _price(name: str, value: Decimal) -> Decimal:
    if not value.is_finite() or not 0 <= value < _MOST_EUR:
        raise FieldInvalid(field=name, problem=f"It must be from 0 to less than {_MOST_EUR}.")
    price = value.quantize(_PRICE_STEP, rounding=ROUND_HALF_UP)
    if price >= _MOST_EUR:
        raise FieldInvalid(field=name, problem=f"It must be from 0 to less than {_MOST_EUR}.")
    return price


def _document(name: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    if _has_nul(value):
        raise FieldInvalid(field=name, problem="It must not hold a NUL character.")
    return value


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return any("\0" in name or _has_nul(inner) for name, inner in items)
    if isinstance(value, Sequence):
        return any(map(_has_nul, cast("Sequence[object]", value)))
    return False
