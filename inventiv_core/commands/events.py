"""What happens to commands."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTriggered(DomainEvent):
    """There is a command to carry out."""

    command_id: UUID
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandHandedOver(DomainEvent):
    """Others are to carry a command out."""

    command_id: UUID
    kind: str
