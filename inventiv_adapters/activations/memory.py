"""Activations, in memory."""

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.activations.entities import ActivationPolicy, Activations
from inventiv_core.activations.ports import ActivationQueries, ActivationRepository
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId


class MemoryActivations(ActivationRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(Activations)
        self._policies = database.table(ActivationPolicy)

    async def get(self, instance_id: InstanceId) -> Activations:
        return self._table.get(instance_id, Activations(instance_id=instance_id))

    async def put(self, activations: Activations) -> None:
        self._table[activations.instance_id] = activations

    async def lock_policy(self, owner: OrganizationId) -> ActivationPolicy:
        return self._policies.get(owner, ActivationPolicy())

    async def put_policy(self, owner: OrganizationId, policy: ActivationPolicy) -> None:
        self._policies[owner] = policy


class MemoryActivationQueries(ActivationQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def policy(self, owner: OrganizationId) -> ActivationPolicy:
        return self._database.table(ActivationPolicy).get(owner, ActivationPolicy())
