"""Commands on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec

from inventiv_core.commands.entities import Command


class TriggeredBody(msgspec.Struct, frozen=True, kw_only=True):
    """Something will be done: the command says when, and what came of it."""

    status: str
    """``triggered``: it is stored, and will not be lost."""
    message: str
    command_id: UUID


class CommandBody(msgspec.Struct, frozen=True, kw_only=True):
    """A command, and what came of it."""

    id: UUID
    kind: str
    """``reconcile`` or ``sync_catalog``."""
    state: str
    """``waiting``, ``running``, ``done`` or ``failed``."""
    asked_by_user_id: UUID
    asked_by_name: str | None
    asked_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    attempts: int
    result: Mapping[str, Any] | None
    error_code: str | None
    error: str | None

    @classmethod
    def of(cls, command: Command) -> Self:
        """Show a command."""
        return cls(
            id=command.id,
            kind=command.kind,
            state=command.state,
            asked_by_user_id=command.asked_by_user_id,
            asked_by_name=command.asked_by_name,
            asked_at=command.asked_at,
            began_at=command.began_at,
            ended_at=command.ended_at,
            attempts=command.attempts,
            result=command.result,
            error_code=command.error_code,
            error=command.error,
        )
