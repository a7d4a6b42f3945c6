"""What happens to actions."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from inventiv_core.action_logs.entities import ActionLog
from inventiv_core.kernel.events import TenantEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLogged(TenantEvent):
    """An action began or ended."""

    action_log_id: UUID
    instance_id: UUID

    @classmethod
    def of(cls, log: ActionLog) -> Self:
        """Tell others about ``log`` as it stands."""
        return cls(
            action_log_id=log.id,
            instance_id=log.instance_id,
            organization_id=log.organization_id,
            occurred_at=log.completed_at or log.created_at,
        )
