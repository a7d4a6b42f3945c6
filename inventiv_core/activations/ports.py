"""What activations need from the outside."""

from typing import Protocol

from inventiv_core.activations.entities import ActivationPolicy, Activations
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.instances.entities import InstanceId
from inventiv_core.instances.ports import InstanceRepository


class ActivationRepository(Protocol):
    """Who has activated what. Whoever changes it has locked the instance."""

    async def get(self, instance_id: InstanceId) -> Activations:
        """Return the activations of an instance; at first there are none."""
        ...

    async def put(self, activations: Activations) -> None:
        """Store them in place of what was there."""
        ...

    async def lock_policy(self, owner: OrganizationId) -> ActivationPolicy:
        """Return what the organization wants, and let nobody else change it until the work ends."""
        ...

    async def put_policy(self, owner: OrganizationId, policy: ActivationPolicy) -> None:
        """Store what the organization wants; it was locked."""
        ...


class ActivationQueries(Protocol):
    """Activations as people look at them. Reads only, outside any unit of work."""

    async def policy(self, owner: OrganizationId) -> ActivationPolicy:
        """Return what the organization wants."""
        ...


class ActivationWork(ActWork, Protocol):
    """What one atomic piece of work on activations may touch."""

    @property
    def activations(self) -> ActivationRepository: ...
    @property
    def instances(self) -> InstanceRepository: ...
