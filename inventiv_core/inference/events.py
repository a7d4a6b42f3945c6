"""What happens to limits: whoever remembers them, look again."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsChanged(DomainEvent):
    """How much may be used is not what it was."""

    limit_id: UUID
