"""Clouds by provider code, each organization with its own credentials.

Those are read and opened whenever an account is asked for, and kept nowhere: a key that was
changed is used from the next call on, and one that was deleted no more.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias
from uuid import UUID

from inventiv_core.cloud.entities import (
    ActionOutcome,
    CreateOutcome,
    Denied,
    FindOutcome,
    ListOutcome,
    MachineOrder,
    MachineTag,
)
from inventiv_core.cloud.errors import CloudNotConfigured, NoCloudAdapter
from inventiv_core.cloud.ports import Account, CloudProvider, Clouds, SellsMachines
from inventiv_core.identity.access import OrganizationId
from inventiv_core.kernel.secrets import Secret, SecretBox, SecretsKeyMissing, SecretUnreadable
from inventiv_core.settings.definitions import CREDENTIALS
from inventiv_core.settings.entities import Credential
from inventiv_core.settings.ports import SettingQueries

Maker: TypeAlias = Callable[[Mapping[str, Secret]], CloudProvider]
"""Makes an account of credentials; without any, one that can only say what is for everybody."""

MOST_CREDENTIALS: Final = 10_000
"""Of all organizations together, at one provider."""


class AccountClouds(Clouds):
    """Accounts that are the same for everybody, and such as are made of credentials."""

    def __init__(
        self,
        *,
        shared: Mapping[str, CloudProvider],
        makers: Mapping[str, Maker],
        setting_queries: SettingQueries,
        secret_box: SecretBox,
    ) -> None:
        """Take both by provider code."""
        self._shared = shared
        self._makers = makers
        self._queries = setting_queries
        self._box = secret_box

    async def of(self, provider_code: str, *, organization_id: UUID) -> CloudProvider:
        if provider_code in self._shared:
            return self._shared[provider_code]
        maker = self._makers.get(provider_code)
        if maker is None:
            raise NoCloudAdapter(provider_code=provider_code)
        stored = await self._queries.credentials(
            provider_code, owner=OrganizationId(organization_id), limit=MOST_CREDENTIALS
        )
        if not _suffice(provider_code, stored):
            raise CloudNotConfigured(provider_code=provider_code)
        return maker(self._opened(stored))

    async def sellers(self) -> Mapping[str, SellsMachines]:
        sellers: dict[str, SellsMachines] = {
            code: account
            for code, account in self._shared.items()
            if isinstance(account, SellsMachines)
        }
        for code, maker in self._makers.items():
            accounts = [one for one in await self._of_everybody(code) if not _is_shut(one)]
            account = accounts[0] if accounts else maker({})
            if isinstance(account, SellsMachines):
                sellers[code] = account
        return sellers

    async def accounts(self) -> tuple[Account, ...]:
        shared: dict[int, Account] = {}
        for code, cloud in self._shared.items():
            shared.setdefault(id(cloud), Account(provider_code=code, cloud=cloud))
        made = [
            Account(provider_code=code, cloud=one)
            for code in self._makers
            for one in await self._of_everybody(code)
        ]
        return (*shared.values(), *made)

    async def _of_everybody(self, code: str) -> list[CloudProvider]:
        """Return every account at a provider; those that are the same only once."""
        stored = await self._queries.credentials(code, owner=None, limit=MOST_CREDENTIALS)
        accounts: dict[frozenset[tuple[str, Secret]], CloudProvider] = {}
        shut: list[CloudProvider] = []
        for _, group in groupby(stored, key=lambda known: known.organization_id):
            credentials = list(group)
            if not _suffice(code, credentials):
                continue
            try:
                opened = self._opened(credentials)
            except (SecretsKeyMissing, SecretUnreadable) as error:
                shut.append(ShutCloud(str(error)))
                continue
            accounts.setdefault(frozenset(opened.items()), self._makers[code](opened))
        return [*accounts.values(), *shut]

    def _opened(self, stored: Sequence[Credential]) -> dict[str, Secret]:
        return {
            known.field: self._box.open(known.sealed, place=str(known.place)) for known in stored
        }


def _suffice(provider_code: str, stored: Sequence[Credential]) -> bool:
    required = {field.name for field in CREDENTIALS[provider_code] if field.is_required}
    return required <= {known.field for known in stored}


def _is_shut(account: CloudProvider) -> bool:
    return isinstance(account, ShutCloud)


class ShutCloud(CloudProvider):
    """An account that nobody here has the credentials for any more: nothing is known of it."""

    def __init__(self, why: str) -> None:
        self._denied = Denied(detail=why)

    async def create(self, order: MachineOrder) -> CreateOutcome:  # noqa: ARG002 - in vain
        return self._denied

    async def find(self, tag: MachineTag, *, zone: str) -> FindOutcome:  # noqa: ARG002
        return self._denied

    async def start(self, machine_id: str, *, zone: str) -> ActionOutcome:  # noqa: ARG002
        return self._denied

    async def delete(self, machine_id: str, *, zone: str) -> ActionOutcome:  # noqa: ARG002
        return self._denied

    async def list(self, installation_id: UUID) -> ListOutcome:  # noqa: ARG002
        return self._denied
