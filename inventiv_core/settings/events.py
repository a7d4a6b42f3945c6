"""What happens to settings: whoever remembers a value, forget it."""

from dataclasses import dataclass
from uuid import UUID

from inventiv_core.kernel.events import DomainEvent, TenantEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalSettingChanged(DomainEvent):
    """A global setting has another value."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderParamsChanged(TenantEvent):
    """An organization has chosen other parameters for a provider."""

    provider_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsChanged(TenantEvent):
    """An organization has other credentials at a provider."""

    provider_id: UUID
