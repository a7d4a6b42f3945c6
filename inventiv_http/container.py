"""The composition root: the only module that knows which adapter meets which port.

What only some settings need is imported where they ask for it: a library that nobody uses is
memory of every process all the same, and a start that takes longer. So it is with the whole
world in memory: see `inventiv_http.container_in_memory`.
"""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dependency_injector.containers import DeclarativeContainer
from dependency_injector.providers import (
    Callable,
    DependenciesContainer,
    Dependency,
    Factory,
    Object,
    Provider,
    Singleton,
)

from inventiv_adapters.action_logs.postgres import PostgresActionLogQueries
from inventiv_adapters.activations.postgres import PostgresActivationQueries
from inventiv_adapters.catalog.postgres.lists import PostgresCatalogQueries
from inventiv_adapters.catalog.postgres.prices import PostgresPriceQueries
from inventiv_adapters.cloud.accounts import AccountClouds
from inventiv_adapters.cloud.mock.behaviour import MockBehaviour, parse_faults
from inventiv_adapters.cloud.mock.datacenter import Datacenter
from inventiv_adapters.cloud.mock.ledger import Ledger
from inventiv_adapters.cloud.mock.provider import MockCloud
from inventiv_adapters.cloud.scaleway.accounts import ScalewayAccounts
from inventiv_adapters.cloud.scaleway.choices import ZONES, ScalewayChoices
from inventiv_adapters.commands.postgres import PostgresCommandQueries
from inventiv_adapters.deployments.postgres import PostgresQuotaQueries
from inventiv_adapters.embedded.directory import DataDirectory, DataDirectoryUnusable
from inventiv_adapters.embedded.server import EmbeddedPostgres
from inventiv_adapters.finops.envelopes import enveloped
from inventiv_adapters.finops.postgres.costs import PostgresCostQueries
from inventiv_adapters.finops.postgres.leaks import PostgresLeakQueries
from inventiv_adapters.finops.postgres.wallets import PostgresWalletQueries
from inventiv_adapters.identity.argon2 import Argon2Passwords
from inventiv_adapters.identity.jwt import JwtSessionTokens
from inventiv_adapters.identity.keys import RandomApiKeys
from inventiv_adapters.identity.letters import Sender
from inventiv_adapters.identity.links import DerivedLinkTokens
from inventiv_adapters.identity.mail_files import FileMailer
from inventiv_adapters.identity.postgres.api_keys import PostgresApiKeyQueries
from inventiv_adapters.identity.postgres.invitations import PostgresInvitationQueries
from inventiv_adapters.identity.postgres.organizations import PostgresOrganizationQueries
from inventiv_adapters.identity.postgres.sessions import PostgresSessionQueries
from inventiv_adapters.identity.postgres.users import PostgresUserQueries
from inventiv_adapters.inference.deadlines import Deadlines
from inventiv_adapters.inference.http1 import Http1Engines
from inventiv_adapters.inference.memory import (
    MemoryLimiter,
    MemorySpool,
)
from inventiv_adapters.inference.postgres import (
    PostgresLimitQueries,
    PostgresRoutingQueries,
)
from inventiv_adapters.inference.spool import FileSpool
from inventiv_adapters.instances.postgres import PostgresBootQueries, PostgresInstanceQueries
from inventiv_adapters.kernel.chance import SystemChance
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import Uuid7
from inventiv_adapters.kernel.memory import MemoryBus
from inventiv_adapters.kernel.postgres import PostgresRelay
from inventiv_adapters.kernel.postgres.pool import (
    OUTAGES,
    Pool,
    WrongLine,
    must_be_the_right_line,
    open_later,
)
from inventiv_adapters.models.postgres.models import PostgresMachineQueries, PostgresModelQueries
from inventiv_adapters.models.postgres.offerings import PostgresOfferingQueries
from inventiv_adapters.observability.postgres import PostgresObservabilityQueries
from inventiv_adapters.orchestration.http import HttpEngineProbe
from inventiv_adapters.orchestration.messages import CHANNEL as ORCHESTRATOR_CHANNEL
from inventiv_adapters.orchestration.messages import commanded
from inventiv_adapters.orchestration.postgres import PostgresSituationQueries
from inventiv_adapters.realtime.postgres import PostgresEventLog
from inventiv_adapters.schema.dumps import (
    DumpFailed,
    restore_database,
    steps_in,
    tables_in,
    write_dump,
)
from inventiv_adapters.schema.postgres import (
    count_tables,
    look_at_schema,
    replacement,
    upgrade_schema,
)
from inventiv_adapters.schema.versions import (
    SchemaBusy,
    SchemaOutdated,
    SchemaState,
    shipped_schema,
)
from inventiv_adapters.settings.aes import AesSecretBox
from inventiv_adapters.settings.postgres import PostgresSettingQueries
from inventiv_adapters.storages.postgres import PostgresStorageQueries
from inventiv_adapters.unit_of_work import PostgresUnitOfWork
from inventiv_adapters.workbench.postgres.chat_models import PostgresLiveModelQueries
from inventiv_adapters.workbench.postgres.projects import PostgresProjectQueries
from inventiv_adapters.workbench.postgres.retention import PostgresRetentionQueries
from inventiv_adapters.workbench.postgres.runs import PostgresRunQueries
from inventiv_adapters.workers.http import HttpOrchestrator
from inventiv_adapters.workers.keys import DerivedEngineKeys
from inventiv_adapters.workers.postgres import PostgresWorkerQueries
from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.action_logs.use_cases import (
    ExportActionLogs,
    ListActionKinds,
    ListActionLogs,
    ListPlatformActions,
    SearchActionLogs,
)
from inventiv_core.activations.use_cases import (
    ActivateInstance,
    GetActivationPolicy,
    SetActivationPolicy,
    WithdrawActivation,
)
from inventiv_core.catalog.entities import MOCK
from inventiv_core.catalog.use_cases.exchange import ExportCatalog, ImportCatalog
from inventiv_core.catalog.use_cases.instance_types import (
    CreateInstanceType,
    ListInstanceTypes,
    ListOnSale,
    ListPrices,
    ListZonesOfInstanceType,
    SearchInstanceTypes,
    SetZonesOfInstanceType,
    UpdateInstanceType,
)
from inventiv_core.catalog.use_cases.providers import (
    CreateProvider,
    ListProviders,
    SearchProviders,
    UpdateProvider,
)
from inventiv_core.catalog.use_cases.regions import (
    CreateRegion,
    ListRegions,
    SearchRegions,
    UpdateRegion,
)
from inventiv_core.catalog.use_cases.seeding import SeedCatalog
from inventiv_core.catalog.use_cases.syncing import SyncCatalog
from inventiv_core.catalog.use_cases.zones import CreateZone, ListZones, SearchZones, UpdateZone
from inventiv_core.cloud.ports import CloudProvider
from inventiv_core.commands.use_cases import (
    ClaimCommand,
    ForgetCommands,
    GetCommand,
    HandOverCommand,
    ListCommands,
    RenewCommand,
    RunCommand,
    TriggerCommand,
)
from inventiv_core.deployments.use_cases.deployments import CreateDeployment
from inventiv_core.deployments.use_cases.plans import ForgetPlans, PlanDeployment
from inventiv_core.deployments.use_cases.quotas import GetQuota, SetQuota
from inventiv_core.finops.use_cases.charging import ChargeUsage
from inventiv_core.finops.use_cases.closing import CloseHours
from inventiv_core.finops.use_cases.costs import (
    GetCostSeries,
    GetCostSummary,
    GetSpent,
    ListActualCosts,
    ListAdjustments,
    ListCumulativeCosts,
    ListForecasts,
)
from inventiv_core.finops.use_cases.leaks import CountLeaks, ListLeaks
from inventiv_core.finops.use_cases.wallets import (
    ChangePlan,
    GetStatement,
    GetWallet,
    ListTokenPrices,
    SetTokenPrice,
    TopUpWallet,
)
from inventiv_core.identity.entities.attempts import Allowance, LoginAllowances, ResetAllowances
from inventiv_core.identity.ports.mails import Mailer
from inventiv_core.identity.use_cases.acceptances import (
    AcceptInvitation,
    PreviewInvitation,
    RegisterInvited,
)
from inventiv_core.identity.use_cases.api_keys import (
    CreateApiKey,
    ListApiKeys,
    ListOrganizationKeys,
    RevokeApiKey,
    RevokeOrganizationKey,
    SearchApiKeys,
    UpdateApiKey,
)
from inventiv_core.identity.use_cases.bootstrap import Bootstrap
from inventiv_core.identity.use_cases.callers import KnownCallers, RecogniseCaller
from inventiv_core.identity.use_cases.invitations import (
    InviteMember,
    ListInvitations,
    ResendInvitation,
    RevokeInvitation,
)
from inventiv_core.identity.use_cases.logins import LogIn, LogOut, OpenLocalSession
from inventiv_core.identity.use_cases.mails import ForgetMails, SendMails
from inventiv_core.identity.use_cases.members import ChangeMemberRole, ListMembers, RemoveMember
from inventiv_core.identity.use_cases.organizations import (
    CreateOrganization,
    DeleteOrganization,
    GetOrganization,
    ListOrganizations,
    UpdateOrganization,
)
from inventiv_core.identity.use_cases.passwords import (
    ChangePassword,
    ForgetPasswordResets,
    RequestPasswordReset,
    ResetPassword,
    SetPassword,
)
from inventiv_core.identity.use_cases.profile import UpdateProfile
from inventiv_core.identity.use_cases.recognition import RecogniseSession, StoreUses, Uses
from inventiv_core.identity.use_cases.sessions import (
    ForgetSessions,
    ListSessions,
    RevokeSession,
    SwitchWorkspace,
)
from inventiv_core.identity.use_cases.users import (
    CreateUser,
    DeleteUser,
    GetUser,
    ListUsers,
    SearchUsers,
    UpdateUser,
)
from inventiv_core.inference.entities.limits import Limits
from inventiv_core.inference.entities.offerings import Offerings
from inventiv_core.inference.entities.retries import RetryBudget
from inventiv_core.inference.entities.routing import Router
from inventiv_core.inference.use_cases.admission import Admission, RenewHolds, SeedBudgets
from inventiv_core.inference.use_cases.forwarding import ForwardInference
from inventiv_core.inference.use_cases.limits import (
    ListLimits,
    ListPlatformLimits,
    RemoveLimit,
    RemovePlatformLimit,
    SetLimit,
    SetPlatformLimit,
)
from inventiv_core.inference.use_cases.metering import FlushUsage
from inventiv_core.inference.use_cases.routing import ListServedModels, RefreshRoutes
from inventiv_core.instances.use_cases import (
    ArchiveInstance,
    ForgetIdempotencyKeys,
    GetInstance,
    ListInstances,
    SearchInstances,
    TerminateInstance,
)
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.secrets import Secret
from inventiv_core.models.use_cases.fits import (
    FitArchitecture,
    FitModel,
    ListModelsForType,
    RecommendDataVolume,
)
from inventiv_core.models.use_cases.models import (
    CreateModel,
    DeleteModel,
    GetModel,
    ListModels,
    SearchModels,
    UpdateModel,
)
from inventiv_core.models.use_cases.offerings import (
    CreateOffering,
    DeleteOffering,
    GetOffering,
    ListUsableModels,
    SearchOfferings,
    SetOfferingPrice,
    UpdateOffering,
)
from inventiv_core.models.use_cases.seeding import SeedModels
from inventiv_core.models.use_cases.shares import (
    ListShares,
    RevokeShare,
    SetSharePrice,
    ShareOffering,
    UpdateShare,
)
from inventiv_core.observability.entities import Kept, MeasurementQueue
from inventiv_core.observability.use_cases import (
    CountFleet,
    FlushMeasurements,
    GetRequestMetrics,
    KeepMeasurements,
    ListRuntimeModels,
    NoteRuntimeModels,
    RollUpMeasurements,
    ShowGpuActivity,
    ShowSystemActivity,
)
from inventiv_core.orchestration.entities import Patience
from inventiv_core.orchestration.use_cases.reconciling import (
    ClaimInstances,
    ReconcileInstance,
    RenewLease,
)
from inventiv_core.orchestration.use_cases.reinstalling import ReinstallInstance
from inventiv_core.orchestration.use_cases.sweeping import SweepMachines
from inventiv_core.realtime.use_cases import (
    FollowEvents,
    ForgetEvents,
    RelayEvents,
    ReplayEvents,
    WatchEvents,
)
from inventiv_core.settings.definitions import DEFINITIONS, SCALEWAY
from inventiv_core.settings.entities import Value
from inventiv_core.settings.errors import SettingInvalid
from inventiv_core.settings.use_cases.credentials import (
    CheckCredentials,
    DeleteCredentials,
    GetCredentials,
    ListConfigStatus,
    SetCredentials,
)
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from inventiv_core.settings.use_cases.globals import (
    ChangeGlobalSetting,
    ListGlobalSettings,
    ListSettingDefinitions,
)
from inventiv_core.settings.use_cases.params import ChangeProviderParams, ListProviderParams
from inventiv_core.settings.use_cases.rotation import RotateSecrets
from inventiv_core.settings.use_cases.seeding import SeedCredentials
from inventiv_core.workbench.use_cases.chat_models import ListChatModels
from inventiv_core.workbench.use_cases.messages import AppendMessage
from inventiv_core.workbench.use_cases.projects import (
    CreateProject,
    DeleteProject,
    ListProjects,
    UpdateProject,
)
from inventiv_core.workbench.use_cases.retention import GetRetention, SetRetention, SweepWorkbench
from inventiv_core.workbench.use_cases.runs import (
    CompleteRun,
    CreateRun,
    DeleteRun,
    GetRun,
    ListRuns,
    SearchRuns,
    UpdateRun,
)
from inventiv_core.workers.use_cases.forwarding import ForwardWorkerMessage
from inventiv_core.workers.use_cases.heartbeats import FlushHeartbeats, Heartbeat, Roster
from inventiv_core.workers.use_cases.registrations import RegisterWorker
from inventiv_core.workers.use_cases.tokens import RotateWorkerToken
from inventiv_http.connections.outbox import Outbox
from inventiv_http.kernel.metrics import Metrics
from inventiv_http.settings import Settings, SettingsInvalid
from inventiv_http.settings.environment import CHANGEABLE

if TYPE_CHECKING:
    from inventiv_adapters.inference.redis import RedisLimiter
    from inventiv_adapters.kernel.redis import RedisBus
    from inventiv_http.container_in_memory import MemoryAdapters

__all__ = [  # what the front ends start and stop, beside the containers
    "OUTAGES",
    "Application",
    "DataDirectory",
    "DataDirectoryUnusable",
    "DumpFailed",
    "EmbeddedPostgres",
    "Ledger",
    "MemoryAdapters",
    "PostgresAdapters",
    "SchemaBusy",
    "SchemaOutdated",
    "SchemaState",
    "WrongLine",
    "count_tables",
    "look_at_schema",
    "mail_directory",
    "mock_directory",
    "must_be_the_right_line",
    "replacement",
    "restore_database",
    "shipped_schema",
    "steps_in",
    "tables_in",
    "upgrade_schema",
    "write_dump",
]

_SMTPS = 465
"""The port on which TLS begins at once (RFC 8314)."""


def mock_directory(data_dir: str | Path | None) -> Path:
    """Return where the mock cloud keeps what it has rented out.

    Raises:
        SettingsInvalid: There is no data directory.
    """
    if data_dir is None:
        message = "Set INVENTIV_DATA_DIR: where the mock cloud keeps its books."
        raise SettingsInvalid(message)
    return Path(data_dir).expanduser() / "mock-cloud"


def _usage_spool(settings: Settings, new_id: NewId, outbox: Outbox) -> FileSpool | MemorySpool:
    """Return what keeps usage until it is in the database: on disk, where there is one."""
    if settings.data_dir is None:
        return MemorySpool()
    directory = Path(settings.data_dir).expanduser() / "usage"
    return FileSpool(directory, new_id=new_id, before=outbox.before)


def mail_directory(settings: Settings) -> Path | None:
    """Return where mails are written that nobody sends; ``None`` if somebody does.

    Raises:
        SettingsInvalid: There is neither an SMTP server nor a data directory.
    """
    if settings.smtp_server is not None:
        return None
    if settings.data_dir is None:
        message = "Set INVENTIV_SMTP_SERVER, or INVENTIV_DATA_DIR: where mails go otherwise."
        raise SettingsInvalid(message)
    return Path(settings.data_dir).expanduser() / "mails"


def _mailer(settings: Settings) -> Mailer:
    directory = mail_directory(settings)
    if directory is not None:
        email = settings.smtp_from_email or "inventiv@localhost"
        return FileMailer(directory, Sender(email=email, name=settings.smtp_from_name))
    username, password = settings.smtp_username, settings.mail_password()
    if (username is None) != (password is None):
        message = "INVENTIV_SMTP_USERNAME and INVENTIV_SMTP_PASSWORD go together: set both."
        raise SettingsInvalid(message)
    email = settings.smtp_from_email or username or ""
    if "@" not in email:
        message = "Set INVENTIV_SMTP_FROM_EMAIL: the address that mail comes from."
        raise SettingsInvalid(message)
    from inventiv_adapters.identity.smtp import SmtpMailer, SmtpServer  # noqa: PLC0415 - see above

    starts_plain = settings.smtp_starttls
    server = SmtpServer(
        host=settings.smtp_server or "",
        port=settings.smtp_port,
        use_tls=settings.smtp_use_tls,
        starts_plain=settings.smtp_port != _SMTPS if starts_plain is None else starts_plain,
        username=username,
        password=password,
        ca_file=settings.smtp_ca_file,
    )
    try:
        return SmtpMailer(server, Sender(email=email, name=settings.smtp_from_name))
    except OSError as error:
        message = f"INVENTIV_SMTP_CA_FILE: {settings.smtp_ca_file} holds no certificates."
        raise SettingsInvalid(message) from error


def _patience(settings: Settings) -> Patience:
    return Patience(
        lease=timedelta(seconds=settings.lease_s),
        losses_believed=settings.losses_believed,
        drain=timedelta(seconds=settings.machine_drain_s),
    )


def _environment(settings: Settings) -> dict[str, Value]:
    """Return what the environment says of settings that may be changed at run time, by key."""
    values: dict[str, Value] = {}
    for key, field in CHANGEABLE.items():
        value: Value | None = getattr(settings, field)
        if value is not None:
            try:
                values[key] = DEFINITIONS[key].read(value)
            except SettingInvalid as error:
                raise SettingsInvalid(str(error)) from error
    return values


def _secret_box(settings: Settings) -> AesSecretBox:
    return AesSecretBox(settings.secrets_keys())


def _kept(settings: Settings) -> Kept:
    return Kept(
        seconds=timedelta(hours=settings.samples_kept_h),
        minutes=timedelta(days=settings.minutes_kept_d),
        hours=timedelta(days=settings.hours_kept_d),
        days=timedelta(days=settings.days_kept_d),
    )


def _login_allowances(settings: Settings) -> LoginAllowances:
    window = timedelta(seconds=settings.login_window_s)
    return LoginAllowances(
        per_account=Allowance(most=settings.login_failures_per_account, window=window),
        per_address=Allowance(most=settings.login_failures_per_address, window=window),
    )


def _invitation_allowance(settings: Settings) -> Allowance:
    return Allowance(
        most=settings.invitation_misses_per_address,
        window=timedelta(seconds=settings.login_window_s),
    )


def _sending_allowance(settings: Settings) -> Allowance:
    return Allowance(most=settings.invitations_per_user, window=timedelta(hours=1))


def _password_reset_allowances(settings: Settings) -> ResetAllowances:
    window = timedelta(seconds=settings.password_reset_window_s)
    return ResetAllowances(
        per_account=Allowance(most=settings.password_resets_per_account, window=window),
        per_address=Allowance(most=settings.password_resets_per_address, window=window),
    )


def _behaviour(settings: Settings) -> MockBehaviour:
    try:
        faults = parse_faults(settings.mock_faults)
    except ValueError as error:
        message = f"INVENTIV_MOCK_FAULTS: {error}"
        raise SettingsInvalid(message) from error
    return MockBehaviour(
        boot_s=settings.mock_boot_s,
        install_s=settings.mock_install_s,
        load_s=settings.mock_load_s,
        token_delay_s=settings.mock_token_delay_s,
        seed=settings.mock_seed,
        faults=faults,
    )


def _scaleway_choices(settings: Settings) -> ScalewayChoices:
    return ScalewayChoices(
        zones=settings.zones_of_scaleway() or ZONES,
        image=settings.scaleway_image,
        callers=settings.gateway_addresses(),
    )


def _scaleway_url(settings: Settings) -> str:
    if not settings.scaleway_url.startswith(("https://", "http://")):
        message = "INVENTIV_SCALEWAY_URL is no URL: it begins with https://."
        raise SettingsInvalid(message)
    return settings.scaleway_url


def _by_code(mock: CloudProvider) -> dict[str, CloudProvider]:
    return {MOCK: mock}


def _makers(scaleway: ScalewayAccounts) -> dict[str, ScalewayAccounts]:
    return {SCALEWAY: scaleway}


def _engine_secret(settings: Settings) -> str:
    secret = settings.engine_secret or settings.jwt_secret
    if secret is None:
        message = "There is no secret for the keys of engines to follow from."
        raise AssertionError(message)
    return secret


def _hub_token(settings: Settings) -> Secret | None:
    return settings.hub_token()


def _words(message: Message) -> tuple[str, bytes] | None:
    return commanded(message) or enveloped(message)


def _bus(settings: Settings) -> "MemoryBus | RedisBus":
    if settings.redis_url is None:
        if settings.orchestrator_is_external:
            message = (
                "INVENTIV_ORCHESTRATOR_URL needs INVENTIV_REDIS_URL: over Redis the orchestrator "
                "is told what to do."
            )
            raise SettingsInvalid(message)
        return MemoryBus()
    from inventiv_adapters.kernel.redis import RedisBus  # noqa: PLC0415 - see above

    if settings.orchestrator_is_external:
        return RedisBus(settings.redis_url, told=_words, depends_on=ORCHESTRATOR_CHANNEL)
    return RedisBus(settings.redis_url, told=enveloped)


def _limiter(settings: Settings, clock: Clock) -> "MemoryLimiter | RedisLimiter":
    local = MemoryLimiter(clock)
    if settings.redis_url is None:
        return local
    from inventiv_adapters.inference.redis import RedisLimiter  # noqa: PLC0415 - see above

    return RedisLimiter(settings.redis_url, local, clock)


def _deadlines(settings: Settings) -> Deadlines:
    return Deadlines(
        connect_s=settings.gateway_connect_s,
        first_byte_s=settings.gateway_first_byte_s,
        idle_s=settings.gateway_idle_s,
        total_s=settings.gateway_total_s,
    )


def _public_url(settings: Settings) -> str:
    return settings.public_url or settings.url


def __getattr__(name: str) -> Any:
    """Find the world in memory once it is asked for: a server does without."""
    if name == "MemoryAdapters":
        from inventiv_http.container_in_memory import MemoryAdapters  # noqa: PLC0415 - as above

        return MemoryAdapters
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


class Common(DeclarativeContainer):
    """What is the same in every world."""

    settings: Any = Dependency(instance_of=Settings)
    new_id = Singleton(Uuid7)
    clock = Singleton(SystemClock)
    chance = Singleton(SystemChance)
    patience = Singleton(_patience, settings)
    control_plane_url = Callable(_public_url, settings)
    heartbeat_interval_s = settings.provided.worker_heartbeat_interval_s
    session_lifetime = Factory(timedelta, seconds=settings.provided.session_lifetime_s)
    local_session_lifetime = Object(timedelta(days=30))
    keep_expired = Object(timedelta(days=7))
    keep_events = Factory(timedelta, hours=settings.provided.events_kept_h)
    environment = Singleton(_environment, settings)
    secret_box = Singleton(_secret_box, settings)
    hub_token = Callable(_hub_token, settings)
    login_allowances = Factory(_login_allowances, settings)
    password_reset_allowances = Factory(_password_reset_allowances, settings)
    invitation_allowance = Factory(_invitation_allowance, settings)
    sending_allowance = Factory(_sending_allowance, settings)
    uses = Singleton(Uses)
    known_callers = Singleton(
        KnownCallers,
        Factory(timedelta, seconds=settings.provided.caller_cache_s),
        grace=Factory(timedelta, seconds=settings.provided.caller_grace_s),
    )
    api_key_secrets = Singleton(RandomApiKeys)
    password_hasher = Singleton(Argon2Passwords)
    session_tokens = Singleton(
        JwtSessionTokens, settings.provided.jwt_secret, issuer=settings.provided.jwt_issuer
    )
    link_tokens = Singleton(DerivedLinkTokens, settings.provided.jwt_secret)
    frontend_url = settings.provided.console_url
    worker_tokens = Singleton(
        DerivedWorkerTokens,
        settings.provided.jwt_secret,
        good_for_all=settings.provided.worker_auth_token,
    )
    orchestrator_is_external = settings.provided.orchestrator_is_external
    external_orchestrator = Singleton(HttpOrchestrator, settings.provided.orchestrator_url)
    engine_keys = Singleton(DerivedEngineKeys, Callable(_engine_secret, settings))
    roster = Singleton(Roster)
    measurement_queue = Singleton(MeasurementQueue)
    samples_kept = Factory(_kept, settings)
    metrics = Singleton(Metrics, roster, measurement_queue)
    router = Singleton(Router)
    offerings = Singleton(Offerings)
    limits = Singleton(Limits)
    retry_budget = Singleton(RetryBudget)
    failover_for = Factory(timedelta, seconds=settings.provided.gateway_failover_s)
    outbox = Singleton(Outbox)
    engines = Singleton(Http1Engines, Callable(_deadlines, settings), outbox)


class PostgresAdapters(Common):
    """The world outside, for real."""

    outages = Object(OUTAGES)
    pool: Provider[Pool] = Singleton(
        open_later,
        Common.settings.provided.database_url,
        max_connections=Common.settings.provided.database_max_connections,
        pooler=Common.settings.provided.pooler,
        patience_s=Common.settings.provided.database_patience_s,
    )
    unit_of_work = Singleton(PostgresUnitOfWork, pool, heard=Common.known_callers.provided.note)
    session_queries = Singleton(PostgresSessionQueries, pool)
    api_key_queries = Singleton(PostgresApiKeyQueries, pool)
    user_queries = Singleton(PostgresUserQueries, pool)
    organization_queries = Singleton(PostgresOrganizationQueries, pool)
    invitation_queries = Singleton(PostgresInvitationQueries, pool)
    catalog_queries = Singleton(PostgresCatalogQueries, pool)
    price_queries = Singleton(PostgresPriceQueries, pool)
    setting_queries = Singleton(PostgresSettingQueries, pool)
    effective_settings = Singleton(
        EffectiveSettings,
        setting_queries,
        clock=Common.clock,
        environment=Common.environment,
    )
    model_queries = Singleton(PostgresModelQueries, pool)
    machine_queries = Singleton(PostgresMachineQueries, pool)
    offering_queries = Singleton(PostgresOfferingQueries, pool)
    action_log_queries = Singleton(PostgresActionLogQueries, pool)
    instance_queries = Singleton(PostgresInstanceQueries, pool)
    activation_queries = Singleton(PostgresActivationQueries, pool)
    command_queries = Singleton(PostgresCommandQueries, pool)
    storage_queries = Singleton(PostgresStorageQueries, pool)
    quota_queries = Singleton(PostgresQuotaQueries, pool)
    live_model_queries = Singleton(PostgresLiveModelQueries, pool)
    project_queries = Singleton(PostgresProjectQueries, pool)
    run_queries = Singleton(PostgresRunQueries, pool)
    retention_queries = Singleton(PostgresRetentionQueries, pool)
    worker_queries = Singleton(PostgresWorkerQueries, pool)
    observability_queries = Singleton(PostgresObservabilityQueries, pool)
    wallet_queries = Singleton(PostgresWalletQueries, pool)
    cost_queries = Singleton(PostgresCostQueries, pool)
    leak_queries = Singleton(PostgresLeakQueries, pool)
    boot_queries = Singleton(PostgresBootQueries, pool)
    situation_queries = Singleton(PostgresSituationQueries, pool)
    routing_queries = Singleton(PostgresRoutingQueries, pool)
    usage_spool = Singleton(_usage_spool, Common.settings, Common.new_id, Common.outbox)
    limit_queries = Singleton(PostgresLimitQueries, pool)
    limiter = Singleton(_limiter, Common.settings, Common.clock)
    admission = Singleton(
        Admission, Common.limits, limiter, clock=Common.clock, new_id=Common.new_id
    )
    mailer = Singleton(_mailer, Common.settings)
    bus = Singleton(_bus, Common.settings)
    relay = Singleton(PostgresRelay, pool, Common.settings.provided.listening_url)
    event_log = Singleton(PostgresEventLog, pool)
    mock_behaviour = Singleton(_behaviour, Common.settings)
    mock_ledger = Singleton(Ledger, Callable(mock_directory, Common.settings.provided.data_dir))
    datacenter = Singleton(
        Datacenter,
        mock_ledger,
        behaviour=mock_behaviour,
        clock=Common.clock,
        new_id=Common.new_id,
    )
    mock_cloud = Singleton(
        MockCloud,
        mock_ledger,
        behaviour=mock_behaviour,
        clock=Common.clock,
        new_id=Common.new_id,
        wake=datacenter.provided.wake,
    )
    scaleway_choices = Singleton(_scaleway_choices, Common.settings)
    scaleway = Singleton(
        ScalewayAccounts,
        base_url=Callable(_scaleway_url, Common.settings),
        choices=scaleway_choices,
        chance=Common.chance,
    )
    clouds = Singleton(
        AccountClouds,
        shared=Callable(_by_code, mock_cloud),
        makers=Callable(_makers, scaleway),
        setting_queries=setting_queries,
        secret_box=Common.secret_box,
    )
    engine_probe = Singleton(HttpEngineProbe)


def _use_case(use_case: Any, adapters: Any, **others: Factory[Any]) -> Factory[Any]:
    """Build ``use_case`` from the adapters that are named like its fields, and from ``others``."""
    needs = [need.name for need in fields(use_case) if need.name not in others]
    return Factory(use_case, **{name: getattr(adapters, name) for name in needs}, **others)


class Application(DeclarativeContainer):
    """Everything one can do with Inventiv, by the name handlers ask for."""

    adapters: Any = DependenciesContainer()

    # identity
    log_in = _use_case(LogIn, adapters)
    log_out = _use_case(LogOut, adapters)
    recognise_session = _use_case(RecogniseSession, adapters)
    recognise_caller = _use_case(RecogniseCaller, adapters)
    store_uses = _use_case(StoreUses, adapters)
    create_api_key = _use_case(CreateApiKey, adapters)
    update_api_key = _use_case(UpdateApiKey, adapters)
    revoke_api_key = _use_case(RevokeApiKey, adapters)
    list_api_keys = _use_case(ListApiKeys, adapters)
    search_api_keys = _use_case(SearchApiKeys, adapters)
    list_organization_keys = _use_case(ListOrganizationKeys, adapters)
    revoke_organization_key = _use_case(RevokeOrganizationKey, adapters)
    list_sessions = _use_case(ListSessions, adapters)
    revoke_session = _use_case(RevokeSession, adapters)
    switch_workspace = _use_case(SwitchWorkspace, adapters)
    bootstrap = _use_case(Bootstrap, adapters)
    open_local_session = _use_case(OpenLocalSession, adapters)
    forget_sessions = _use_case(ForgetSessions, adapters)

    # organizations
    list_organizations = _use_case(ListOrganizations, adapters)
    get_organization = _use_case(GetOrganization, adapters)
    create_organization = _use_case(CreateOrganization, adapters)
    update_organization = _use_case(UpdateOrganization, adapters)
    delete_organization = _use_case(DeleteOrganization, adapters)
    list_members = _use_case(ListMembers, adapters)
    change_member_role = _use_case(ChangeMemberRole, adapters)
    remove_member = _use_case(RemoveMember, adapters)
    list_invitations = _use_case(ListInvitations, adapters)
    invite_member = _use_case(InviteMember, adapters)
    resend_invitation = _use_case(ResendInvitation, adapters)
    revoke_invitation = _use_case(RevokeInvitation, adapters)
    preview_invitation = _use_case(PreviewInvitation, adapters)
    accept_invitation = _use_case(AcceptInvitation, adapters)
    register_invited = _use_case(RegisterInvited, adapters)
    update_profile = _use_case(UpdateProfile, adapters)
    change_password = _use_case(ChangePassword, adapters)
    request_password_reset = _use_case(RequestPasswordReset, adapters)
    reset_password = _use_case(ResetPassword, adapters)
    set_password = _use_case(SetPassword, adapters)
    forget_password_resets = _use_case(ForgetPasswordResets, adapters)
    list_users = _use_case(ListUsers, adapters)
    search_users = _use_case(SearchUsers, adapters)
    get_user = _use_case(GetUser, adapters)
    create_user = _use_case(CreateUser, adapters)
    update_user = _use_case(UpdateUser, adapters)
    delete_user = _use_case(DeleteUser, adapters)
    send_mails = _use_case(SendMails, adapters)
    forget_mails = _use_case(ForgetMails, adapters)

    # catalog and models
    # catalog
    list_providers = _use_case(ListProviders, adapters)
    search_providers = _use_case(SearchProviders, adapters)
    create_provider = _use_case(CreateProvider, adapters)
    update_provider = _use_case(UpdateProvider, adapters)
    list_regions = _use_case(ListRegions, adapters)
    search_regions = _use_case(SearchRegions, adapters)
    create_region = _use_case(CreateRegion, adapters)
    update_region = _use_case(UpdateRegion, adapters)
    list_zones = _use_case(ListZones, adapters)
    search_zones = _use_case(SearchZones, adapters)
    create_zone = _use_case(CreateZone, adapters)
    update_zone = _use_case(UpdateZone, adapters)
    list_instance_types = _use_case(ListInstanceTypes, adapters)
    search_instance_types = _use_case(SearchInstanceTypes, adapters)
    create_instance_type = _use_case(CreateInstanceType, adapters)
    update_instance_type = _use_case(UpdateInstanceType, adapters)
    list_zones_of_instance_type = _use_case(ListZonesOfInstanceType, adapters)
    set_zones_of_instance_type = _use_case(SetZonesOfInstanceType, adapters)
    list_on_sale = _use_case(ListOnSale, adapters)
    list_prices = _use_case(ListPrices, adapters)
    export_catalog = _use_case(ExportCatalog, adapters)
    import_catalog = _use_case(ImportCatalog, adapters)
    sync_catalog = _use_case(SyncCatalog, adapters)
    seed_catalog = _use_case(SeedCatalog, adapters)

    # models
    list_models = _use_case(ListModels, adapters)
    search_models = _use_case(SearchModels, adapters)
    get_model = _use_case(GetModel, adapters)
    create_model = _use_case(CreateModel, adapters)
    update_model = _use_case(UpdateModel, adapters)
    delete_model = _use_case(DeleteModel, adapters)
    list_models_for_type = _use_case(ListModelsForType, adapters)
    recommend_data_volume = _use_case(RecommendDataVolume, adapters)
    fit_model = _use_case(FitModel, adapters)
    fit_architecture = _use_case(FitArchitecture, adapters)
    seed_models = _use_case(SeedModels, adapters)

    # offerings
    list_usable_models = _use_case(ListUsableModels, adapters)
    search_offerings = _use_case(SearchOfferings, adapters)
    get_offering = _use_case(GetOffering, adapters)
    create_offering = _use_case(CreateOffering, adapters)
    update_offering = _use_case(UpdateOffering, adapters)
    set_offering_price = _use_case(SetOfferingPrice, adapters)
    delete_offering = _use_case(DeleteOffering, adapters)
    list_shares = _use_case(ListShares, adapters)
    share_offering = _use_case(ShareOffering, adapters)
    update_share = _use_case(UpdateShare, adapters)
    set_share_price = _use_case(SetSharePrice, adapters)
    revoke_share = _use_case(RevokeShare, adapters)

    # settings
    list_setting_definitions = _use_case(ListSettingDefinitions, adapters)
    list_global_settings = _use_case(ListGlobalSettings, adapters)
    change_global_setting = _use_case(ChangeGlobalSetting, adapters)
    list_provider_params = _use_case(ListProviderParams, adapters)
    change_provider_params = _use_case(ChangeProviderParams, adapters)
    list_config_status = _use_case(ListConfigStatus, adapters)
    get_credentials = _use_case(GetCredentials, adapters)
    set_credentials = _use_case(SetCredentials, adapters)
    delete_credentials = _use_case(DeleteCredentials, adapters)
    check_credentials = _use_case(CheckCredentials, adapters)
    seed_credentials = _use_case(SeedCredentials, adapters)
    rotate_secrets = _use_case(RotateSecrets, adapters)

    # deployments and instances
    get_quota = _use_case(GetQuota, adapters)
    set_quota = _use_case(SetQuota, adapters)
    create_deployment = _use_case(CreateDeployment, adapters)
    plan_deployment = _use_case(PlanDeployment, adapters)
    forget_plans = _use_case(ForgetPlans, adapters)
    list_instances = _use_case(ListInstances, adapters)
    search_instances = _use_case(SearchInstances, adapters)
    get_instance = _use_case(GetInstance, adapters)
    terminate_instance = _use_case(TerminateInstance, adapters)
    archive_instance = _use_case(ArchiveInstance, adapters)
    activate_instance = _use_case(ActivateInstance, adapters)
    withdraw_activation = _use_case(WithdrawActivation, adapters)
    get_activation_policy = _use_case(GetActivationPolicy, adapters)
    set_activation_policy = _use_case(SetActivationPolicy, adapters)
    forget_idempotency_keys = _use_case(ForgetIdempotencyKeys, adapters)
    list_action_logs = _use_case(ListActionLogs, adapters)
    search_action_logs = _use_case(SearchActionLogs, adapters)
    export_action_logs = _use_case(ExportActionLogs, adapters)
    list_action_kinds = _use_case(ListActionKinds, adapters)
    list_platform_actions = _use_case(ListPlatformActions, adapters)

    # the workbench
    list_chat_models = _use_case(ListChatModels, adapters)
    list_projects = _use_case(ListProjects, adapters)
    create_project = _use_case(CreateProject, adapters)
    update_project = _use_case(UpdateProject, adapters)
    delete_project = _use_case(DeleteProject, adapters)
    list_runs = _use_case(ListRuns, adapters)
    search_runs = _use_case(SearchRuns, adapters)
    get_run = _use_case(GetRun, adapters)
    create_run = _use_case(CreateRun, adapters)
    update_run = _use_case(UpdateRun, adapters)
    delete_run = _use_case(DeleteRun, adapters)
    complete_run = _use_case(CompleteRun, adapters)
    append_message = _use_case(AppendMessage, adapters)
    get_retention = _use_case(GetRetention, adapters)
    set_retention = _use_case(SetRetention, adapters)
    sweep_workbench = _use_case(SweepWorkbench, adapters)

    # workers
    register_worker = _use_case(RegisterWorker, adapters)
    heartbeat = _use_case(Heartbeat, adapters)
    flush_heartbeats = _use_case(FlushHeartbeats, adapters)
    rotate_worker_token = _use_case(RotateWorkerToken, adapters)

    # observability
    show_gpu_activity = _use_case(ShowGpuActivity, adapters)
    show_system_activity = _use_case(ShowSystemActivity, adapters)
    list_runtime_models = _use_case(ListRuntimeModels, adapters)
    get_request_metrics = _use_case(GetRequestMetrics, adapters)
    flush_measurements = _use_case(FlushMeasurements, adapters)
    roll_up_measurements = _use_case(RollUpMeasurements, adapters)
    keep_measurements = _use_case(KeepMeasurements, adapters)
    note_runtime_models = _use_case(NoteRuntimeModels, adapters)
    count_fleet = _use_case(CountFleet, adapters)

    # inference
    forward_inference = _use_case(ForwardInference, adapters)
    list_served_models = _use_case(ListServedModels, adapters)
    refresh_routes = _use_case(RefreshRoutes, adapters)
    charge_usage = _use_case(ChargeUsage, adapters)
    flush_usage = _use_case(FlushUsage, adapters, charge_usage=charge_usage)
    renew_holds = _use_case(RenewHolds, adapters)
    seed_budgets = _use_case(SeedBudgets, adapters)
    list_limits = _use_case(ListLimits, adapters)
    set_limit = _use_case(SetLimit, adapters)
    remove_limit = _use_case(RemoveLimit, adapters)
    list_platform_limits = _use_case(ListPlatformLimits, adapters)
    set_platform_limit = _use_case(SetPlatformLimit, adapters)
    remove_platform_limit = _use_case(RemovePlatformLimit, adapters)

    # orchestration
    claim_instances = _use_case(ClaimInstances, adapters)
    renew_lease = _use_case(RenewLease, adapters)
    reconcile_instance = _use_case(ReconcileInstance, adapters)
    sweep_machines = _use_case(SweepMachines, adapters)
    forward_worker_message = _use_case(ForwardWorkerMessage, adapters)
    hand_over_command = _use_case(HandOverCommand, adapters)
    reinstall_instance = _use_case(ReinstallInstance, adapters)

    # commands
    trigger_command = _use_case(TriggerCommand, adapters)
    list_commands = _use_case(ListCommands, adapters)
    get_command = _use_case(GetCommand, adapters)
    claim_command = _use_case(ClaimCommand, adapters)
    renew_command = _use_case(RenewCommand, adapters)
    run_command = _use_case(
        RunCommand, adapters, sync_catalog=sync_catalog, sweep_machines=sweep_machines
    )
    forget_commands = _use_case(ForgetCommands, adapters)

    # finops
    get_cost_summary = _use_case(GetCostSummary, adapters)
    get_spent = _use_case(GetSpent, adapters)
    get_cost_series = _use_case(GetCostSeries, adapters)
    list_actual_costs = _use_case(ListActualCosts, adapters)
    list_cumulative_costs = _use_case(ListCumulativeCosts, adapters)
    list_forecasts = _use_case(ListForecasts, adapters)
    list_adjustments = _use_case(ListAdjustments, adapters)
    list_leaks = _use_case(ListLeaks, adapters)
    count_leaks = _use_case(CountLeaks, adapters)
    close_hours = _use_case(CloseHours, adapters)
    get_wallet = _use_case(GetWallet, adapters)
    get_statement = _use_case(GetStatement, adapters)
    top_up_wallet = _use_case(TopUpWallet, adapters)
    change_plan = _use_case(ChangePlan, adapters)
    list_token_prices = _use_case(ListTokenPrices, adapters)
    set_token_price = _use_case(SetTokenPrice, adapters)

    # realtime
    watch_events = _use_case(WatchEvents, adapters)
    replay_events = _use_case(ReplayEvents, adapters)
    follow_events = _use_case(FollowEvents, adapters)
    relay_events = _use_case(RelayEvents, adapters)
    forget_events = _use_case(ForgetEvents, adapters)
