"""What orchestration needs from the outside."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from inventiv_core.action_logs.ports import ActionLogRepository
from inventiv_core.catalog.entities import ProviderId
from inventiv_core.finops.ports.costs import CostBooks, RentalRepository
from inventiv_core.finops.ports.leaks import LeakRepository
from inventiv_core.instances.entities import InstanceId
from inventiv_core.instances.ports import InstanceRepository, LeaseRepository
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.secrets import Secret
from inventiv_core.models.ports import ModelRepository
from inventiv_core.orchestration.views import Losses, Situation
from inventiv_core.storages.ports import StorageRepository
from inventiv_core.workers.ports import WorkerRepository, WorkerTokenRepository


class SituationQueries(Protocol):
    """What is known of an instance, in one statement."""

    async def find(self, instance_id: InstanceId) -> Situation | None:
        """Return the situation of one instance, whosever it is."""
        ...

    async def losses(self, provider_id: ProviderId, *, since: datetime) -> Losses:
        """Count the machines of a provider, of all organizations, and what of them is lost."""
        ...

    async def installation_id(self) -> UUID:
        """Return the id of this installation: drawn once, when its database was made."""
        ...


class EngineProbe(Protocol):
    """Looks at an engine from outside, as its callers will."""

    async def models(self, base_url: str, *, key: Secret) -> tuple[str, ...] | None:
        """Return the names of the models it lists to whoever has the key.

        ``None`` if it does not answer in time, or does not take the key.
        """
        ...

    async def under_way(self, base_url: str, *, key: Secret) -> int | None:
        """Return how many calls it works on, or has waiting; ``None`` if it does not say."""
        ...

    async def warm_up(self, base_url: str, model_id: str, *, key: Secret) -> bool:
        """Have it produce one token; tell whether it did, in time."""
        ...


class OrchestrationWork(Protocol):
    """What one atomic piece of orchestration may touch."""

    @property
    def instances(self) -> InstanceRepository: ...
    @property
    def leases(self) -> LeaseRepository: ...
    @property
    def models(self) -> ModelRepository: ...
    @property
    def workers(self) -> WorkerRepository: ...
    @property
    def worker_tokens(self) -> WorkerTokenRepository: ...
    @property
    def rentals(self) -> RentalRepository: ...
    @property
    def leaks(self) -> LeakRepository: ...
    @property
    def cost_books(self) -> CostBooks: ...
    @property
    def storages(self) -> StorageRepository: ...
    @property
    def action_logs(self) -> ActionLogRepository: ...
    @property
    def outbox(self) -> Outbox: ...
