"""Commands, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.commands.entities import Command, CommandId, CommandState
from inventiv_core.commands.errors import CommandLost
from inventiv_core.commands.ports import CommandQueries, CommandRepository


class MemoryCommands(CommandRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(Command)

    async def ask(self, command: Command) -> Command:
        for known in self._table.values():
            if known.kind is command.kind and known.state is CommandState.WAITING:
                return known
        self._table[command.id] = command
        return command

    async def claim(self, *, now: datetime, until: datetime) -> Command | None:
        running = {
            command.kind
            for command in self._table.values()
            if command.state is CommandState.RUNNING
        }
        due = [
            command
            for command in self._table.values()
            if (command.state is CommandState.WAITING and command.kind not in running)
            or (command.lease_until is not None and command.lease_until <= now)
        ]
        if not due:
            return None
        oldest = min(due, key=lambda command: (command.asked_at, command.id))
        self._table[oldest.id] = oldest.begin(at=now, until=until)
        return self._table[oldest.id]

    async def renew(self, command: Command, *, now: datetime, until: datetime) -> None:
        known = self._held(command)
        if known.lease_until is None or known.lease_until <= now:
            raise CommandLost(command_id=command.id)
        self._table[command.id] = replace(known, lease_until=until)

    async def conclude(self, ended: Command) -> None:
        self._held(ended)
        self._table[ended.id] = ended

    async def forget(self, *, ended_before: datetime) -> int:
        old = [
            command.id
            for command in self._table.values()
            if command.ended_at is not None and command.ended_at < ended_before
        ]
        for command_id in old:
            del self._table[command_id]
        return len(old)

    def _held(self, command: Command) -> Command:
        known = self._table.get(command.id)
        if (
            known is None
            or known.state is not CommandState.RUNNING
            or known.attempts != command.attempts
        ):
            raise CommandLost(command_id=command.id)
        return known


class MemoryCommandQueries(CommandQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, *, limit: int) -> Sequence[Command]:
        commands = self._database.table(Command).values()
        newest = sorted(commands, key=lambda command: (command.asked_at, command.id), reverse=True)
        return newest[:limit]

    async def find(self, command_id: CommandId) -> Command | None:
        return self._database.table(Command).get(command_id)
