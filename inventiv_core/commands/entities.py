"""A command: something that is to be done once, by whoever comes to it, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType, Self
from uuid import UUID

from inventiv_core.identity.access import Actor, Permission, UserId
from inventiv_core.identity.entities.acts import Subject

CommandId = NewType("CommandId", UUID)

COMMAND_LEASE: Final = timedelta(seconds=30)
"""How long whoever carries a command out may be silent: then it is taken for dead."""

MOST_ATTEMPTS: Final = 3
"""After so many who have died of it, nobody tries again."""

KEEP_COMMANDS: Final = timedelta(days=90)
"""How long it can be seen what came of a command."""


class CommandKind(StrEnum):
    """What can be triggered."""

    RECONCILE = "reconcile"
    """Look at every instance now, and at every machine that is rented."""
    SYNC_CATALOG = "sync_catalog"
    """Bring the catalog up to date with what providers say."""


class CommandState(StrEnum):
    """How far a command is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class CommandAct(StrEnum):
    """What is entered in the books about commands."""

    COMMAND_TRIGGERED = "COMMAND_TRIGGERED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What came of a command."""

    result: Mapping[str, Any] | None = None
    """JSON, for people and programs; with an error, as far as it went."""
    error_code: str | None = None
    error: str | None = None
    """A sentence."""


INTERRUPTED: Final = Ending(
    error_code="interrupted", error="It was begun again and again, and never came to an end."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something that an administrator has triggered."""

    id: CommandId
    kind: CommandKind
    asked_by_user_id: UserId
    asked_by_name: str | None
    """The user's name at the time."""
    source_ip: str | None
    asked_at: datetime
    state: CommandState
    attempts: int
    """How often somebody has begun. Also the fencing token: whoever began before is too late."""
    began_at: datetime | None
    """When it was begun last."""
    lease_until: datetime | None
    """While it runs: until when whoever runs it has it alone."""
    ended_at: datetime | None
    result: Mapping[str, Any] | None
    error_code: str | None
    error: str | None

    @classmethod
    def ask(cls, kind: CommandKind, *, id: CommandId, actor: Actor, at: datetime) -> Self:
        """Want something done, on behalf of a user who may."""
        return cls(
            id=id,
            kind=kind,
            asked_by_user_id=actor.must_be_user(Permission.MANAGE_PLATFORM),
            asked_by_name=actor.name,
            source_ip=actor.source_ip,
            asked_at=at,
            state=CommandState.WAITING,
            attempts=0,
            began_at=None,
            lease_until=None,
            ended_at=None,
            result=None,
            error_code=None,
            error=None,
        )

    @property
    def asker(self) -> Actor:
        """Whoever wanted it, with the right that it took: the books name them, not the server."""
        return Actor(
            user_id=self.asked_by_user_id,
            organization_id=None,
            permissions=frozenset({Permission.MANAGE_PLATFORM}),
            name=self.asked_by_name,
            source_ip=self.source_ip,
        )

    @property
    def subject(self) -> Subject:
        """The command as something that was acted on."""
        return Subject(kind="command", id=self.id, name=self.kind)

    def begin(self, *, at: datetime, until: datetime) -> Self:
        """Say that somebody carries it out now."""
        return replace(
            self,
            state=CommandState.RUNNING,
            attempts=self.attempts + 1,
            began_at=at,
            lease_until=until,
        )

    def end(self, ending: Ending, *, at: datetime) -> Self:
        """Say what came of it."""
        return replace(
            self,
            state=CommandState.DONE if ending.error is None else CommandState.FAILED,
            lease_until=None,
            ended_at=at,
            result=ending.result,
            error_code=ending.error_code,
            error=ending.error,
        )
