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


@dataclass(eq=False, kw_only=True)
class _Taken(Conflict):
    """Another entry has this already."""

    entry: str
    """Of what kind: provider, region, zone or instance type."""
    field: str


@dataclass(eq=False, kw_only=True)
class NameTaken(_Taken):
    """Another entry of this kind has this name there."""

    code: ClassVar[str] = "name_already_exists"


@dataclass(eq=False, kw_only=True)
class CodeTaken(_Taken):
    """Another entry of this kind has this code there."""

    code: ClassVar[str] = "code_already_exists"


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
class ZonesInvalid(Invalid):
    """An instance type can be on sale only in zones of its own provider, and these are not."""

    zone_ids: tuple[UUID, ...]


@dataclass(eq=False, kw_only=True)
class ImportRefused(Invalid):
    """The catalog cannot be imported, and nothing was changed."""

    place: str
    """Where the mistake is, such as ``providers[0].instance_types[3].gpu_count``."""
    problem: str
