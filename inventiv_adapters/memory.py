"""The world in memory: units of work over every repository that forgets.

Needs nothing but Python, as the core does.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from inventiv_adapters.action_logs.memory import MemoryActionLogs, MemoryActs
from inventiv_adapters.activations.memory import MemoryActivations
from inventiv_adapters.catalog.memory.entries import MemoryCatalog
from inventiv_adapters.commands.memory import MemoryCommands
from inventiv_adapters.deployments.memory import MemoryPlans, MemoryQuotas
from inventiv_adapters.finops.memory.costs import MemoryCostBooks, MemoryRentals
from inventiv_adapters.finops.memory.leaks import MemoryLeaks
from inventiv_adapters.finops.memory.wallets import MemoryTokens, MemoryWallets
from inventiv_adapters.identity.memory.api_keys import MemoryApiKeys
from inventiv_adapters.identity.memory.attempts import MemoryAttempts
from inventiv_adapters.identity.memory.invitations import MemoryInvitations
from inventiv_adapters.identity.memory.mails import MemoryMails
from inventiv_adapters.identity.memory.organizations import MemoryOrganizations
from inventiv_adapters.identity.memory.passwords import MemoryPasswordResets
from inventiv_adapters.identity.memory.sessions import MemorySessions
from inventiv_adapters.identity.memory.users import MemoryUsers
from inventiv_adapters.inference.memory import MemoryLimits, MemoryUsage
from inventiv_adapters.instances.memory import MemoryEstates, MemoryInstances, MemoryLeases
from inventiv_adapters.kernel.hearing import Heard, by_nobody
from inventiv_adapters.kernel.memory import (
    MemoryDatabase,
    MemoryIdempotency,
    MemoryOutbox,
    MemorySeedRecord,
)
from inventiv_adapters.models.memory.models import MemoryModels
from inventiv_adapters.models.memory.offerings import MemoryOfferings
from inventiv_adapters.observability.memory import (
    MemoryMeasurements,
    MemoryRequestCounts,
    MemoryRuntimeModels,
)
from inventiv_adapters.settings.memory import MemoryCredentials, MemorySettings
from inventiv_adapters.storages.memory import MemoryStorages
from inventiv_adapters.workbench.memory.projects import MemoryProjects
from inventiv_adapters.workbench.memory.retention import MemoryRetention
from inventiv_adapters.workbench.memory.runs import MemoryRuns
from inventiv_adapters.workers.memory import MemoryWorkers, MemoryWorkerTokens


class MemoryWork:
    """Every repository, over one draft of the database."""

    def __init__(self, draft: MemoryDatabase) -> None:
        self.users = MemoryUsers(draft)
        self.organizations = MemoryOrganizations(draft)
        self.invitations = MemoryInvitations(draft)
        self.estates = MemoryEstates(draft)
        self.sessions = MemorySessions(draft)
        self.api_keys = MemoryApiKeys(draft)
        self.attempts = MemoryAttempts(draft)
        self.mails = MemoryMails(draft)
        self.password_resets = MemoryPasswordResets(draft)
        self.acts = MemoryActs(draft)
        self.catalog = MemoryCatalog(draft)
        self.settings = MemorySettings(draft)
        self.credentials = MemoryCredentials(draft)
        self.models = MemoryModels(draft)
        self.offerings = MemoryOfferings(draft)
        self.seeded = MemorySeedRecord(draft)
        self.action_logs = MemoryActionLogs(draft)
        self.instances = MemoryInstances(draft)
        self.leases = MemoryLeases(draft)
        self.activations = MemoryActivations(draft)
        self.storages = MemoryStorages(draft)
        self.commands = MemoryCommands(draft)
        self.workers = MemoryWorkers(draft)
        self.worker_tokens = MemoryWorkerTokens(draft)
        self.measurements = MemoryMeasurements(draft)
        self.request_counts = MemoryRequestCounts(draft)
        self.runtime_models = MemoryRuntimeModels(draft)
        self.usage = MemoryUsage(draft)
        self.limits = MemoryLimits(draft)
        self.quotas = MemoryQuotas(draft)
        self.projects = MemoryProjects(draft)
        self.runs = MemoryRuns(draft)
        self.retention = MemoryRetention(draft)
        self.rentals = MemoryRentals(draft)
        self.leaks = MemoryLeaks(draft)
        self.cost_books = MemoryCostBooks(draft)
        self.wallets = MemoryWallets(draft)
        self.tokens = MemoryTokens(draft)
        self.plans = MemoryPlans(draft)
        self.idempotency = MemoryIdempotency(draft)
        self.outbox = MemoryOutbox(draft)


class MemoryUnitOfWork:
    """One piece of work at a time; the draft replaces the database at the end."""

    def __init__(self, database: MemoryDatabase, *, heard: Heard = by_nobody) -> None:
        self._database = database
        self._heard = heard
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[MemoryWork]:
        async with self._turn:
            draft = self._database.draft()
            yield MemoryWork(draft)
            self._database.accept(draft)
        for message in draft.outbox:
            self._heard(message.event)
