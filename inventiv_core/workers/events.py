"""What happens to workers."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.events import TenantEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTokenRotated(TenantEvent):
    """The worker of an instance is to use another token."""

    instance_id: UUID
