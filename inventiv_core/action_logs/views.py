"""Actions as people look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from inventiv_core.kernel.pagination import MAX_INTEGER, Key, Rows, SearchPage


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLogRow:
    """One line in the list of actions."""

    id: UUID
    action_type: str
    component: str
    status: str
    error_code: str | None
    error_message: str | None
    instance_id: UUID | None
    user_id: UUID | None
    actor_name: str | None
    source_ip: str | None
    duration_ms: int | None
    created_at: datetime
    completed_at: datetime | None
    metadata: Mapping[str, Any] | None
    instance_status_before: str | None
    instance_status_after: str | None
    provider_name: str | None
    instance_type: str | None
    """The names of what the instance is rented from, and as, if there is or was one."""

    @property
    def instance_key(self) -> str | None:
        """The instance's id, to sort by."""
        return None if self.instance_id is None else str(self.instance_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLogFilter:
    """Which actions to list; ``None`` means any."""

    instance_id: UUID | None = None
    component: str | None = None
    status: str | None = None
    action_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLogsFound(Rows[ActionLogRow]):
    """What is in a window, and how much there is around it."""

    status_counts: Mapping[str, int] | None
    """How many of those that were searched for have which status; ``None`` if nobody asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLogPage:
    """One page of a search."""

    page: SearchPage[ActionLogRow]
    status_counts: Mapping[str, int] | None


def action_log_keys(*, descending: bool) -> Sequence[Key]:
    """Return what actions can be sorted by. What is unknown comes last in either direction."""
    unknown = "" if descending else LAST_TEXT
    return (
        Key(name="created_at", kind=datetime),
        Key(name="duration_ms", kind=int, missing=-1 if descending else MAX_INTEGER),
        Key(name="status"),
        Key(name="component"),
        Key(name="action_type"),
        Key(name="provider_name", missing=unknown),
        Key(name="instance_type", missing=unknown),
        Key(name="instance_key", missing=unknown),
    )


LAST_TEXT: Final = "\U0010ffff"
"""Sorts after every text there is."""
