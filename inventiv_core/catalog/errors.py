"""What can go wrong with the catalog."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from inventiv_core.kernel.errors import Conflict, Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class FieldInvalid(Invalid):
    """A field has a value that it cannot have."""

    field: str
    """Its name in the request."""
    problem: str


def no_provider() -> FieldInvalid:
    """Return what is wrong with a provider that nobody knows."""
    return FieldInvalid(field="provider_id", problem="There is no such provider.")


def no_region() -> FieldInvalid:
    """Return what is wrong with a region that nobody knows."""
    return FieldInvalid(field="region_id", problem="There is no such region.")


@dataclass(eq=False, kw_only=True)
class Taken(Conflict):
    """Another entry has this already."""

    entry: str
    """Of what kind: provider, region, zone or instance_type."""
    field: str


class NameTaken(Taken):
    """Another entry of this kind has this name there."""

    code: ClassVar[str] = "name_already_exists"


class CodeTaken(Taken):
    """Another entry of this kind has this code there."""

    code: ClassVar[str] = "code_already_exists"


@dataclass(eq=False, kw_only=True)
class EntryInUse(Conflict):
    """The entry cannot move elsewhere: others depend on where it is."""

    entry: str
    field: str


@dataclass(eq=False, kw_only=True)
class EntryNotFound(NotFound):
    """The catalog has no such entry."""

    id: UUID


class ProviderNotFound(EntryNotFound):
    """There is no such provider."""


class RegionNotFound(EntryNotFound):
    """There is no such region."""


class ZoneNotFound(EntryNotFound):
    """There is no such zone."""


class InstanceTypeNotFound(EntryNotFound):
    """There is no such instance type."""


@dataclass(eq=False, kw_only=True)
class ZoneNotOfProvider(Invalid):
    """An instance type can be on sale only in zones of its own provider."""

    zone_id: UUID


@dataclass(eq=False, kw_only=True)
class ImportRefused(Invalid):
    """The catalog cannot be imported, and nothing was changed."""

    place: str
    """Where the mistake is, such as ``providers[0].instance_types[3].gpu_count``."""
    problem: str
