"""Units of work in PostgreSQL: with those in memory, the place that knows every repository."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from inventiv_adapters.action_logs.postgres import PostgresActionLogs, PostgresActs
from inventiv_adapters.activations.postgres import PostgresActivations
from inventiv_adapters.catalog.postgres.entries import PostgresCatalog
from inventiv_adapters.commands.postgres import PostgresCommands
from inventiv_adapters.deployments.postgres import PostgresPlans, PostgresQuotas
from inventiv_adapters.finops.postgres.leaks import PostgresLeaks
from inventiv_adapters.finops.postgres.rentals import PostgresCostBooks, PostgresRentals
from inventiv_adapters.finops.postgres.wallets import PostgresTokens, PostgresWallets
from inventiv_adapters.identity.postgres.api_keys import PostgresApiKeys
from inventiv_adapters.identity.postgres.attempts import PostgresAttempts
from inventiv_adapters.identity.postgres.invitations import PostgresInvitations
from inventiv_adapters.identity.postgres.mails import PostgresMails
from inventiv_adapters.identity.postgres.organizations import PostgresOrganizations
from inventiv_adapters.identity.postgres.passwords import PostgresPasswordResets
from inventiv_adapters.identity.postgres.sessions import PostgresSessions
from inventiv_adapters.identity.postgres.users import PostgresUsers
from inventiv_adapters.inference.postgres import PostgresLimits, PostgresUsage
from inventiv_adapters.instances.postgres import PostgresEstates, PostgresInstances, PostgresLeases
from inventiv_adapters.kernel.hearing import Heard, by_nobody
from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    PostgresIdempotency,
    PostgresOutbox,
    PostgresSeedRecord,
)
from inventiv_adapters.models.postgres.models import PostgresModels
from inventiv_adapters.models.postgres.offerings import PostgresOfferings
from inventiv_adapters.observability.postgres import (
    PostgresMeasurements,
    PostgresRequestCounts,
    PostgresRuntimeModels,
)
from inventiv_adapters.settings.postgres import PostgresCredentials, PostgresSettings
from inventiv_adapters.storages.postgres import PostgresStorages
from inventiv_adapters.workbench.postgres.projects import PostgresProjects
from inventiv_adapters.workbench.postgres.retention import PostgresRetention
from inventiv_adapters.workbench.postgres.runs import PostgresRuns
from inventiv_adapters.workers.postgres import PostgresWorkers, PostgresWorkerTokens


class PostgresWork:
    """Every repository, over one connection inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.users = PostgresUsers(connection)
        self.organizations = PostgresOrganizations(connection)
        self.invitations = PostgresInvitations(connection)
        self.estates = PostgresEstates(connection)
        self.sessions = PostgresSessions(connection)
        self.api_keys = PostgresApiKeys(connection)
        self.attempts = PostgresAttempts(connection)
        self.mails = PostgresMails(connection)
        self.password_resets = PostgresPasswordResets(connection)
        self.acts = PostgresActs(connection)
        self.catalog = PostgresCatalog(connection)
        self.settings = PostgresSettings(connection)
        self.credentials = PostgresCredentials(connection)
        self.models = PostgresModels(connection)
        self.offerings = PostgresOfferings(connection)
        self.seeded = PostgresSeedRecord(connection)
        self.action_logs = PostgresActionLogs(connection)
        self.instances = PostgresInstances(connection)
        self.leases = PostgresLeases(connection)
        self.activations = PostgresActivations(connection)
        self.storages = PostgresStorages(connection)
        self.commands = PostgresCommands(connection)
        self.workers = PostgresWorkers(connection)
        self.worker_tokens = PostgresWorkerTokens(connection)
        self.measurements = PostgresMeasurements(connection)
        self.request_counts = PostgresRequestCounts(connection)
        self.runtime_models = PostgresRuntimeModels(connection)
        self.usage = PostgresUsage(connection)
        self.limits = PostgresLimits(connection)
        self.quotas = PostgresQuotas(connection)
        self.projects = PostgresProjects(connection)
        self.runs = PostgresRuns(connection)
        self.retention = PostgresRetention(connection)
        self.rentals = PostgresRentals(connection)
        self.leaks = PostgresLeaks(connection)
        self.cost_books = PostgresCostBooks(connection)
        self.wallets = PostgresWallets(connection)
        self.tokens = PostgresTokens(connection)
        self.plans = PostgresPlans(connection)
        self.idempotency = PostgresIdempotency(connection)
        self.outbox = PostgresOutbox(connection)


class PostgresUnitOfWork:
    """A transaction on a pooled connection."""

    def __init__(self, pool: Pool, *, heard: Heard = by_nobody) -> None:
        self._pool = pool
        self._heard = heard

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[PostgresWork]:
        async with self._pool.connection() as connection, connection.transaction():
            work = PostgresWork(connection)
            yield work
        for event in work.outbox.added:
            self._heard(event)
