"""The catalog as a document, and what has changed of it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.catalog.use_cases.exchange import (
    CatalogDocument,
    InstanceTypeDocument,
    ProviderDocument,
    RegionDocument,
    ZoneDocument,
)
from inventiv_core.catalog.use_cases.revisions import Change
from inventiv_http.catalog.schemas.entries import amount, number


class ZoneEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A zone in a document."""

    code: str
    name: str | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class RegionEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region in a document."""

    code: str
    name: str | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    zones: list[ZoneEntry] = []


class InstanceTypeEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An instance type in a document."""

    code: str
    name: str | UnsetType = UNSET
    gpu_count: int | UnsetType = UNSET
    vram_per_gpu_gb: int | UnsetType = UNSET
    cpu_count: int | UnsetType = UNSET
    ram_gb: int | UnsetType = UNSET
    bandwidth_bps: int | UnsetType = UNSET
    cost_per_hour: float | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET
    allocation_params: dict[str, Any] | UnsetType = UNSET
    volume_cost_per_gb_month: float | UnsetType | None = UNSET
    zones: list[str] | UnsetType = UNSET
    """Codes of the zones in which it is on sale, and there is some."""
    sold_out_zones: list[str] | UnsetType = UNSET
    """Codes of the other zones in which it is on sale."""


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider in a document."""

    code: str
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET
    regions: list[RegionEntry] = []
    instance_types: list[InstanceTypeEntry] = []


_PARTS = frozenset({"code", "regions", "zones", "sold_out_zones", "instance_types"})


def _fields(entry: msgspec.Struct) -> dict[str, Any]:
    """Return what an entry says of itself."""
    said = {name: getattr(entry, name) for name in entry.__struct_fields__ if name not in _PARTS}
    for name in ("cost_per_hour", "volume_cost_per_gb_month"):
        if isinstance(price := said.get(name), int | float):
            said[name] = amount(float(price))
    return {name: value for name, value in said.items() if value is not UNSET}


class CatalogBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A catalog, or a part of one. Everything is named by its code."""

    providers: list[ProviderEntry]

    def document(self) -> CatalogDocument:
        """Return what the core understands."""
        return CatalogDocument(
            providers=[
                ProviderDocument(
                    code=provider.code,
                    fields=_fields(provider),
                    regions=[_region(region) for region in provider.regions],
                    instance_types=[_instance_type(kind) for kind in provider.instance_types],
                )
                for provider in self.providers
            ]
        )

    @classmethod
    def of(cls, document: CatalogDocument) -> Self:
        """Show a catalog."""
        return cls(
            providers=[
                ProviderEntry(
                    code=provider.code,
                    **provider.fields,
                    regions=[
                        RegionEntry(
                            code=region.code,
                            **region.fields,
                            zones=[
                                ZoneEntry(code=zone.code, **zone.fields) for zone in region.zones
                            ],
                        )
                        for region in provider.regions
                    ],
                    instance_types=[
                        InstanceTypeEntry(
                            code=kind.code,
                            **_shown(kind.fields),
                            zones=list(kind.zones or ()),
                            sold_out_zones=list(kind.sold_out_zones or ()) or UNSET,
                        )
                        for kind in provider.instance_types
                    ],
                )
                for provider in document.providers
            ]
        )


def _region(entry: RegionEntry) -> RegionDocument:
    return RegionDocument(
        code=entry.code,
        fields=_fields(entry),
        zones=[ZoneDocument(code=zone.code, fields=_fields(zone)) for zone in entry.zones],
    )


def _instance_type(entry: InstanceTypeEntry) -> InstanceTypeDocument:
    return InstanceTypeDocument(
        code=entry.code,
        fields=_fields(entry),
        zones=None if entry.zones is UNSET else entry.zones,
        sold_out_zones=None if entry.sold_out_zones is UNSET else entry.sold_out_zones,
    )


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they are on the wire: amounts are numbers."""
    return {
        name: number(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }


class ChangeBody(msgspec.Struct, frozen=True, kw_only=True):
    """One entry that is not what it was."""

    action: str
    """``created``, ``updated`` or ``zones_set``."""
    entry: str
    """``provider``, ``region``, ``zone`` or ``instance_type``."""
    code: str
    """Its code; after that of its provider, unless it is one."""
    before: dict[str, Any]
    after: dict[str, Any]

    @classmethod
    def of(cls, change: Change) -> Self:
        """Show a change."""
        return cls(
            action=change.action,
            entry=change.entry,
            code=change.code,
            before=_shown(change.before),
            after=_shown(change.after),
        )


class ImportedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an import has changed; nothing, if all was there already."""

    changes: list[ChangeBody]
