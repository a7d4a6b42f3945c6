"""What operators can trigger, and how it gets done."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from inventiv_core.catalog.use_cases.revisions import Change
from inventiv_core.catalog.use_cases.syncing import SyncCatalog, SyncResult
from inventiv_core.commands.entities import (
    COMMAND_LEASE,
    INTERRUPTED,
    KEEP_COMMANDS,
    MOST_ATTEMPTS,
    Command,
    CommandAct,
    CommandId,
    CommandKind,
    Ending,
)
from inventiv_core.commands.errors import CommandLost, CommandNotFound
from inventiv_core.commands.events import CommandHandedOver, CommandTriggered
from inventiv_core.commands.ports import CommandQueries, CommandWork
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS, clamp
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.orchestration.use_cases.sweeping import SweepMachines


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerCommand:
    """Have something done soon, by whichever process comes to it. Safe to repeat."""

    unit_of_work: UnitOfWork[CommandWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, kind: CommandKind, *, actor: Actor) -> Command:
        """Return the command that will do it: one that waits already does for all who ask."""
        actor.must(Permission.MANAGE_PLATFORM)
        now = self.clock.now()
        wanted = Command.ask(kind, id=CommandId(self.new_id()), actor=actor, at=now)
        async with self.unit_of_work() as work:
            command = await work.commands.ask(wanted)
            if command.id == wanted.id:
                act = Act(
                    id=self.new_id(),
                    kind=CommandAct.COMMAND_TRIGGERED,
                    actor=actor,
                    organization_id=None,
                    subject=command.subject,
                    at=now,
                )
                await enter(act, work)
                await work.outbox.add(
                    CommandTriggered(command_id=command.id, kind=kind, occurred_at=now)
                )
        return command


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCommands:
    """List what was triggered, and what came of it."""

    command_queries: CommandQueries

    async def __call__(self, *, limit: int, actor: Actor) -> Sequence[Command]:
        """Return the newest first, at most ``limit``."""
        actor.must(Permission.MANAGE_PLATFORM)
        return await self.command_queries.list(limit=clamp(limit, 1, MAX_PAGE_ROWS))


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCommand:
    """Look at one command."""

    command_queries: CommandQueries

    async def __call__(self, command_id: CommandId, *, actor: Actor) -> Command:
        """Return it, or raise `CommandNotFound`."""
        actor.must(Permission.MANAGE_PLATFORM)
        command = await self.command_queries.find(command_id)
        if command is None:
            raise CommandNotFound(command_id=command_id)
        return command


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCommand:
    """Take a command, so that nobody else carries it out."""

    unit_of_work: UnitOfWork[CommandWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> Command | None:
        """Return the next there is to do."""
        actor.must(Permission.OPERATE)
        while True:
            now = self.clock.now()
            async with self.unit_of_work() as work:
                command = await work.commands.claim(now=now, until=now + COMMAND_LEASE)
                if command is None or command.attempts <= MOST_ATTEMPTS:
                    return command
                await work.commands.conclude(command.end(INTERRUPTED, at=now))


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewCommand:
    """Keep a command while it takes its time."""

    unit_of_work: UnitOfWork[CommandWork]
    clock: Clock

    async def __call__(self, command: Command, *, actor: Actor) -> None:
        """Prolong the lease, or raise `CommandLost`."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            await work.commands.renew(command, now=now, until=now + COMMAND_LEASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """Carry a command out, and note what came of it.

    To be cut off half-way does no harm: whoever takes over does it again, from the start,
    and what was done already is not done twice.
    """

    unit_of_work: UnitOfWork[CommandWork]
    clock: Clock
    sync_catalog: SyncCatalog
    sweep_machines: SweepMachines

    async def __call__(self, command: Command, *, actor: Actor) -> None:
        """Do it. If somebody else has taken over, leave the ending to them."""
        actor.must(Permission.OPERATE)
        try:
            ending = await self._run(command, actor)
        except DomainError as error:
            ending = Ending(error_code=error.code, error=str(error))
        try:
            async with self.unit_of_work() as work:
                await work.commands.conclude(command.end(ending, at=self.clock.now()))
        except CommandLost:
            return

    async def _run(self, command: Command, actor: Actor) -> Ending:
        match command.kind:
            case CommandKind.RECONCILE:
                return await self._reconcile(actor)
            case CommandKind.SYNC_CATALOG:
                return await self._sync(command.asker)

    async def _reconcile(self, actor: Actor) -> Ending:
        async with self.unit_of_work() as work:
            instances = await work.leases.schedule_living(at=self.clock.now())
        swept = await self.sweep_machines(actor=actor)
        message = (
            f"{instances} instances are looked at; of {swept.machines} machines,"
            f" {swept.strays} belonged to nobody."
        )
        return Ending(result={"message": message, "instances": instances, **asdict(swept)})

    async def _sync(self, asker: Actor) -> Ending:
        synced = await self.sync_catalog(actor=asker)
        answered = [one for one in synced if one.result is SyncResult.SYNCED]
        silent = [one.provider_code for one in synced if one.result is not SyncResult.SYNCED]
        changes = sum(len(one.changes) for one in answered)
        message = f"{len(answered)} providers have answered; {changes} changes."
        if silent:
            message += f" Nothing was changed of: {', '.join(silent)}."
        result = {
            "message": message,
            "providers": [
                {
                    "provider_code": one.provider_code,
                    "result": one.result.value,
                    "changes": [_shown(change) for change in one.changes],
                }
                for one in synced
            ],
        }
        if silent and not answered:
            return Ending(result=result, error_code="no_provider_answered", error=message)
        return Ending(result=result)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverCommand:
    """Have an orchestrator of others carry a command out. What comes of it, only they know."""

    unit_of_work: UnitOfWork[CommandWork]
    clock: Clock

    async def __call__(self, command: Command, *, actor: Actor) -> None:
        """Tell them, and end the command. If somebody else has taken over, leave it to them."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        ending = Ending(result={"message": "An external orchestrator was told."})
        try:
            async with self.unit_of_work() as work:
                await work.commands.conclude(command.end(ending, at=now))
                await work.outbox.add(
                    CommandHandedOver(command_id=command.id, kind=command.kind, occurred_at=now)
                )
        except CommandLost:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetCommands:
    """Drop the commands that ended long ago. What they did is in the books."""

    unit_of_work: UnitOfWork[CommandWork]
    clock: Clock

    async def __call__(self, *, actor: Actor) -> int:
        """Return how many were dropped."""
        actor.must(Permission.OPERATE)
        async with self.unit_of_work() as work:
            return await work.commands.forget(ended_before=self.clock.now() - KEEP_COMMANDS)


def _shown(change: Change) -> dict[str, Any]:
    """Return a change of the catalog as JSON; amounts are numbers."""
    return {
        "action": change.action.value,
        "entry": change.entry,
        "code": change.code,
        "before": _plain(change.before),
        "after": _plain(change.after),
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _json(value) for name, value in values.items()}


def _json(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case UUID():
            return str(value)
        case _:
            return value
