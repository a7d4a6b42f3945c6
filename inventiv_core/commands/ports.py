"""What commands need from the outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from inventiv_core.commands.entities import Command, CommandId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.instances.ports import LeaseRepository


class CommandRepository(Protocol):
    """All commands."""

    async def ask(self, command: Command) -> Command:
        """Store a new command and return it, unless one of its kind waits: then return that."""
        ...

    async def claim(self, *, now: datetime, until: datetime) -> Command | None:
        """Take the oldest command that nobody carries out, and that may begin.

        That is one that was begun by somebody who has fallen silent, or one that waits while
        none of its kind is under way. Any number may claim at once; each gets another.
        """
        ...

    async def renew(self, command: Command, *, now: datetime, until: datetime) -> None:
        """Keep a command for longer.

        Raises:
            CommandLost: The lease has run out, or somebody else has begun since.
        """
        ...

    async def conclude(self, ended: Command) -> None:
        """Store what came of a command.

        Raises:
            CommandLost: Somebody else has begun since, or it has ended.
        """
        ...

    async def forget(self, *, ended_before: datetime) -> int:
        """Drop what ended before; return how many that were."""
        ...


class CommandQueries(Protocol):
    """Commands as people look at them. Reads only, outside any unit of work."""

    async def list(self, *, limit: int) -> Sequence[Command]:
        """Return the newest first."""
        ...

    async def find(self, command_id: CommandId) -> Command | None:
        """Return one command."""
        ...


class CommandWork(ActWork, Protocol):
    """What one atomic piece of work on commands may touch."""

    @property
    def commands(self) -> CommandRepository: ...
    @property
    def leases(self) -> LeaseRepository: ...
