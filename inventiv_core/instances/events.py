"""What happens to instances."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from inventiv_core.instances.entities import Instance
from inventiv_core.kernel.events import TenantEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceChanged(TenantEvent):
    """Something people see of an instance has changed."""

    instance_id: UUID
    status: str

    @classmethod
    def of(cls, instance: Instance, *, at: datetime) -> Self:
        """Tell others about ``instance`` as it stands."""
        return cls(
            instance_id=instance.id,
            organization_id=instance.organization_id,
            status=instance.status,
            occurred_at=at,
        )
