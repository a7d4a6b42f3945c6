"""Changes of the catalog as a whole: what seeding, imports and syncs have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from inventiv_core.catalog.entities import (
    KINDS,
    Entry,
    InstanceType,
    InstanceTypeId,
    InstanceTypeZone,
    Provider,
    Region,
    Zone,
    ZoneId,
    values_of,
)
from inventiv_core.catalog.ports import CatalogRepository
from inventiv_core.catalog.views import WholeCatalog


class Action(StrEnum):
    """What has become of an entry."""

    CREATED = "created"
    UPDATED = "updated"
    ZONES_SET = "zones_set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry that is not what it was."""

    action: Action
    entry: str
    """Of what kind: provider, region, zone or instance_type."""
    code: str
    """Its code; after that of its provider, unless it is one."""
    before: Mapping[str, Any] = field(default_factory=dict[str, Any])
    after: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Revision:
    """The catalog while it is revised, entry by entry, and what was changed so far.

    Stores only what differs: to do the same again changes nothing.
    """

    def __init__(self, whole: WholeCatalog, catalog: CatalogRepository, *, at: datetime) -> None:
        """Take the catalog as it is; the work must have it for itself."""
        self._catalog = catalog
        self._at = at
        self._entries: dict[UUID, Entry] = {}
        self._names: dict[tuple[str, UUID | None, str], UUID] = {}
        entries: tuple[Entry, ...] = (
            *whole.providers, *whole.regions, *whole.zones, *whole.instance_types
        )  # fmt: skip
        for entry in entries:
            self._entries[entry.id] = entry
            self._names[_named(entry, entry.name)] = entry.id
        self.providers = {provider.code: provider for provider in whole.providers}
        self.regions = {(region.provider_id, region.code): region for region in whole.regions}
        self.zones = {(zone.provider_id, zone.code): zone for zone in whole.zones}
        self.kinds = {(kind.provider_id, kind.code): kind for kind in whole.instance_types}
        self.withdrawn = whole.withdrawn
        self._links: dict[InstanceTypeId, dict[ZoneId, bool]] = {}
        for link in whole.links:
            self.links_of(link.instance_type_id)[link.zone_id] = link.is_available
        self.changes: list[Change] = []

    def links_of(self, id: InstanceTypeId) -> dict[ZoneId, bool]:
        """Return in which zones a type is on sale, and whether there is any."""
        return self._links.setdefault(id, {})

    def free_name(self, entry: Entry) -> str | None:
        """Return the name of ``entry`` or, if its siblings have that, its code, or nothing."""
        for name in (entry.name, entry.code):
            if self._names.get(_named(entry, name), entry.id) == entry.id:
                return name
        return None

    async def put(self, entry: Entry) -> None:
        """Have ``entry`` in the catalog as it is given; raises like the repository."""
        known = self._entries.get(entry.id)
        if known == entry:
            return
        await self._store(entry, is_new=known is None)
        if known is not None:
            del self._names[_named(known, known.name)]
        self._entries[entry.id] = entry
        self._names[_named(entry, entry.name)] = entry.id
        was = {} if known is None else values_of(known)
        now = values_of(entry)
        changed = {name for name, value in now.items() if name not in was or was[name] != value}
        self.changes.append(
            Change(
                action=Action.CREATED if known is None else Action.UPDATED,
                entry=KINDS[type(entry)],
                code=self._code(entry),
                before={name: value for name, value in was.items() if name in changed},
                after={name: value for name, value in now.items() if name in changed},
            )
        )

    async def set_zones(self, kind: InstanceType, wanted: Mapping[ZoneId, bool]) -> None:
        """Have a type on sale in exactly these zones; the values tell whether there is any."""
        before = self.links_of(kind.id)
        if before == wanted:
            return
        await self._catalog.set_zones(kind.id, list(wanted))
        for zone_id, is_available in wanted.items():
            if not is_available:
                await self._link(kind, zone_id, is_available=False)
        self._links[kind.id] = dict(wanted)
        self._note_zones(kind, before)

    async def mark(self, kind: InstanceType, wanted: Mapping[ZoneId, bool]) -> None:
        """Have a type on sale in these zones, too; what is not named stays as it is."""
        before = dict(self.links_of(kind.id))
        for zone_id, is_available in wanted.items():
            if before.get(zone_id) != is_available:
                await self._link(kind, zone_id, is_available=is_available)
                self.links_of(kind.id)[zone_id] = is_available
        if before != self.links_of(kind.id):
            self._note_zones(kind, before)

    async def _link(self, kind: InstanceType, zone_id: ZoneId, *, is_available: bool) -> None:
        await self._catalog.put_on_sale(
            InstanceTypeZone(instance_type_id=kind.id, zone_id=zone_id, is_available=is_available)
        )

    async def _store(self, entry: Entry, *, is_new: bool) -> None:
        catalog = self._catalog
        match entry:
            case Provider():
                await (catalog.add_provider if is_new else catalog.save_provider)(entry)
                self.providers[entry.code] = entry
            case Region():
                await (catalog.add_region if is_new else catalog.save_region)(entry)
                self.regions[entry.provider_id, entry.code] = entry
            case Zone():
                await (catalog.add_zone if is_new else catalog.save_zone)(entry)
                self.zones[entry.provider_id, entry.code] = entry
            case InstanceType():
                store = catalog.add_instance_type if is_new else catalog.save_instance_type
                await store(entry, at=self._at)
                self.kinds[entry.provider_id, entry.code] = entry

    def _note_zones(self, kind: InstanceType, before: Mapping[ZoneId, bool]) -> None:
        change = Change(
            action=Action.ZONES_SET,
            entry=KINDS[InstanceType],
            code=self._code(kind),
            before=self._by_code(before),
            after=self._by_code(self.links_of(kind.id)),
        )
        self.changes.append(change)

    def _by_code(self, links: Mapping[ZoneId, bool]) -> dict[str, bool]:
        entries = self._entries
        return dict(sorted((entries[zone_id].code, some) for zone_id, some in links.items()))

    def _code(self, entry: Entry) -> str:
        if isinstance(entry, Provider):
            return entry.code
        return f"{self._entries[entry.provider_id].code}/{entry.code}"


def _named(entry: Entry, name: str) -> tuple[str, UUID | None, str]:
    """Return what only one entry can be: of its kind, in its place, with that name."""
    if isinstance(entry, Provider):
        return KINDS[Provider], None, name
    place = entry.region_id if isinstance(entry, Zone) else entry.provider_id
    return KINDS[type(entry)], place, name


def facts_of(changes: Sequence[Change]) -> dict[str, Any]:
    """Return changes for the books."""
    return {
        "changes": [
            {
                "action": change.action,
                "entry": change.entry,
                "code": change.code,
                "before": dict(change.before),
                "after": dict(change.after),
            }
            for change in changes
        ]
    }
