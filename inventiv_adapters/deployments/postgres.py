"""Quotas and plans, in Postgres."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    count_rows,
    fetch_all,
    fetch_one,
    fetch_value,
)
from inventiv_core.deployments.entities import InUse, Plan, PlanId, Quota
from inventiv_core.deployments.errors import PlanNotFound, QuotaOwnerNotFound
from inventiv_core.deployments.ports import (
    PlanRepository,
    QuotaQueries,
    QuotaRepository,
)
from inventiv_core.deployments.views import QuotaStanding
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import AT_REST

_LOCK = """
    SELECT instances, gpus, eur_per_hour FROM organization_quotas
    WHERE organization_id = %(owner)s
    FOR UPDATE
"""

_IN_USE = """
    SELECT count(*) AS instances, COALESCE(sum(t.gpu_count), 0) AS gpus,
           COALESCE(sum(t.cost_per_hour), 0) AS eur_per_hour
    FROM instances i
    JOIN instance_types t ON t.id = i.instance_type_id
    WHERE i.organization_id = %(owner)s AND NOT i.status = ANY(%(at_rest)s)
"""

_PUT = """
    INSERT INTO organization_quotas (organization_id, instances, gpus, eur_per_hour)
    SELECT id, %(instances)s, %(gpus)s, %(eur_per_hour)s FROM organizations WHERE id = %(owner)s
    ON CONFLICT (organization_id) DO UPDATE SET
        instances = EXCLUDED.instances, gpus = EXCLUDED.gpus, eur_per_hour = EXCLUDED.eur_per_hour
    RETURNING (SELECT name FROM organizations WHERE id = %(owner)s)
"""

_STANDING = """
    SELECT q.instances AS instances, q.gpus AS gpus, q.eur_per_hour AS eur_per_hour,
           u.instances AS used_instances, u.gpus AS used_gpus,
           u.eur_per_hour AS used_eur_per_hour
    FROM (
        SELECT count(*) AS instances, COALESCE(sum(t.gpu_count), 0) AS gpus,
               COALESCE(sum(t.cost_per_hour), 0) AS eur_per_hour
        FROM instances i
        JOIN instance_types t ON t.id = i.instance_type_id
        WHERE i.organization_id = %(owner)s AND NOT i.status = ANY(%(at_rest)s)
    ) AS u
    LEFT JOIN organization_quotas q ON q.organization_id = %(owner)s
"""

_ADD_PLAN = """
    INSERT INTO deployment_plans
        (id, organization_id, provider_id, zone, instance_type, model_id, gpu_count,
         vram_per_gpu_gb, required_vram_gb, price_per_hour_eur, created_at, expires_at,
         instance_id)
    VALUES
        (%(id)s, %(organization_id)s, %(provider_id)s, %(zone)s, %(instance_type)s, %(model_id)s,
         %(gpu_count)s, %(vram_per_gpu_gb)s, %(required_vram_gb)s, %(price_per_hour_eur)s,
         %(created_at)s, %(expires_at)s, %(instance_id)s)
"""

_LOCK_PLAN = """
    SELECT id, organization_id, provider_id, zone, instance_type, model_id, gpu_count,
           vram_per_gpu_gb, required_vram_gb, price_per_hour_eur, created_at, expires_at,
           instance_id
    FROM deployment_plans
    WHERE id = %(id)s AND organization_id = %(owner)s
    FOR UPDATE
"""

_APPLY_PLAN = "UPDATE deployment_plans SET instance_id = %(instance_id)s WHERE id = %(id)s"

_FORGET_PLANS = "DELETE FROM deployment_plans WHERE expires_at < %(before)s"


class PostgresPlans(PlanRepository):
    """The plans."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, plan: Plan) -> None:
        await self._connection.execute(_ADD_PLAN, asdict(plan))

    async def lock(self, plan_id: PlanId, *, owner: OrganizationId) -> Plan:
        plan = await fetch_one(self._connection, Plan, _LOCK_PLAN, id=plan_id, owner=owner)
        if plan is None:
            raise PlanNotFound(plan_id=plan_id)
        return plan

    async def apply(self, plan_id: PlanId, *, instance_id: UUID) -> None:
        await count_rows(self._connection, _APPLY_PLAN, id=plan_id, instance_id=instance_id)

    async def forget(self, *, before: datetime) -> int:
        return await count_rows(self._connection, _FORGET_PLANS, before=before)


class PostgresQuotas(QuotaRepository):
    """The quotas."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, owner: OrganizationId) -> Quota:
        return await fetch_one(self._connection, Quota, _LOCK, owner=owner) or Quota()

    async def in_use(self, owner: OrganizationId) -> InUse:
        [in_use] = await fetch_all(
            self._connection, InUse, _IN_USE, owner=owner, at_rest=list(AT_REST)
        )
        return in_use

    async def put(self, owner: OrganizationId, quota: Quota) -> str:
        name: str | None = await fetch_value(self._connection, _PUT, owner=owner, **asdict(quota))
        if name is None:
            raise QuotaOwnerNotFound
        return name


class _Standing(msgspec.Struct):
    instances: int | None
    gpus: int | None
    eur_per_hour: Decimal | None
    used_instances: int
    used_gpus: int
    used_eur_per_hour: Decimal


class PostgresQuotaQueries(QuotaQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def standing(self, owner: OrganizationId) -> QuotaStanding:
        async with self._pool.connection() as connection:
            [row] = await fetch_all(
                connection, _Standing, _STANDING, owner=owner, at_rest=list(AT_REST)
            )
        return QuotaStanding(
            quota=Quota(instances=row.instances, gpus=row.gpus, eur_per_hour=row.eur_per_hour),
            in_use=InUse(
                instances=row.used_instances,
                gpus=row.used_gpus,
                eur_per_hour=row.used_eur_per_hour,
            ),
        )
