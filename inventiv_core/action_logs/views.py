"""Actions as people look at them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLogFilter:
    """Which actions to list; ``None`` means any."""

    instance_id: UUID | None = None
    component: str | None = None
    status: str | None = None
    action_type: str | None = None
