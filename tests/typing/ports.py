"""Never run, only type-checked: every adapter keeps what its port promises."""

from collections.abc import Iterable

from inventiv_adapters.action_logs.memory import MemoryActionLogQueries
from inventiv_adapters.action_logs.postgres import PostgresActionLogQueries
from inventiv_adapters.activations.memory import MemoryActivationQueries
from inventiv_adapters.activations.postgres import PostgresActivationQueries
from inventiv_adapters.catalog.memory.lists import MemoryCatalogQueries
from inventiv_adapters.catalog.memory.prices import MemoryPriceQueries
from inventiv_adapters.catalog.postgres.lists import PostgresCatalogQueries
from inventiv_adapters.catalog.postgres.prices import PostgresPriceQueries
from inventiv_adapters.cloud.accounts import AccountClouds
from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_adapters.cloud.mock.provider import MockCloud
from inventiv_adapters.cloud.scaleway.provider import ScalewayCloud
from inventiv_adapters.commands.memory import MemoryCommandQueries
from inventiv_adapters.commands.postgres import PostgresCommandQueries
from inventiv_adapters.finops.memory.costs import MemoryCostQueries
from inventiv_adapters.finops.memory.leaks import MemoryLeakQueries
from inventiv_adapters.finops.memory.wallets import MemoryWalletQueries
from inventiv_adapters.finops.postgres.costs import PostgresCostQueries
from inventiv_adapters.finops.postgres.leaks import PostgresLeakQueries
from inventiv_adapters.finops.postgres.wallets import PostgresWalletQueries
from inventiv_adapters.identity.argon2 import Argon2Passwords
from inventiv_adapters.identity.jwt import JwtSessionTokens
from inventiv_adapters.identity.keys import RandomApiKeys
from inventiv_adapters.identity.links import DerivedLinkTokens
from inventiv_adapters.identity.mail_files import FileMailer
from inventiv_adapters.identity.memory.api_keys import MemoryApiKeyQueries
from inventiv_adapters.identity.memory.invitations import MemoryInvitationQueries
from inventiv_adapters.identity.memory.mails import MemoryMailer
from inventiv_adapters.identity.memory.organizations import MemoryOrganizationQueries
from inventiv_adapters.identity.memory.sessions import MemorySessionQueries
from inventiv_adapters.identity.memory.users import MemoryUserQueries
from inventiv_adapters.identity.postgres.api_keys import PostgresApiKeyQueries
from inventiv_adapters.identity.postgres.invitations import PostgresInvitationQueries
from inventiv_adapters.identity.postgres.organizations import PostgresOrganizationQueries
from inventiv_adapters.identity.postgres.sessions import PostgresSessionQueries
from inventiv_adapters.identity.postgres.users import PostgresUserQueries
from inventiv_adapters.identity.smtp import SmtpMailer
from inventiv_adapters.inference.http1 import Http1Engines, Http1Reply
from inventiv_adapters.inference.memory import (
    MemoryLimiter,
    MemoryLimitQueries,
    MemoryRoutingQueries,
    MemorySpool,
)
from inventiv_adapters.inference.postgres import (
    PostgresLimitQueries,
    PostgresRoutingQueries,
)
from inventiv_adapters.inference.redis import RedisLimiter
from inventiv_adapters.inference.spool import FileSpool
from inventiv_adapters.instances.memory import MemoryBootQueries, MemoryInstanceQueries
from inventiv_adapters.instances.postgres import PostgresBootQueries, PostgresInstanceQueries
from inventiv_adapters.kernel.chance import SeededChance, SystemChance
from inventiv_adapters.kernel.clock import ManualClock, SystemClock
from inventiv_adapters.kernel.ids import SerialIds, Uuid7
from inventiv_adapters.kernel.memory import MemoryBus, MemoryRelay
from inventiv_adapters.kernel.postgres import PostgresRelay
from inventiv_adapters.kernel.redis import RedisBus
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.models.memory.models import MemoryMachineQueries, MemoryModelQueries
from inventiv_adapters.models.memory.offerings import MemoryOfferingQueries
from inventiv_adapters.models.postgres.models import PostgresMachineQueries, PostgresModelQueries
from inventiv_adapters.models.postgres.offerings import PostgresOfferingQueries
from inventiv_adapters.observability.memory import MemoryObservabilityQueries
from inventiv_adapters.observability.postgres import PostgresObservabilityQueries
from inventiv_adapters.orchestration.http import HttpEngineProbe
from inventiv_adapters.orchestration.memory import HealthyEngines, MemorySituationQueries
from inventiv_adapters.orchestration.postgres import PostgresSituationQueries
from inventiv_adapters.realtime.memory import MemoryEventLog
from inventiv_adapters.realtime.postgres import PostgresEventLog
from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_adapters.settings.postgres import PostgresSettingQueries
from inventiv_adapters.storages.memory import MemoryStorageQueries
from inventiv_adapters.storages.postgres import PostgresStorageQueries
from inventiv_adapters.unit_of_work import PostgresUnitOfWork
from inventiv_adapters.workbench.memory.chat_models import MemoryLiveModelQueries
from inventiv_adapters.workbench.memory.projects import MemoryProjectQueries
from inventiv_adapters.workbench.memory.retention import MemoryRetentionQueries
from inventiv_adapters.workbench.memory.runs import MemoryRunQueries
from inventiv_adapters.workbench.postgres.chat_models import PostgresLiveModelQueries
from inventiv_adapters.workbench.postgres.projects import PostgresProjectQueries
from inventiv_adapters.workbench.postgres.retention import PostgresRetentionQueries
from inventiv_adapters.workbench.postgres.runs import PostgresRunQueries
from inventiv_adapters.workers.http import HttpOrchestrator
from inventiv_adapters.workers.keys import DerivedEngineKeys
from inventiv_adapters.workers.memory import MemoryWorkerQueries
from inventiv_adapters.workers.postgres import PostgresWorkerQueries
from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.action_logs.ports import ActionLogQueries, ActionLogWork
from inventiv_core.activations.ports import ActivationQueries, ActivationWork
from inventiv_core.catalog.ports import CatalogQueries, CatalogWork, PriceQueries
from inventiv_core.cloud.ports import (
    ChecksCredentials,
    CloudProvider,
    Clouds,
    ForgetsSetups,
    SellsMachines,
)
from inventiv_core.commands.ports import CommandQueries, CommandWork
from inventiv_core.deployments.ports import BootQueries, DeploymentWork
from inventiv_core.finops.ports.costs import CostQueries, RentalWork
from inventiv_core.finops.ports.leaks import LeakQueries
from inventiv_core.finops.ports.wallets import LedgerWork, WalletQueries
from inventiv_core.finops.ports.work import CostWork
from inventiv_core.identity.ports.api_keys import ApiKeyQueries, ApiKeySecrets
from inventiv_core.identity.ports.invitations import InvitationQueries
from inventiv_core.identity.ports.mails import LinkTokens, Mailer
from inventiv_core.identity.ports.organizations import OrganizationQueries
from inventiv_core.identity.ports.passwords import PasswordHasher
from inventiv_core.identity.ports.sessions import SessionQueries, SessionTokens
from inventiv_core.identity.ports.users import UserQueries
from inventiv_core.identity.ports.work import IdentityWork
from inventiv_core.inference.ports import (
    EngineReply,
    Engines,
    Limiter,
    LimitQueries,
    RoutingQueries,
    UsageSpool,
    UsageWork,
)
from inventiv_core.instances.ports import InstanceQueries, InstanceWork
from inventiv_core.kernel.bus import Bus, EventLog, Relay
from inventiv_core.kernel.chance import Chance
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import SecretBox
from inventiv_core.kernel.unit_of_work import UnitOfWork
from inventiv_core.models.ports import (
    MachineQueries,
    ModelQueries,
    ModelWork,
    OfferingQueries,
    OfferingWork,
)
from inventiv_core.observability.ports import (
    MeasurementWork,
    ObservabilityQueries,
    RuntimeModelWork,
)
from inventiv_core.orchestration.ports import EngineProbe, OrchestrationWork, SituationQueries
from inventiv_core.settings.ports import SettingQueries, SettingsWork
from inventiv_core.storages.ports import StorageQueries, StorageWork
from inventiv_core.workbench.ports import (
    LiveModelQueries,
    ProjectQueries,
    RetentionQueries,
    RunQueries,
    WorkbenchWork,
)
from inventiv_core.workers.ports import (
    EngineKeys,
    ExternalOrchestrator,
    WorkerQueries,
    WorkerTokens,
    WorkerTokenWork,
    WorkerWork,
)


def clocks(system: SystemClock, manual: ManualClock) -> Iterable[Clock]:
    return system, manual


def ids(random: Uuid7, serial: SerialIds) -> Iterable[NewId]:
    return random, serial


def chances(system: SystemChance, seeded: SeededChance) -> Iterable[Chance]:
    return system, seeded


def buses(memory: MemoryBus, redis: RedisBus) -> Iterable[Bus]:
    return memory, redis


def relays(memory: MemoryRelay, postgres: PostgresRelay) -> Iterable[Relay]:
    return memory, postgres


def event_logs(memory: MemoryEventLog, postgres: PostgresEventLog) -> Iterable[EventLog]:
    return memory, postgres


def password_hashers(argon2: Argon2Passwords) -> PasswordHasher:
    return argon2


def api_keys(random: RandomApiKeys) -> ApiKeySecrets:
    return random


def api_key_queries(
    memory: MemoryApiKeyQueries, postgres: PostgresApiKeyQueries
) -> Iterable[ApiKeyQueries]:
    return memory, postgres


def session_tokens(jwt: JwtSessionTokens) -> SessionTokens:
    return jwt


def link_tokens(derived: DerivedLinkTokens) -> LinkTokens:
    return derived


def mailers(memory: MemoryMailer, files: FileMailer, smtp: SmtpMailer) -> Iterable[Mailer]:
    return memory, files, smtp


def external_orchestrator(http: HttpOrchestrator) -> ExternalOrchestrator:
    return http


def leak_queries(memory: MemoryLeakQueries, real: PostgresLeakQueries) -> tuple[LeakQueries, ...]:
    return memory, real


def engine_keys(derived: DerivedEngineKeys) -> EngineKeys:
    return derived


def worker_tokens(derived: DerivedWorkerTokens) -> WorkerTokens:
    return derived


def usage_spools(memory: MemorySpool, files: FileSpool) -> Iterable[UsageSpool]:
    return memory, files


def engines(http1: Http1Engines) -> Engines:
    return http1


def replies(http1: Http1Reply) -> EngineReply:
    return http1


def probes(http: HttpEngineProbe, healthy: HealthyEngines) -> Iterable[EngineProbe]:
    return http, healthy


def clouds(fixed: FixedClouds, accounts: AccountClouds) -> Iterable[Clouds]:
    return fixed, accounts


def providers(
    memory: MemoryCloud, mock: MockCloud, scaleway: ScalewayCloud
) -> Iterable[CloudProvider]:
    return memory, mock, scaleway


def activation_queries(
    memory: MemoryActivationQueries, postgres: PostgresActivationQueries
) -> Iterable[ActivationQueries]:
    return memory, postgres


def activations(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[ActivationWork]]:
    return memory, postgres


def storage_queries(
    memory: MemoryStorageQueries, postgres: PostgresStorageQueries
) -> Iterable[StorageQueries]:
    return memory, postgres


def storages(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[StorageWork]]:
    return memory, postgres


def command_queries(
    memory: MemoryCommandQueries, postgres: PostgresCommandQueries
) -> Iterable[CommandQueries]:
    return memory, postgres


def session_queries(
    memory: MemorySessionQueries, postgres: PostgresSessionQueries
) -> Iterable[SessionQueries]:
    return memory, postgres


def organization_queries(
    memory: MemoryOrganizationQueries, postgres: PostgresOrganizationQueries
) -> Iterable[OrganizationQueries]:
    return memory, postgres


def invitation_queries(
    memory: MemoryInvitationQueries, postgres: PostgresInvitationQueries
) -> Iterable[InvitationQueries]:
    return memory, postgres


def user_queries(memory: MemoryUserQueries, postgres: PostgresUserQueries) -> Iterable[UserQueries]:
    return memory, postgres


def catalog_queries(
    memory: MemoryCatalogQueries, postgres: PostgresCatalogQueries
) -> Iterable[CatalogQueries]:
    return memory, postgres


def price_queries(
    memory: MemoryPriceQueries, postgres: PostgresPriceQueries
) -> Iterable[PriceQueries]:
    return memory, postgres


def cost_queries(memory: MemoryCostQueries, postgres: PostgresCostQueries) -> Iterable[CostQueries]:
    return memory, postgres


def checkers(
    memory: MemoryCloud, mock: MockCloud, scaleway: ScalewayCloud
) -> Iterable[ChecksCredentials]:
    return memory, mock, scaleway


def secret_boxes(aes: AesSecretBox) -> SecretBox:
    return aes


def setting_queries(
    memory: MemorySettingQueries, postgres: PostgresSettingQueries
) -> Iterable[SettingQueries]:
    return memory, postgres


def settings(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[SettingsWork]]:
    return memory, postgres


def sellers(
    memory: MemoryCloud, mock: MockCloud, scaleway: ScalewayCloud
) -> Iterable[SellsMachines]:
    return memory, mock, scaleway


def forgetful(memory: MemoryCloud, scaleway: ScalewayCloud) -> Iterable[ForgetsSetups]:
    return memory, scaleway


def model_queries(
    memory: MemoryModelQueries, postgres: PostgresModelQueries
) -> Iterable[ModelQueries]:
    return memory, postgres


def offering_queries(
    memory: MemoryOfferingQueries, postgres: PostgresOfferingQueries
) -> Iterable[OfferingQueries]:
    return memory, postgres


def machine_queries(
    memory: MemoryMachineQueries, postgres: PostgresMachineQueries
) -> Iterable[MachineQueries]:
    return memory, postgres


def action_log_queries(
    memory: MemoryActionLogQueries, postgres: PostgresActionLogQueries
) -> Iterable[ActionLogQueries]:
    return memory, postgres


def instance_queries(
    memory: MemoryInstanceQueries, postgres: PostgresInstanceQueries
) -> Iterable[InstanceQueries]:
    return memory, postgres


def boot_queries(memory: MemoryBootQueries, postgres: PostgresBootQueries) -> Iterable[BootQueries]:
    return memory, postgres


def situation_queries(
    memory: MemorySituationQueries, postgres: PostgresSituationQueries
) -> Iterable[SituationQueries]:
    return memory, postgres


def worker_queries(
    memory: MemoryWorkerQueries, postgres: PostgresWorkerQueries
) -> Iterable[WorkerQueries]:
    return memory, postgres


def observability_queries(
    memory: MemoryObservabilityQueries, postgres: PostgresObservabilityQueries
) -> Iterable[ObservabilityQueries]:
    return memory, postgres


def measurements(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[MeasurementWork]]:
    return memory, postgres


def runtime_models(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[RuntimeModelWork]]:
    return memory, postgres


def tokens_of_workers(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[WorkerTokenWork]]:
    return memory, postgres


def limiters(memory: MemoryLimiter, redis: RedisLimiter) -> Iterable[Limiter]:
    return memory, redis


def limit_queries(
    memory: MemoryLimitQueries, postgres: PostgresLimitQueries
) -> Iterable[LimitQueries]:
    return memory, postgres


def routing_queries(
    memory: MemoryRoutingQueries, postgres: PostgresRoutingQueries
) -> Iterable[RoutingQueries]:
    return memory, postgres


def identity(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[IdentityWork]]:
    return memory, postgres


def catalog(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[CatalogWork]]:
    return memory, postgres


def offerings(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[OfferingWork]]:
    return memory, postgres


def models(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[ModelWork]]:
    return memory, postgres


def action_logs(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[ActionLogWork]]:
    return memory, postgres


def commands(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[CommandWork]]:
    return memory, postgres


def instances(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[InstanceWork]]:
    return memory, postgres


def deployments(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[DeploymentWork]]:
    return memory, postgres


def workers(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[WorkerWork]]:
    return memory, postgres


def usage(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[UsageWork]]:
    return memory, postgres


def orchestration(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[OrchestrationWork]]:
    return memory, postgres


def live_model_queries(
    memory: MemoryLiveModelQueries, postgres: PostgresLiveModelQueries
) -> Iterable[LiveModelQueries]:
    return memory, postgres


def project_queries(
    memory: MemoryProjectQueries, postgres: PostgresProjectQueries
) -> Iterable[ProjectQueries]:
    return memory, postgres


def run_queries(memory: MemoryRunQueries, postgres: PostgresRunQueries) -> Iterable[RunQueries]:
    return memory, postgres


def retention_queries(
    memory: MemoryRetentionQueries, postgres: PostgresRetentionQueries
) -> Iterable[RetentionQueries]:
    return memory, postgres


def workbench(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[WorkbenchWork]]:
    return memory, postgres


def wallet_queries(
    memory: MemoryWalletQueries, postgres: PostgresWalletQueries
) -> Iterable[WalletQueries]:
    return memory, postgres


def rentals(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[RentalWork]]:
    return memory, postgres


def cost_books(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[CostWork]]:
    return memory, postgres


def ledgers(
    memory: MemoryUnitOfWork, postgres: PostgresUnitOfWork
) -> Iterable[UnitOfWork[LedgerWork]]:
    return memory, postgres
