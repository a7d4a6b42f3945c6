"""What deployments need from the outside."""

from typing import Protocol

from inventiv_core.action_logs.ports import ActionLogRepository
from inventiv_core.catalog.ports import CatalogRepository
from inventiv_core.deployments.entities import InUse, Quota
from inventiv_core.deployments.views import QuotaStanding
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.identity.ports.organizations import OrganizationRepository
from inventiv_core.instances.ports import InstanceRepository, LeaseRepository
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.idempotency import IdempotentWork
from inventiv_core.models.ports import ModelRepository


class QuotaRepository(Protocol):
    """How much organizations may have."""

    async def lock(self, owner: OrganizationId) -> Quota:
        """Return the organization's quota, and let nobody else lock it until the work ends.

        So what `in_use` says stays true until then. No quota is one without limits.
        """
        ...

    async def in_use(self, owner: OrganizationId) -> InUse:
        """Return what the organization has in all that is not over."""
        ...

    async def put(self, owner: OrganizationId, quota: Quota) -> str:
        """Store the quota, and return the organization's name.

        Raises:
            QuotaOwnerNotFound: There is no such organization.
        """
        ...


class QuotaQueries(Protocol):
    """Quotas as people look at them. Reads only, outside any unit of work."""

    async def standing(self, owner: OrganizationId) -> QuotaStanding:
        """Return what the organization may have, and what it has, in one statement."""
        ...


class QuotaWork(ActWork, Protocol):
    """What setting a quota touches."""

    @property
    def quotas(self) -> QuotaRepository: ...


class DeploymentWork(IdempotentWork, Protocol):
    """What one atomic piece of deployment work may touch."""

    @property
    def organizations(self) -> OrganizationRepository: ...
    @property
    def catalog(self) -> CatalogRepository: ...
    @property
    def models(self) -> ModelRepository: ...
    @property
    def quotas(self) -> QuotaRepository: ...
    @property
    def instances(self) -> InstanceRepository: ...
    @property
    def leases(self) -> LeaseRepository: ...
    @property
    def action_logs(self) -> ActionLogRepository: ...
    @property
    def outbox(self) -> Outbox: ...
