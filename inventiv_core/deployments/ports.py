"""What deployments need from the outside."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from inventiv_core.action_logs.ports import ActionLogRepository
from inventiv_core.catalog.entities import InstanceTypeId, ZoneId
from inventiv_core.catalog.ports import CatalogRepository
from inventiv_core.deployments.entities import InUse, Plan, PlanId, Quota
from inventiv_core.deployments.views import BootTimes, QuotaStanding
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.identity.ports.organizations import OrganizationRepository
from inventiv_core.instances.ports import InstanceRepository, LeaseRepository
from inventiv_core.kernel.events import Outbox
from inventiv_core.kernel.idempotency import IdempotentWork
from inventiv_core.models.entities import ModelId
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


class PlanRepository(Protocol):
    """Plans, for as long as they may be applied and a while longer."""

    async def add(self, plan: Plan) -> None:
        """Store a new plan."""
        ...

    async def lock(self, plan_id: PlanId, *, owner: OrganizationId) -> Plan:
        """Return a plan of ``owner``, and let nobody else apply it until the work ends.

        Raises:
            PlanNotFound: There is none, or it is another organization's.
        """
        ...

    async def apply(self, plan_id: PlanId, *, instance_id: UUID) -> None:
        """Note what came of a plan that is locked."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Drop the plans that had expired before that instant; return how many."""
        ...


class BootQueries(Protocol):
    """How long machines take until they serve. Reads only, outside any unit of work."""

    async def times(
        self,
        owner: OrganizationId,
        *,
        model_id: ModelId,
        instance_type_id: InstanceTypeId,
        zone_id: ZoneId,
        limit: int,
    ) -> BootTimes:
        """Learn from the newest ``limit`` instances of ``owner`` that got ready, in one statement.

        From the request until they were ready for the first time, whatever came after; of each
        share the shortest time that so many did not exceed.
        """
        ...


class PlanWork(Protocol):
    """What forgetting plans touches."""

    @property
    def plans(self) -> PlanRepository: ...


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
    def plans(self) -> PlanRepository: ...
    @property
    def instances(self) -> InstanceRepository: ...
    @property
    def leases(self) -> LeaseRepository: ...
    @property
    def action_logs(self) -> ActionLogRepository: ...
    @property
    def outbox(self) -> Outbox: ...
