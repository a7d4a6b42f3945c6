"""A world in memory, with time, identity and chance under control. Needs nothing but Python."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final, TypeVar

from inventiv_adapters.action_logs.memory import MemoryActionLogQueries
from inventiv_adapters.activations.memory import MemoryActivationQueries
from inventiv_adapters.catalog.memory.lists import MemoryCatalogQueries
from inventiv_adapters.catalog.memory.prices import MemoryPriceQueries
from inventiv_adapters.cloud.memory import MemoryCloud
from inventiv_adapters.commands.memory import MemoryCommandQueries
from inventiv_adapters.deployments.memory import MemoryQuotaQueries
from inventiv_adapters.finops.memory.costs import MemoryCostQueries
from inventiv_adapters.finops.memory.leaks import MemoryLeakQueries
from inventiv_adapters.finops.memory.wallets import MemoryWalletQueries
from inventiv_adapters.identity.memory.api_keys import MemoryApiKeyQueries
from inventiv_adapters.identity.memory.invitations import MemoryInvitationQueries
from inventiv_adapters.identity.memory.mails import MemoryMailer
from inventiv_adapters.identity.memory.organizations import MemoryOrganizationQueries
from inventiv_adapters.identity.memory.sessions import MemorySessionQueries
from inventiv_adapters.identity.memory.users import MemoryUserQueries
from inventiv_adapters.inference.memory import (
    MemoryLimiter,
    MemoryLimitQueries,
    MemoryRoutingQueries,
)
from inventiv_adapters.instances.memory import MemoryBootQueries, MemoryInstanceQueries
from inventiv_adapters.kernel.chance import SeededChance
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryBus, MemoryDatabase, MemoryRelay
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.models.memory.models import MemoryMachineQueries, MemoryModelQueries
from inventiv_adapters.models.memory.offerings import MemoryOfferingQueries
from inventiv_adapters.observability.memory import MemoryObservabilityQueries
from inventiv_adapters.orchestration.memory import HealthyEngines, MemorySituationQueries
from inventiv_adapters.realtime.memory import MemoryEventLog
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_adapters.storages.memory import MemoryStorageQueries
from inventiv_adapters.testing.times import NOON
from inventiv_adapters.workbench.memory.chat_models import MemoryLiveModelQueries
from inventiv_adapters.workbench.memory.projects import MemoryProjectQueries
from inventiv_adapters.workbench.memory.retention import MemoryRetentionQueries
from inventiv_adapters.workbench.memory.runs import MemoryRunQueries
from inventiv_adapters.workers.memory import MemoryWorkerQueries

QUERIES: Final[Mapping[str, Callable[[MemoryDatabase], Any]]] = MappingProxyType({
    "action_log_queries": MemoryActionLogQueries,
    "activation_queries": MemoryActivationQueries,
    "api_key_queries": MemoryApiKeyQueries,
    "boot_queries": MemoryBootQueries,
    "catalog_queries": MemoryCatalogQueries,
    "command_queries": MemoryCommandQueries,
    "cost_queries": MemoryCostQueries,
    "instance_queries": MemoryInstanceQueries,
    "invitation_queries": MemoryInvitationQueries,
    "leak_queries": MemoryLeakQueries,
    "limit_queries": MemoryLimitQueries,
    "live_model_queries": MemoryLiveModelQueries,
    "machine_queries": MemoryMachineQueries,
    "model_queries": MemoryModelQueries,
    "observability_queries": MemoryObservabilityQueries,
    "offering_queries": MemoryOfferingQueries,
    "organization_queries": MemoryOrganizationQueries,
    "price_queries": MemoryPriceQueries,
    "project_queries": MemoryProjectQueries,
    "quota_queries": MemoryQuotaQueries,
    "retention_queries": MemoryRetentionQueries,
    "routing_queries": MemoryRoutingQueries,
    "run_queries": MemoryRunQueries,
    "session_queries": MemorySessionQueries,
    "setting_queries": MemorySettingQueries,
    "situation_queries": MemorySituationQueries,
    "storage_queries": MemoryStorageQueries,
    "user_queries": MemoryUserQueries,
    "wallet_queries": MemoryWalletQueries,
    "worker_queries": MemoryWorkerQueries,
    "event_log": MemoryEventLog,
})  # fmt: skip
"""What looks into the database, under the names of the fields that use cases have for it."""

UseCase = TypeVar("UseCase")


def a_clock() -> ManualClock:
    """Return a clock that stands still at noon."""
    return ManualClock(NOON)


class MemoryWorld:
    """One of each port, under the names of the fields that use cases have for it.

    A test may look into any of them, and make use cases of them. What happened is published when
    ``relay`` is told to relay it, as in the other world.
    """

    def __init__(
        self, *, clock: ManualClock | None = None, new_id: SerialIds | None = None
    ) -> None:
        self.clock = clock or a_clock()
        self.new_id = new_id or SerialIds()
        self.chance = SeededChance(0)
        self.database = MemoryDatabase()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        self.bus = MemoryBus()
        self.relay = MemoryRelay(self.database)
        self.mailer = MemoryMailer()
        self.limiter = MemoryLimiter(self.clock)
        self.cloud = MemoryCloud(clock=self.clock, new_id=self.new_id)
        self.engine_probe = HealthyEngines()

    def make(self, use_case: Callable[..., UseCase], **others: Any) -> UseCase:
        """Return a use case over this world; ``others`` are those of its fields that are no port.

        Raises:
            LookupError: It needs something that is neither here nor among the others.
        """
        needs = [need.name for need in fields(use_case) if need.name not in others]  # type: ignore[arg-type]
        return use_case(**{name: self._port(name) for name in needs}, **others)

    def _port(self, name: str) -> Any:
        if name in QUERIES:
            return QUERIES[name](self.database)
        if (found := vars(self).get(name)) is None:
            message = f"This world has no {name}: give one."
            raise LookupError(message)
        return found
