"""What the core needs from the outside to know what is on sale."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Price,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
)
from inventiv_core.catalog.views import (
    MAX_LIST_ROWS,
    EntryFilter,
    InstanceTypeRow,
    InstanceTypeZoneRow,
    OnSaleFilter,
    PriceRow,
    RegionRow,
    WholeCatalog,
    ZoneDetails,
    ZoneRow,
)
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.kernel.seeding import SeedRecord


class CatalogRepository(Protocol):
    """What is on sale, one thing at a time.

    Whatever is added or saved raises `NameTaken` or `CodeTaken` if another entry has its name
    or code in the same place, and `FieldInvalid` if the place does not exist. After that the
    work is good for nothing any more, and must be left.
    """

    async def take(self) -> None:
        """Be the only one to change the catalog, until the end of the work."""
        ...

    async def add_provider(self, provider: Provider) -> None:
        """Store a new provider."""
        ...

    async def add_region(self, region: Region) -> None:
        """Store a new region."""
        ...

    async def add_zone(self, zone: Zone) -> None:
        """Store a new zone."""
        ...

    async def add_instance_type(self, instance_type: InstanceType, *, at: datetime) -> None:
        """Store a new type, and that its price holds from then on."""
        ...

    async def save_provider(self, provider: Provider) -> None:
        """Replace what is stored of a provider."""
        ...

    async def save_region(self, region: Region) -> None:
        """Replace what is stored of a region.

        Raises:
            EntryInUse: It has zones, and they cannot go with it to another provider.
        """
        ...

    async def save_zone(self, zone: Zone) -> None:
        """Replace what is stored of a zone."""
        ...

    async def save_instance_type(self, instance_type: InstanceType, *, at: datetime) -> None:
        """Replace what is stored of a type; if its price is another one, it holds from then on.

        Prices follow each other: one never begins before the last, whatever the clocks say.
        """
        ...

    async def get_provider(self, id: ProviderId) -> Provider:
        """Return a provider, or raise `ProviderNotFound`."""
        ...

    async def get_region(self, id: RegionId) -> Region:
        """Return a region, or raise `RegionNotFound`."""
        ...

    async def get_zone(self, id: ZoneId) -> Zone:
        """Return a zone, or raise `ZoneNotFound`."""
        ...

    async def get_instance_type(self, id: InstanceTypeId) -> InstanceType:
        """Return a type, or raise `InstanceTypeNotFound`."""
        ...

    async def is_in_use(self, entry: Zone | InstanceType) -> bool:
        """Tell whether anything is on sale, or was rented, there, or of this type."""
        ...

    async def put_on_sale(self, link: InstanceTypeZone) -> None:
        """Store that a type is on sale in a zone."""
        ...

    async def set_zones(self, id: InstanceTypeId, zone_ids: Collection[ZoneId]) -> None:
        """Have a type on sale in exactly these zones, available in all.

        What is removed is remembered as withdrawn, until it is put on sale again.
        """
        ...

    async def find_zones(
        self, provider_id: ProviderId, zone_ids: Collection[ZoneId]
    ) -> Sequence[Zone]:
        """Return those of the zones that are the provider's, active or not, by code."""
        ...

    async def zones_of(self, id: InstanceTypeId) -> Sequence[Zone]:
        """Return the zones in which a type is on sale, by code."""
        ...

    async def everything(self) -> WholeCatalog:
        """Return the whole catalog, each list in the order of its codes."""
        ...

    async def find_provider(
        self, *, id: ProviderId | None = None, code: str | None = None
    ) -> Provider | None:
        """Return the provider with that id or, without an id, with that code, active or not.

        A code in capitals is found by small letters, too, if no other is exactly the same.
        """
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
    """The catalog as people look at it. Lists are by name, and hold what is active and what not."""

    async def providers(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[Provider]:
        """List providers."""
        ...

    async def regions(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[Region]:
        """List regions."""
        ...

    async def zones(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[ZoneRow]:
        """List zones."""
        ...

    async def instance_types(self, *, limit: int = MAX_LIST_ROWS) -> Sequence[InstanceType]:
        """List instance types."""
        ...

    async def on_sale(
        self, zone_id: ZoneId, where: OnSaleFilter, *, limit: int = MAX_LIST_ROWS
    ) -> Sequence[InstanceType]:
        """List what can be rented in a zone: active types of active providers, available there."""
        ...

    async def zones_of(
        self, id: InstanceTypeId, *, limit: int = MAX_LIST_ROWS
    ) -> Sequence[InstanceTypeZoneRow]:
        """List where a type is on sale, sold out or not, by the name of the zone."""
        ...

    async def search_providers(self, where: EntryFilter, window: Window) -> Rows[Provider]:
        """Search providers; they have no place to search in."""
        ...

    async def search_regions(self, where: EntryFilter, window: Window) -> Rows[RegionRow]:
        """Search regions."""
        ...

    async def search_zones(self, where: EntryFilter, window: Window) -> Rows[ZoneDetails]:
        """Search zones."""
        ...

    async def search_instance_types(
        self, where: EntryFilter, window: Window
    ) -> Rows[InstanceTypeRow]:
        """Search instance types; they are in no region."""
        ...


class PriceQueries(Protocol):
    """What instance types cost, and what they have cost."""

    async def at(self, id: InstanceTypeId, instant: datetime) -> Price | None:
        """Return the price that held then; ``None`` if the type was not known yet."""
        ...

    async def between(
        self, start: datetime, end: datetime, *, id: InstanceTypeId | None = None
    ) -> Sequence[Price]:
        """Return every price that held at any time from ``start`` until before ``end``.

        By type and time, in one statement; the first of a type may have begun before ``start``.
        """
        ...

    async def history(self, id: InstanceTypeId, *, limit: int) -> Sequence[PriceRow]:
        """List the prices of a type, newest first. Every type has at least one."""
        ...


class CatalogWork(ActWork, Protocol):
    """What one atomic piece of catalog work may touch."""

    @property
    def catalog(self) -> CatalogRepository: ...
    @property
    def seeded(self) -> SeedRecord: ...
