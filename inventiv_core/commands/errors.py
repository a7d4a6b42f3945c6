"""What can go wrong with commands."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.errors import Conflict, NotFound


@dataclass(eq=False, kw_only=True)
class CommandNotFound(NotFound):
    """There is no such command."""

    command_id: UUID


@dataclass(eq=False, kw_only=True)
class CommandLost(Conflict):
    """Somebody else has taken over the command."""

    command_id: UUID
