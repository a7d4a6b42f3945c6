"""The catalog as people look at it."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.catalog.entities import ProviderId


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRow:
    """One zone, as the list shows it."""

    id: UUID
    region_id: UUID
    name: str
    code: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSaleFilter:
    """Whose instance types to list in a zone; ``None`` means anybody's."""

    provider_id: ProviderId | None = None
    provider_code: str | None = None
