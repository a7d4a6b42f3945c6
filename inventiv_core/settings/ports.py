"""What settings need from the outside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from inventiv_core.catalog.entities import ProviderId
from inventiv_core.catalog.ports import CatalogRepository
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.identity.ports.organizations import OrganizationRepository
from inventiv_core.kernel.secrets import SealKeyId
from inventiv_core.settings.entities import Credential, CredentialPlace, Value
from inventiv_core.settings.views import ChosenParams, CredentialFieldsSet


class SettingRepository(Protocol):
    """What was chosen, to change it."""

    async def lock_global(self, key: str) -> Value | None:
        """Return what was chosen for a global setting; nobody else may change it meanwhile."""
        ...

    async def put_global(self, key: str, value: Value | None, *, at: datetime) -> None:
        """Choose a value for a global setting; ``None`` forgets the choice."""
        ...

    async def params(self, owner: OrganizationId, provider_id: ProviderId) -> Mapping[str, Value]:
        """Return what the organization has chosen for the provider, by key."""
        ...

    async def put_params(
        self,
        owner: OrganizationId,
        provider_id: ProviderId,
        changes: Mapping[str, Value | None],
        *,
        at: datetime,
    ) -> None:
        """Choose several values for a provider, by key; ``None`` forgets the choice."""
        ...


class CredentialRepository(Protocol):
    """Credentials, sealed."""

    async def of(self, owner: OrganizationId, provider_id: ProviderId) -> Sequence[Credential]:
        """Return the organization's credentials at the provider, by field."""
        ...

    async def lock(self, owner: OrganizationId, provider_id: ProviderId) -> Sequence[Credential]:
        """Return the same, and let nobody else change them until the end of the work."""
        ...

    async def put(self, credentials: Sequence[Credential]) -> None:
        """Store credentials in the place of those that were there."""
        ...

    async def remove(
        self, owner: OrganizationId, provider_id: ProviderId, fields: Collection[str]
    ) -> None:
        """Forget credentials; those that are not there are no matter."""
        ...

    async def sealed_otherwise(
        self, key_id: SealKeyId, *, after: CredentialPlace | None, limit: int
    ) -> Sequence[Credential]:
        """Lock everybody's credentials that another key has sealed, in the order of places.

        Begins after a place.
        """
        ...


class SettingQueries(Protocol):
    """What was chosen, to look at it. One statement each."""

    async def globals(self) -> Mapping[str, Value]:
        """Return what was chosen for global settings, by key."""
        ...

    async def params(self, owner: OrganizationId, *, limit: int) -> Sequence[ChosenParams]:
        """List all providers by name, active or not, with what the organization has chosen."""
        ...

    async def credential_fields(
        self, owner: OrganizationId, *, limit: int
    ) -> Sequence[CredentialFieldsSet]:
        """List the active providers by name, with which credentials the organization has."""
        ...

    async def credentials(
        self, provider_code: str, *, owner: OrganizationId | None, limit: int
    ) -> Sequence[Credential]:
        """List one organization's credentials at a provider, or everybody's, by organization."""
        ...


class SettingsWork(ActWork, Protocol):
    """What one atomic piece of work on settings may touch."""

    @property
    def settings(self) -> SettingRepository: ...
    @property
    def credentials(self) -> CredentialRepository: ...
    @property
    def catalog(self) -> CatalogRepository: ...
    @property
    def organizations(self) -> OrganizationRepository: ...
