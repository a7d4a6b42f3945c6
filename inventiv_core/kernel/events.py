"""Domain events, and the outbox that carries them out of a transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """A fact, named in the past tense. Never changed once published."""

    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantEvent(DomainEvent):
    """A fact that belongs to one organization, or, without one, to the platform."""

    organization_id: UUID | None


class Outbox(Protocol):
    """Events leave with the commit, or not at all; they are relayed at least once."""

    async def add(self, event: DomainEvent) -> None:
        """Publish ``event`` if, and only if, the unit of work commits."""
        ...
