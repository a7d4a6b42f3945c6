"""What happens to models and offerings: whoever remembers them, look again."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsChanged(DomainEvent):
    """Who may use an offering, or at what price, is not what it was."""

    offering_id: UUID
