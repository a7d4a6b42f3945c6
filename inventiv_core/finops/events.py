"""What happens to costs and wallets."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from inventiv_core.kernel.events import TenantEvent


class StopReason(StrEnum):
    """Why an instance costs nothing any more. Clients know these words."""

    TERMINATION_CONFIRMED = "termination_confirmed"
    NO_PROVIDER_RESOURCE = "no_provider_resource"
    """Nothing was ever rented for it."""
    PROVIDER_DELETED = "provider_deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCostStarted(TenantEvent):
    """A machine is rented: from now on an instance costs money."""

    event_id: UUID
    instance_id: UUID
    provider_id: UUID
    instance_type_id: UUID | None
    provider_instance_id: str | None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCostStopped(TenantEvent):
    """A machine is gone: from now on it costs nothing."""

    event_id: UUID
    instance_id: UUID
    provider_id: UUID
    provider_instance_id: str | None
    reason: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditsAdded(TenantEvent):
    """A wallet was topped up."""

    event_id: UUID
    user_id: UUID | None
    """Whose it is, if it is a personal one."""
    amount_eur: Decimal
    balance_eur: Decimal
