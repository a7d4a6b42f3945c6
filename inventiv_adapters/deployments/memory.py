"""Quotas and plans, in memory."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.catalog.entities import InstanceType
from inventiv_core.deployments.entities import InUse, Plan, PlanId, Quota
from inventiv_core.deployments.errors import PlanNotFound, QuotaOwnerNotFound
from inventiv_core.deployments.ports import (
    PlanRepository,
    QuotaQueries,
    QuotaRepository,
)
from inventiv_core.deployments.views import QuotaStanding
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.instances.entities import AT_REST, Instance
from inventiv_core.kernel.money import ZERO_EUR


@dataclass(frozen=True, slots=True)
class _OwnQuota:
    """The quota of one organization."""

    organization_id: OrganizationId
    quota: Quota


class MemoryPlans(PlanRepository):
    """The plans."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(Plan)

    async def add(self, plan: Plan) -> None:
        self._table[plan.id] = plan

    async def lock(self, plan_id: PlanId, *, owner: OrganizationId) -> Plan:
        plan = self._table.get(plan_id)
        if plan is None or plan.organization_id != owner:
            raise PlanNotFound(plan_id=plan_id)
        return plan

    async def apply(self, plan_id: PlanId, *, instance_id: UUID) -> None:
        self._table[plan_id] = replace(self._table[plan_id], instance_id=instance_id)

    async def forget(self, *, before: datetime) -> int:
        old = [plan.id for plan in self._table.values() if plan.expires_at < before]
        for plan_id in old:
            del self._table[plan_id]
        return len(old)


class MemoryQuotas(QuotaRepository):
    """The quotas."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def lock(self, owner: OrganizationId) -> Quota:
        return _quota(self._database, owner)

    async def in_use(self, owner: OrganizationId) -> InUse:
        return _in_use(self._database, owner)

    async def put(self, owner: OrganizationId, quota: Quota) -> str:
        organization = self._database.table(Organization).get(owner)
        if organization is None:
            raise QuotaOwnerNotFound
        self._database.table(_OwnQuota)[owner] = _OwnQuota(owner, quota)
        return organization.name


class MemoryQuotaQueries(QuotaQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def standing(self, owner: OrganizationId) -> QuotaStanding:
        return QuotaStanding(
            quota=_quota(self._database, owner), in_use=_in_use(self._database, owner)
        )


def _quota(database: MemoryDatabase, owner: OrganizationId) -> Quota:
    known = database.table(_OwnQuota).get(owner)
    return Quota() if known is None else known.quota


def _in_use(database: MemoryDatabase, owner: OrganizationId) -> InUse:
    kinds = [
        database.table(InstanceType)[instance.instance_type_id]
        for instance in database.table(Instance).values()
        if instance.organization_id == owner and instance.status not in AT_REST
    ]
    return InUse(
        instances=len(kinds),
        gpus=sum(kind.gpu_count for kind in kinds),
        eur_per_hour=sum((kind.cost_per_hour or ZERO_EUR for kind in kinds), ZERO_EUR),
    )
