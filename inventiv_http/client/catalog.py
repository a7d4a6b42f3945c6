"""What providers rent out, and the catalog as a document."""

from typing import Any, Final, TypedDict

from inventiv_http.client.calls import Call, call
from inventiv_http.client.reading import Json

CATALOG_S: Final = 90.0
"""A large document takes a while, and so do providers."""


class Provider(TypedDict):
    """Someone who rents machines out."""

    id: str
    name: str
    code: str
    is_active: bool


class Region(TypedDict):
    """Where a provider is."""

    id: str
    provider_id: str
    is_active: bool


class Zone(TypedDict):
    """A place in a region."""

    id: str
    region_id: str
    code: str
    is_active: bool


class InstanceType(TypedDict):
    """A kind of machine; the price is in EUR per hour."""

    id: str
    provider_id: str
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    cpu_count: int
    ram_gb: int
    is_active: bool
    cost_per_hour: float | None


class CatalogChange(TypedDict):
    """One entry of the catalog that is not what it was."""

    action: str
    entry: str
    code: str
    after: Json


class CatalogImported(TypedDict):
    """What an import has changed."""

    changes: list[CatalogChange]


class SyncedProvider(TypedDict):
    """What a sync has changed of one provider."""

    provider_code: str
    result: str
    changes: list[CatalogChange]


class CatalogSynced(TypedDict):
    """What a sync has changed."""

    message: str
    providers: list[SyncedProvider]


class Catalog:
    """What can be rented, where, and at what price."""

    @call
    def providers(self) -> Call[list[Provider]]:
        """List providers, active or not."""
        return Call(path="/providers", answer=list[Provider])

    @call
    def regions(self) -> Call[list[Region]]:
        """List regions, active or not."""
        return Call(path="/regions", answer=list[Region])

    @call
    def zones(self) -> Call[list[Zone]]:
        """List zones, active or not."""
        return Call(path="/zones", answer=list[Zone])

    @call
    def instance_types(self) -> Call[list[InstanceType]]:
        """List instance types, active or not."""
        return Call(path="/instance_types", answer=list[InstanceType])

    @call
    def instance_types_in(self, zone_id: str) -> Call[list[InstanceType]]:
        """List the instance types that can be rented in a zone."""
        return Call(
            path="/zones/{zone_id}/instance_types",
            ids={"zone_id": zone_id},
            answer=list[InstanceType],
        )

    @call
    def export_catalog(self) -> Call[Json]:
        """Return the whole catalog as a document."""
        return Call(path="/catalog/export", answer=dict[str, Any], within_s=CATALOG_S)

    @call
    def import_catalog(self, catalog: Json) -> Call[CatalogImported]:
        """Have in the catalog what a document says; the same again changes nothing."""
        return Call(
            method="POST",
            path="/catalog/import",
            body=catalog,
            answer=CatalogImported,
            within_s=CATALOG_S,
        )
