"""Each organization rents with its own credentials, which are opened when they are used."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from inventiv_adapters.cloud.accounts import AccountClouds
from inventiv_adapters.cloud.memory import MemoryCloud
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_core.cloud.entities import Denied, Listed
from inventiv_core.cloud.errors import CloudNotConfigured, NoCloudAdapter
from inventiv_core.cloud.ports import CloudProvider, ForgetsSetups
from inventiv_core.kernel.secrets import Secret, SecretsKeyMissing, SecretUnreadable
from inventiv_core.settings.use_cases.credentials import SetCredentials
from tests.builders import ACME, OTHER, a_provider, an_actor, given_teams

KEYS = [Secret("a key of sixteen characters")]


class Bank:
    """Organizations with credentials, and accounts that remember what they were made of."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.clock, self.new_id = SystemClock(), SerialIds()
        self.box = AesSecretBox(KEYS)
        self.unit_of_work = MemoryUnitOfWork(self.database)
        self.mock = MemoryCloud(clock=self.clock, new_id=self.new_id)
        self.made: dict[int, Mapping[str, Secret]] = {}

    def make(self, credentials: Mapping[str, Secret]) -> CloudProvider:
        account = MemoryCloud(clock=self.clock, new_id=self.new_id)
        self.made[id(account)] = credentials
        self.kept = [*getattr(self, "kept", []), account]  # so that no id is used twice
        return account

    @property
    def clouds(self) -> AccountClouds:
        return AccountClouds(
            shared={"mock": self.mock},
            makers={"scaleway": self.make},
            setting_queries=MemorySettingQueries(self.database),
            secret_box=self.box,
        )

    async def set(self, organization: Any, **fields: str) -> None:
        write = SetCredentials(
            unit_of_work=self.unit_of_work,
            secret_box=self.box,
            clock=self.clock,
            new_id=self.new_id,
        )
        changes = {name: Secret(text) for name, text in fields.items()}
        await write("scaleway", changes, actor=an_actor(organization=organization))

    async def key_of(self, organization: UUID) -> str:
        account = await self.clouds.of("scaleway", organization_id=organization)
        return self.made[id(account)]["secret_key"].reveal()


@pytest.fixture
async def bank() -> Bank:
    bank = Bank()
    await given_teams(bank.unit_of_work, a_provider(code="scaleway"))
    await bank.set(ACME, project_id="p1", secret_key="k1")
    await bank.set(OTHER, project_id="p2", secret_key="k2")
    return bank


async def test_each_organization_rents_with_its_own_key(bank: Bank) -> None:
    assert await bank.key_of(ACME) == "k1"
    assert await bank.key_of(OTHER) == "k2"
    await bank.set(ACME, secret_key="k3")
    assert await bank.key_of(ACME) == "k3", "at once"
    assert await bank.clouds.of("mock", organization_id=ACME) is bank.mock


async def test_half_of_the_credentials_are_none(bank: Bank) -> None:
    stranger = UUID(int=7)
    with pytest.raises(CloudNotConfigured) as refusal:
        await bank.clouds.of("scaleway", organization_id=stranger)
    assert not isinstance(refusal.value, NoCloudAdapter)
    with pytest.raises(NoCloudAdapter):
        await bank.clouds.of("ovh", organization_id=ACME)


async def test_every_account_is_swept_once(bank: Bank) -> None:
    await bank.set(OTHER, project_id="p1", secret_key="k1")
    accounts = await bank.clouds.accounts()
    assert len(accounts) == 2, "they share one, and there is the mock"
    assert accounts[0].cloud is bank.mock
    assert [account.provider_code for account in accounts] == ["mock", "scaleway"]


async def test_what_cannot_be_read_is_unknown_and_not_empty(bank: Bank) -> None:
    bank.box = AesSecretBox([Secret("quite another key")])
    with pytest.raises(SecretUnreadable):
        await bank.clouds.of("scaleway", organization_id=ACME)
    _, *shut = await bank.clouds.accounts()
    assert len(shut) == 2
    for account in (one.cloud for one in shut):
        assert isinstance(await account.list(UUID(int=1)), Denied)
        assert not isinstance(account, ForgetsSetups)
    bank.box = AesSecretBox([])
    with pytest.raises(SecretsKeyMissing):
        await bank.clouds.of("scaleway", organization_id=ACME)
    assert [type(await one.cloud.list(UUID(int=1))) for one in await bank.clouds.accounts()] == [
        Listed, Denied, Denied,
    ]  # fmt: skip


async def test_offers_are_asked_for_with_a_key_and_without_one_if_there_is_none(
    bank: Bank,
) -> None:
    sellers = await bank.clouds.sellers()
    assert set(sellers) == {"mock", "scaleway"}
    assert bank.made[id(sellers["scaleway"])]["secret_key"].reveal() in {"k1", "k2"}
    bank.box = AesSecretBox([])
    sellers = await bank.clouds.sellers()
    assert bank.made[id(sellers["scaleway"])] == {}
