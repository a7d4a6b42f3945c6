"""Entries of the catalog, one at a time. In updates, what is absent stays as it is."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeChanges,
    ProviderChanges,
    ProviderId,
    RegionChanges,
    RegionId,
    Zone,
    ZoneChanges,
)
from inventiv_core.catalog.use_cases.instance_types import WantedInstanceType
from inventiv_core.catalog.use_cases.providers import WantedProvider
from inventiv_core.catalog.use_cases.regions import WantedRegion
from inventiv_core.catalog.use_cases.zones import WantedZone
from inventiv_core.catalog.views import InstanceTypeRow, PriceRow, ZoneRow
from inventiv_core.kernel.money import Eur


def number(amount: Eur | None) -> float | None:
    """Return an amount as it is on the wire."""
    return None if amount is None else float(amount)


def amount(number: float | None) -> Eur | None:
    """Return exactly the amount that somebody has written."""
    return None if number is None else Decimal(repr(number))


def given(update: msgspec.Struct, *nullable: str) -> dict[str, Any]:
    """Return what an update says; null says something only of what is ``nullable``."""
    said = {name: getattr(update, name) for name in update.__struct_fields__}
    return {
        name: value
        for name, value in said.items()
        if value is not UNSET and (value is not None or name in nullable)
    }


class NewProvider(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /providers``."""

    name: str
    code: str
    description: str | None = None
    is_active: bool | None = None

    def wanted(self) -> WantedProvider:
        """Return what the core understands."""
        return WantedProvider(
            name=self.name,
            code=self.code,
            description=self.description,
            is_active=self.is_active is not False,
        )


class ProviderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /providers/{id}``; a description can be cleared with null."""

    name: str | UnsetType | None = UNSET
    code: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    is_active: bool | UnsetType | None = UNSET

    def changes(self) -> ProviderChanges:
        """Return what the core understands."""
        return cast("ProviderChanges", given(self, "description"))


class NewRegion(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /regions``."""

    provider_id: UUID
    name: str
    code: str
    is_active: bool | None = None

    def wanted(self) -> WantedRegion:
        """Return what the core understands."""
        return WantedRegion(
            provider_id=ProviderId(self.provider_id),
            name=self.name,
            code=self.code,
            is_active=self.is_active is not False,
        )


class RegionUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /regions/{id}``."""

    provider_id: UUID | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    code: str | UnsetType | None = UNSET
    is_active: bool | UnsetType | None = UNSET

    def changes(self) -> RegionChanges:
        """Return what the core understands."""
        return cast("RegionChanges", given(self))


class NewZone(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /zones``."""

    region_id: UUID
    name: str
    code: str
    is_active: bool | None = None

    def wanted(self) -> WantedZone:
        """Return what the core understands."""
        return WantedZone(
            region_id=RegionId(self.region_id),
            name=self.name,
            code=self.code,
            is_active=self.is_active is not False,
        )


class ZoneUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /zones/{id}``."""

    region_id: UUID | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    code: str | UnsetType | None = UNSET
    is_active: bool | UnsetType | None = UNSET

    def changes(self) -> ZoneChanges:
        """Return what the core understands."""
        return cast("ZoneChanges", given(self))


class NewInstanceType(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /instance_types``."""

    provider_id: UUID
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cpu_count: int | None = None
    ram_gb: int | None = None
    bandwidth_bps: int | None = None
    cost_per_hour: float | None = None
    is_active: bool | None = None
    allocation_params: dict[str, Any] | None = None
    volume_cost_per_gb_month: float | None = None

    def wanted(self) -> WantedInstanceType:
        """Return what the core understands."""
        return WantedInstanceType(
            provider_id=ProviderId(self.provider_id),
            name=self.name,
            code=self.code,
            gpu_count=self.gpu_count,
            vram_per_gpu_gb=self.vram_per_gpu_gb,
            cpu_count=self.cpu_count or 0,
            ram_gb=self.ram_gb or 0,
            bandwidth_bps=self.bandwidth_bps or 0,
            cost_per_hour=amount(self.cost_per_hour),
            is_active=self.is_active is not False,
            allocation_params=self.allocation_params or {},
            volume_cost_per_gb_month=amount(self.volume_cost_per_gb_month),
        )


class InstanceTypeUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /instance_types/{id}``; a price can be cleared with null."""

    provider_id: UUID | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    code: str | UnsetType | None = UNSET
    gpu_count: int | UnsetType | None = UNSET
    vram_per_gpu_gb: int | UnsetType | None = UNSET
    cpu_count: int | UnsetType | None = UNSET
    ram_gb: int | UnsetType | None = UNSET
    bandwidth_bps: int | UnsetType | None = UNSET
    cost_per_hour: float | UnsetType | None = UNSET
    is_active: bool | UnsetType | None = UNSET
    allocation_params: dict[str, Any] | UnsetType | None = UNSET
    volume_cost_per_gb_month: float | UnsetType | None = UNSET

    def changes(self) -> InstanceTypeChanges:
        """Return what the core understands."""
        prices = ("cost_per_hour", "volume_cost_per_gb_month")
        said = given(self, *prices)
        said |= {name: amount(said[name]) for name in prices if name in said}
        return cast("InstanceTypeChanges", said)


class ZoneChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``PUT /instance_types/{id}/zones``: all of them."""

    zone_ids: list[UUID]


class ZoneBody(msgspec.Struct, frozen=True, kw_only=True):
    """A zone."""

    id: UUID
    region_id: UUID
    name: str
    code: str
    is_active: bool

    @classmethod
    def of(cls, zone: Zone | ZoneRow) -> Self:
        """Show a zone."""
        return cls(
            id=zone.id,
            region_id=zone.region_id,
            name=zone.name,
            code=zone.code,
            is_active=zone.is_active,
        )


class InstanceTypeBody(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of machine."""

    id: UUID
    provider_id: UUID
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    is_active: bool
    cost_per_hour: float | None
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int
    volume_cost_per_gb_month: float | None

    @classmethod
    def of(cls, kind: InstanceType) -> Self:
        """Show an instance type."""
        return cls(
            id=kind.id,
            provider_id=kind.provider_id,
            name=kind.name,
            code=kind.code,
            gpu_count=kind.gpu_count,
            vram_per_gpu_gb=kind.vram_per_gpu_gb,
            is_active=kind.is_active,
            cost_per_hour=number(kind.cost_per_hour),
            cpu_count=kind.cpu_count,
            ram_gb=kind.ram_gb,
            bandwidth_bps=kind.bandwidth_bps,
            volume_cost_per_gb_month=number(kind.volume_cost_per_gb_month),
        )


class InstanceTypeSearchBody(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of machine, and whose it is."""

    id: UUID
    provider_id: UUID
    provider_name: str
    provider_code: str
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    is_active: bool
    cost_per_hour: float | None
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int

    @classmethod
    def of(cls, row: InstanceTypeRow) -> Self:
        """Show a row."""
        return cls(
            id=row.id,
            provider_id=row.provider_id,
            provider_name=row.provider_name,
            provider_code=row.provider_code,
            name=row.name,
            code=row.code,
            gpu_count=row.gpu_count,
            vram_per_gpu_gb=row.vram_per_gpu_gb,
            is_active=row.is_active,
            cost_per_hour=number(row.cost_per_hour),
            cpu_count=row.cpu_count,
            ram_gb=row.ram_gb,
            bandwidth_bps=row.bandwidth_bps,
        )


class PriceBody(msgspec.Struct, frozen=True, kw_only=True):
    """A price that a type has or had, and for how long."""

    cost_per_hour: float | None
    valid_from: datetime
    valid_until: datetime | None
    """When the next price began; null for the one that holds."""

    @classmethod
    def of(cls, row: PriceRow) -> Self:
        """Show a price."""
        return cls(
            cost_per_hour=number(row.cost_per_hour),
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
