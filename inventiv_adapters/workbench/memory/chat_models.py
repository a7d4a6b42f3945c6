"""Which models answer, in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.activations.entities import ActivationPolicy, Activations
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.models.entities import Model
from inventiv_core.workbench.ports import (
    LiveModelQueries,
)
from inventiv_core.workbench.views import LiveModel
from inventiv_core.workers.entities import Worker, WorkerStatus


class MemoryLiveModelQueries(LiveModelQueries):
    """Whose machines answer."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def live(
        self, owners: Collection[OrganizationId], *, heard_since: datetime
    ) -> Sequence[LiveModel]:
        live: set[tuple[OrganizationId, str]] = set()
        for worker in self._database.table(Worker).values():
            instance = self._database.table(Instance)[worker.instance_id]
            if (
                instance.organization_id in owners
                and instance.status is InstanceStatus.READY
                and instance.ip_address is not None
                and worker.status is WorkerStatus.READY
                and worker.last_heartbeat_at >= heard_since
                and not self._is_held_back(instance)
            ):
                model = self._database.table(Model)[instance.model_id]
                live.add((instance.organization_id, model.model_id))
        return [LiveModel(organization_id=owner, model_id=model) for owner, model in sorted(live)]

    def _is_held_back(self, instance: Instance) -> bool:
        """Tell whether its organization wants more activations than it has."""
        policy = self._database.table(ActivationPolicy).get(instance.organization_id)
        activations = self._database.table(Activations).get(instance.id)
        return policy is not None and not policy.lets_serve(activations)
