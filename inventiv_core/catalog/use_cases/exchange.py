"""The catalog as a document: what goes out comes in again, here or elsewhere."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from inventiv_core.catalog.entities import (
    CatalogAct,
    Entry,
    InstanceType,
    InstanceTypeId,
    Provider,
    ProviderId,
    Region,
    RegionId,
    Zone,
    ZoneId,
    tidy,
    values_of,
)
from inventiv_core.catalog.errors import FieldInvalid, ImportRefused, Taken
from inventiv_core.catalog.ports import CatalogWork
from inventiv_core.catalog.use_cases.acts import enter_many
from inventiv_core.catalog.use_cases.revisions import Change, Revision, facts_of
from inventiv_core.catalog.views import WholeCatalog
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork

Given = TypeVar("Given", Provider, Region, Zone, InstanceType)

_DEFAULTS: Final[Mapping[type[Entry], Mapping[str, Any]]] = {
    Provider: {"description": None, "is_active": True},
    Region: {"is_active": True},
    Zone: {"is_active": True},
    InstanceType: {
        "cpu_count": 0,
        "ram_gb": 0,
        "bandwidth_bps": 0,
        "cost_per_hour": None,
        "is_active": True,
        "allocation_params": {},
        "volume_cost_per_gb_month": None,
    },
}
"""What new entries have if the document does not say."""

_NEEDED: Final = ("gpu_count", "vram_per_gpu_gb")
"""What the document has to say of a new instance type."""

_IDS: Final = frozenset({"provider_id", "region_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneDocument:
    """A zone by its code, and what is said of it."""

    code: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionDocument:
    """A region by its code, what is said of it, and some of its zones."""

    code: str
    fields: Mapping[str, Any]
    zones: Sequence[ZoneDocument] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTypeDocument:
    """An instance type by its code, what is said of it, and where it is on sale."""

    code: str
    fields: Mapping[str, Any]
    zones: Sequence[str] | None = None
    """The codes of all zones that have some; ``None`` if nothing is said of zones."""
    sold_out_zones: Sequence[str] | None = None
    """The codes of all other zones in which it is on sale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDocument:
    """A provider by its code, what is said of it, and some of what it has."""

    code: str
    fields: Mapping[str, Any]
    regions: Sequence[RegionDocument] = ()
    instance_types: Sequence[InstanceTypeDocument] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogDocument:
    """A catalog, or a part of one."""

    providers: Sequence[ProviderDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCatalog:
    """Write the whole catalog into a document."""

    unit_of_work: UnitOfWork[CatalogWork]

    async def __call__(self, *, actor: Actor) -> CatalogDocument:
        """Return everything, by code, as it is at one moment."""
        actor.must(Permission.MANAGE_CATALOG)
        async with self.unit_of_work() as work:
            await work.catalog.take()
            whole = await work.catalog.everything()
        return CatalogDocument(
            providers=[_document(provider, whole) for provider in whole.providers]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCatalog:
    """Have in the catalog what a document says. What it does not name stays as it is."""

    unit_of_work: UnitOfWork[CatalogWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, document: CatalogDocument, *, actor: Actor) -> Sequence[Change]:
        """Change all that differs, at once, and return what did; or change nothing.

        Raises:
            ImportRefused: There is a mistake in the document; the error has its place.
        """
        actor.must(Permission.MANAGE_CATALOG)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            await work.catalog.take()
            revision = Revision(await work.catalog.everything(), work.catalog, at=now)
            reading = _Import(revision=revision, new_id=self.new_id)
            await reading.providers(document.providers)
            if revision.changes:
                await enter_many(
                    CatalogAct.CATALOG_IMPORTED,
                    facts_of(revision.changes),
                    id=self.new_id(),
                    actor=actor,
                    at=now,
                    work=work,
                )
        return revision.changes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One reading of a document, with the place that is read."""

    revision: Revision
    new_id: NewId

    async def providers(self, documents: Sequence[ProviderDocument]) -> None:
        seen: set[str] = set()
        for number, document in enumerate(documents):
            place = f"providers[{number}]"
            code = _once(document.code, seen, place)
            known = self.revision.providers.get(code)
            new = {"id": ProviderId(self.new_id())}
            provider = await self._put(Provider, known, new, code, document.fields, place)
            await self._regions(provider, document.regions, place)
            await self._types(provider, document.instance_types, place)

    async def _regions(
        self, provider: Provider, documents: Sequence[RegionDocument], within: str
    ) -> None:
        seen: set[str] = set()
        zones_seen: set[str] = set()
        for number, document in enumerate(documents):
            place = f"{within}.regions[{number}]"
            code = _once(document.code, seen, place)
            known = self.revision.regions.get((provider.id, code))
            new = {"id": RegionId(self.new_id()), "provider_id": provider.id}
            region = await self._put(Region, known, new, code, document.fields, place)
            for index, zone in enumerate(document.zones):
                await self._zone(region, zone, zones_seen, f"{place}.zones[{index}]")

    async def _zone(
        self, region: Region, document: ZoneDocument, seen: set[str], place: str
    ) -> None:
        code = _once(document.code, seen, place)
        known = self.revision.zones.get((region.provider_id, code))
        new = {"id": ZoneId(self.new_id()), "provider_id": region.provider_id}
        fields = {**document.fields, "region_id": region.id}
        await self._put(Zone, known, new, code, fields, place)

    async def _types(
        self, provider: Provider, documents: Sequence[InstanceTypeDocument], within: str
    ) -> None:
        seen: set[str] = set()
        for number, document in enumerate(documents):
            place = f"{within}.instance_types[{number}]"
            code = _once(document.code, seen, place)
            known = self.revision.kinds.get((provider.id, code))
            if known is None:
                for name in _NEEDED:
                    if name not in document.fields:
                        problem = "A new instance type needs it."
                        raise ImportRefused(place=f"{place}.{name}", problem=problem)
            new = {"id": InstanceTypeId(self.new_id()), "provider_id": provider.id}
            kind = await self._put(InstanceType, known, new, code, document.fields, place)
            if document.zones is not None or document.sold_out_zones is not None:
                on_sale = self._zones(provider, document.zones or (), f"{place}.zones")
                sold_out = self._zones(
                    provider, document.sold_out_zones or (), f"{place}.sold_out_zones"
                )
                wanted = dict.fromkeys(on_sale, True) | dict.fromkeys(sold_out, False)
                await self.revision.set_zones(kind, wanted)

    def _zones(self, provider: Provider, codes: Sequence[str], place: str) -> list[ZoneId]:
        ids: list[ZoneId] = []
        for number, code in enumerate(codes):
            zone = self.revision.zones.get((provider.id, code.strip()))
            if zone is None:
                problem = f"The provider {provider.code} has no zone {code}."
                raise ImportRefused(place=f"{place}[{number}]", problem=problem)
            ids.append(zone.id)
        return ids

    async def _put(
        self,
        kind: type[Given],
        known: Given | None,
        new: Mapping[str, Any],
        code: str,
        said: Mapping[str, Any],
        place: str,
    ) -> Given:
        """Have an entry as it is said to be; ``new`` is what the document cannot say."""
        with _mistakes(place):
            fields = tidy({**said, "code": code})
            if known is None:
                everything: dict[str, Any] = {"name": code, **_DEFAULTS[kind], **fields, **new}
                entry = kind(**everything)
            else:
                entry = replace(known, **fields)
            await self.revision.put(entry)
        return entry


@contextmanager
def _mistakes(place: str) -> Generator[None]:
    """Say where a mistake is."""
    try:
        yield
    except FieldInvalid as error:
        raise ImportRefused(place=f"{place}.{error.field}", problem=error.problem) from error
    except Taken as error:
        problem = f"Another {error.entry} has this {error.field} there."
        raise ImportRefused(place=f"{place}.{error.field}", problem=problem) from error


def _once(code: str, seen: set[str], place: str) -> str:
    """Return a code that was not seen before among its siblings."""
    code = code.strip()
    if code in seen:
        raise ImportRefused(place=f"{place}.code", problem=f"{code} is there twice.")
    seen.add(code)
    return code


def _said(entry: Entry) -> dict[str, Any]:
    """Return what a document says of an entry, beside its code and its place."""
    return {name: value for name, value in values_of(entry).items() if name not in {"code", *_IDS}}


def _document(provider: Provider, whole: WholeCatalog) -> ProviderDocument:
    codes = {zone.id: zone.code for zone in whole.zones}
    links: dict[InstanceTypeId, list[tuple[str, bool]]] = {}
    for link in whole.links:
        links.setdefault(link.instance_type_id, []).append((codes[link.zone_id], link.is_available))
    return ProviderDocument(
        code=provider.code,
        fields=_said(provider),
        regions=[
            RegionDocument(
                code=region.code,
                fields=_said(region),
                zones=[
                    ZoneDocument(code=zone.code, fields=_said(zone))
                    for zone in whole.zones
                    if zone.region_id == region.id
                ],
            )
            for region in whole.regions
            if region.provider_id == provider.id
        ],
        instance_types=[
            InstanceTypeDocument(
                code=kind.code,
                fields=_said(kind),
                zones=sorted(code for code, some in links.get(kind.id, ()) if some),
                sold_out_zones=sorted(code for code, some in links.get(kind.id, ()) if not some),
            )
            for kind in whole.instance_types
            if kind.provider_id == provider.id
        ],
    )
