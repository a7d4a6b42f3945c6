"""What happens to instances."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from inventiv_core.instances.entities import Instance
from inventiv_core.kernel.events import TenantEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningRequested(TenantEvent):
    """Somebody wants a machine, and it was promised to them."""

    instance_id: UUID
    provider_id: UUID
    zone_id: UUID
    zone: str
    instance_type_id: UUID
    instance_type: str
    """Both as ids and as the provider's codes: orchestrators read either."""
    model_id: UUID
    correlation_id: UUID
    """The action log of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminationRequested(TenantEvent):
    """Somebody wants an instance to end."""

    instance_id: UUID
    correlation_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstallRequested(TenantEvent):
    """Somebody wants a machine to start anew."""

    instance_id: UUID
    correlation_id: UUID


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
