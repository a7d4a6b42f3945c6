"""The world in memory, of one process: for tests and demonstrations."""

from dependency_injector.providers import Object, Singleton

from inventiv_adapters.action_logs.memory import MemoryActionLogQueries
from inventiv_adapters.activations.memory import MemoryActivationQueries
from inventiv_adapters.catalog.memory.lists import MemoryCatalogQueries
from inventiv_adapters.catalog.memory.prices import MemoryPriceQueries
from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
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
    MemorySpool,
)
from inventiv_adapters.instances.memory import MemoryBootQueries, MemoryInstanceQueries
from inventiv_adapters.kernel.memory import MemoryBus, MemoryDatabase, MemoryRelay
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.models.memory.models import MemoryMachineQueries, MemoryModelQueries
from inventiv_adapters.models.memory.offerings import MemoryOfferingQueries
from inventiv_adapters.observability.memory import MemoryObservabilityQueries
from inventiv_adapters.orchestration.memory import HealthyEngines, MemorySituationQueries
from inventiv_adapters.realtime.memory import MemoryEventLog
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_adapters.storages.memory import MemoryStorageQueries
from inventiv_adapters.workbench.memory.chat_models import MemoryLiveModelQueries
from inventiv_adapters.workbench.memory.projects import MemoryProjectQueries
from inventiv_adapters.workbench.memory.retention import MemoryRetentionQueries
from inventiv_adapters.workbench.memory.runs import MemoryRunQueries
from inventiv_adapters.workers.memory import MemoryWorkerQueries
from inventiv_core.catalog.entities import MOCK
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.inference.use_cases.admission import Admission
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_http.container import Common


def _mock_only(cloud: CloudProvider) -> FixedClouds:
    return FixedClouds({MOCK: cloud})


class MemoryAdapters(Common):
    """The world outside, in one process: for tests and demonstrations."""

    database = Singleton(MemoryDatabase)
    outages = Object(())
    unit_of_work = Singleton(MemoryUnitOfWork, database, heard=Common.known_callers.provided.note)
    session_queries = Singleton(MemorySessionQueries, database)
    api_key_queries = Singleton(MemoryApiKeyQueries, database)
    user_queries = Singleton(MemoryUserQueries, database)
    organization_queries = Singleton(MemoryOrganizationQueries, database)
    invitation_queries = Singleton(MemoryInvitationQueries, database)
    catalog_queries = Singleton(MemoryCatalogQueries, database)
    price_queries = Singleton(MemoryPriceQueries, database)
    setting_queries = Singleton(MemorySettingQueries, database)
    effective_settings = Singleton(
        EffectiveSettings,
        setting_queries,
        clock=Common.clock,
        environment=Common.environment,
    )
    model_queries = Singleton(MemoryModelQueries, database)
    machine_queries = Singleton(MemoryMachineQueries, database)
    offering_queries = Singleton(MemoryOfferingQueries, database)
    action_log_queries = Singleton(MemoryActionLogQueries, database)
    instance_queries = Singleton(MemoryInstanceQueries, database)
    activation_queries = Singleton(MemoryActivationQueries, database)
    command_queries = Singleton(MemoryCommandQueries, database)
    storage_queries = Singleton(MemoryStorageQueries, database)
    quota_queries = Singleton(MemoryQuotaQueries, database)
    live_model_queries = Singleton(MemoryLiveModelQueries, database)
    project_queries = Singleton(MemoryProjectQueries, database)
    run_queries = Singleton(MemoryRunQueries, database)
    retention_queries = Singleton(MemoryRetentionQueries, database)
    worker_queries = Singleton(MemoryWorkerQueries, database)
    observability_queries = Singleton(MemoryObservabilityQueries, database)
    wallet_queries = Singleton(MemoryWalletQueries, database)
    cost_queries = Singleton(MemoryCostQueries, database)
    leak_queries = Singleton(MemoryLeakQueries, database)
    boot_queries = Singleton(MemoryBootQueries, database)
    situation_queries = Singleton(MemorySituationQueries, database)
    routing_queries = Singleton(MemoryRoutingQueries, database)
    usage_spool = Singleton(MemorySpool)
    limit_queries = Singleton(MemoryLimitQueries, database)
    limiter = Singleton(MemoryLimiter, Common.clock)
    admission = Singleton(
        Admission, Common.limits, limiter, clock=Common.clock, new_id=Common.new_id
    )
    mailer = Singleton(MemoryMailer)
    bus = Singleton(MemoryBus)
    relay = Singleton(MemoryRelay, database)
    event_log = Singleton(MemoryEventLog, database)
    cloud = Singleton(MemoryCloud, clock=Common.clock, new_id=Common.new_id)
    clouds = Singleton(_mock_only, cloud)
    engine_probe = Singleton(HealthyEngines)
