"""Everything one can do with settings and credentials, in memory."""

from dataclasses import replace
from typing import Any

from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, Actor
from inventiv_core.identity.entities.acts import Act
from inventiv_core.kernel.events import DomainEvent
from inventiv_core.kernel.secrets import Secret
from inventiv_core.settings.entities import Value
from inventiv_core.settings.use_cases.credentials import (
    CheckCredentials,
    DeleteCredentials,
    GetCredentials,
    ListConfigStatus,
    SetCredentials,
)
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_core.settings.use_cases.globals import ChangeGlobalSetting, ListGlobalSettings
from inventiv_core.settings.use_cases.params import ChangeProviderParams, ListProviderParams
from inventiv_core.settings.use_cases.rotation import RotateSecrets
from inventiv_core.settings.use_cases.seeding import SeedCredentials
from tests.builders import NOON, a_provider, an_actor, given_teams

PROJECT, SECRET_KEY, ACCESS_KEY = "the-project", "the-secret-key-itself", "SCWABCDEFGHIJKL1234"


def root() -> Actor:
    """Return an administrator of the platform, in an organization."""
    return replace(an_actor(), permissions=an_actor().permissions | GLOBAL_PERMISSIONS)


def secrets(**texts: str | None) -> dict[str, Secret | None]:
    return {name: None if text is None else Secret(text) for name, text in texts.items()}


class Cabinet:
    """Use cases over memory, with two organizations, and two providers of which we know one."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.database = MemoryDatabase()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        self.queries = MemorySettingQueries(self.database)
        self.scaleway = a_provider(code="scaleway")
        self.mock = a_provider(code="mock")
        self.cloud = MemoryCloud(clock=self.clock, new_id=SerialIds())
        self.environment: dict[str, Value] = {}
        self.new_id = SerialIds()
        self.reads: dict[str, Any] = {
            "setting_queries": self.queries,
            "environment": self.environment,
        }
        self.writes: dict[str, Any] = {
            "unit_of_work": self.unit_of_work,
            "clock": self.clock,
            "new_id": self.new_id,
        }
        self.list_globals = ListGlobalSettings(**self.reads)
        self.change_global = ChangeGlobalSetting(**self.writes)
        self.list_params = ListProviderParams(**self.reads)
        self.change_params = ChangeProviderParams(**self.writes)
        self.config_status = ListConfigStatus(setting_queries=self.queries)
        self.get = GetCredentials(unit_of_work=self.unit_of_work)
        self.delete = DeleteCredentials(**self.writes)
        self.effective = EffectiveSettings(
            self.queries, clock=self.clock, environment=self.environment
        )
        self.with_keys("the first key of all")
        self.with_cloud(self.cloud)

    def with_keys(self, *texts: str) -> None:
        """Have servers with these keys from now on."""
        self.box = AesSecretBox([Secret(text) for text in texts])
        self.set = SetCredentials(secret_box=self.box, **self.writes)
        self.seed = SeedCredentials(secret_box=self.box, **self.writes)
        self.rotate = RotateSecrets(secret_box=self.box, **self.writes)

    def with_cloud(self, cloud: CloudProvider | None) -> None:
        """Have servers with this adapter for Scaleway, or none."""
        self.clouds = FixedClouds({} if cloud is None else {"scaleway": cloud})

    @property
    def check(self) -> CheckCredentials:
        return CheckCredentials(clouds=self.clouds, secret_box=self.box, **self.writes)

    @classmethod
    async def build(cls) -> "Cabinet":
        cabinet = cls()
        await given_teams(cabinet.unit_of_work, cabinet.scaleway, cabinet.mock)
        return cabinet

    @property
    def acts(self) -> list[Act]:
        return list(self.database.table(Act).values())

    @property
    def events(self) -> list[DomainEvent]:
        return [message.event for message in self.database.outbox]

    def everything(self) -> str:
        """Return all that is stored, and all that is told, as text."""
        rows = [repr(row) for _, table in self.database.tables() for row in table.values()]
        return "\n".join([*rows, *map(repr, self.database.outbox)])
