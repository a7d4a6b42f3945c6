"""What the core needs from the outside to know what is on sale."""

from collections.abc import Sequence
from typing import Protocol

from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeZone,
    Provider,
    ProviderId,
    Region,
    Zone,
    ZoneId,
)
from inventiv_core.catalog.views import OnSaleFilter, ZoneRow


class CatalogRepository(Protocol):
    """What is on sale, one thing at a time."""

    async def add_provider(self, provider: Provider) -> bool:
        """Store a provider unless one of that code is there; tell whether it was stored."""
        ...

    async def add_region(self, region: Region) -> bool:
        """Store a region unless its provider has one of that code; tell whether it was stored."""
        ...

    async def add_zone(self, zone: Zone) -> bool:
        """Store a zone unless its provider has one of that code; tell whether it was stored."""
        ...

    async def add_instance_type(self, instance_type: InstanceType) -> bool:
        """Store a type unless its provider has one of that code; tell whether it was stored."""
        ...

    async def put_on_sale(self, link: InstanceTypeZone) -> None:
        """Store that a type is on sale in a zone."""
        ...

    async def find_provider(
        self, *, id: ProviderId | None = None, code: str | None = None
    ) -> Provider | None:
        """Return the provider with that id or, without an id, with that code, active or not."""
        ...

    async def find_zone(self, provider_id: ProviderId, code: str) -> Zone | None:
        """Return the provider's zone of that code, if both it and its region are active."""
        ...

    async def find_on_sale(
        self, provider_id: ProviderId, zone_id: ZoneId, code: str
    ) -> InstanceType | None:
        """Return the provider's active instance type of that code, if on sale in that zone."""
        ...


class CatalogQueries(Protocol):
    """The catalog as people look at it: everything by name, active or not."""

    async def providers(self) -> Sequence[Provider]:
        """List all providers."""
        ...

    async def regions(self) -> Sequence[Region]:
        """List all regions."""
        ...

    async def zones(self) -> Sequence[ZoneRow]:
        """List all zones."""
        ...

    async def instance_types(self) -> Sequence[InstanceType]:
        """List all instance types."""
        ...

    async def on_sale(self, zone_id: ZoneId, where: OnSaleFilter) -> Sequence[InstanceType]:
        """List what can be rented in a zone: active types of active providers, available there."""
        ...


class CatalogWork(Protocol):
    """What one atomic piece of catalog work may touch."""

    @property
    def catalog(self) -> CatalogRepository: ...
