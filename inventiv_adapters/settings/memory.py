"""Settings and credentials, in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.catalog.entities import Provider, ProviderId
from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.secrets import SealKeyId
from inventiv_core.settings.entities import Credential, CredentialPlace, Value
from inventiv_core.settings.ports import CredentialRepository, SettingQueries, SettingRepository
from inventiv_core.settings.views import ChosenParams, CredentialFieldsSet


@dataclass(frozen=True, slots=True)
class _Global:
    """What was chosen for everybody."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class _Param:
    """What an organization has chosen for a provider."""

    organization_id: OrganizationId
    provider_id: ProviderId
    key: str
    value: Value


def _global_id(key: str) -> UUID:
    return uuid5(UUID(int=0), key)


def _param_id(owner: OrganizationId, provider_id: ProviderId, key: str) -> UUID:
    return uuid5(owner, f"{provider_id}:{key}")


def _order(place: CredentialPlace) -> tuple[UUID, UUID, str]:
    return place.organization_id, place.provider_id, place.field


class MemorySettings(SettingRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._globals = database.table(_Global)
        self._params = database.table(_Param)

    async def lock_global(self, key: str) -> Value | None:
        known = self._globals.get(_global_id(key))
        return None if known is None else known.value

    async def put_global(self, key: str, value: Value | None, *, at: datetime) -> None:
        del at  # nobody asks
        if value is None:
            self._globals.pop(_global_id(key), None)
        else:
            self._globals[_global_id(key)] = _Global(key, value)

    async def params(self, owner: OrganizationId, provider_id: ProviderId) -> Mapping[str, Value]:
        return {
            known.key: known.value
            for known in self._params.values()
            if (known.organization_id, known.provider_id) == (owner, provider_id)
        }

    async def put_params(
        self,
        owner: OrganizationId,
        provider_id: ProviderId,
        changes: Mapping[str, Value | None],
        *,
        at: datetime,
    ) -> None:
        del at
        for key, value in changes.items():
            place = _param_id(owner, provider_id, key)
            if value is None:
                self._params.pop(place, None)
            else:
                self._params[place] = _Param(owner, provider_id, key, value)


class MemoryCredentials(CredentialRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(Credential)

    async def of(self, owner: OrganizationId, provider_id: ProviderId) -> Sequence[Credential]:
        found = (
            known
            for known in self._table.values()
            if (known.organization_id, known.provider_id) == (owner, provider_id)
        )
        return sorted(found, key=lambda known: known.field)

    async def lock(self, owner: OrganizationId, provider_id: ProviderId) -> Sequence[Credential]:
        return await self.of(owner, provider_id)  # there is one unit of work at a time

    async def put(self, credentials: Sequence[Credential]) -> None:
        for credential in credentials:
            place = credential.place
            row = _param_id(place.organization_id, place.provider_id, place.field)
            self._table[row] = credential

    async def remove(
        self, owner: OrganizationId, provider_id: ProviderId, fields: Collection[str]
    ) -> None:
        for field in fields:
            self._table.pop(_param_id(owner, provider_id, field), None)

    async def sealed_otherwise(
        self, key_id: SealKeyId, *, after: CredentialPlace | None, limit: int
    ) -> Sequence[Credential]:
        found = [
            known
            for known in self._table.values()
            if known.sealed.key_id != key_id
            and (after is None or _order(known.place) > _order(after))
        ]
        return sorted(found, key=lambda known: _order(known.place))[:limit]


class MemorySettingQueries(SettingQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def globals(self) -> Mapping[str, Value]:
        return {known.key: known.value for known in self._database.table(_Global).values()}

    async def params(self, owner: OrganizationId, *, limit: int) -> Sequence[ChosenParams]:
        settings = MemorySettings(self._database)
        return [
            ChosenParams(
                provider_id=provider.id,
                provider_name=provider.name,
                provider_code=provider.code,
                chosen=await settings.params(owner, provider.id),
            )
            for provider in self._providers()[:limit]
        ]

    async def credential_fields(
        self, owner: OrganizationId, *, limit: int
    ) -> Sequence[CredentialFieldsSet]:
        credentials = MemoryCredentials(self._database)
        active = [provider for provider in self._providers() if provider.is_active]
        return [
            CredentialFieldsSet(
                provider_id=provider.id,
                provider_name=provider.name,
                provider_code=provider.code,
                fields=[known.field for known in await credentials.of(owner, provider.id)],
            )
            for provider in active[:limit]
        ]

    async def credentials(
        self, provider_code: str, *, owner: OrganizationId | None, limit: int
    ) -> Sequence[Credential]:
        ids = {provider.id for provider in self._providers() if provider.code == provider_code}
        found = [
            known
            for known in self._database.table(Credential).values()
            if known.provider_id in ids and owner in {None, known.organization_id}
        ]
        return sorted(found, key=lambda known: _order(known.place))[:limit]

    def _providers(self) -> Sequence[Provider]:
        providers = self._database.table(Provider).values()
        return sorted(providers, key=lambda provider: (provider.name, provider.id))
