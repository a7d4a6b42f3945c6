"""Quotas, in Postgres."""

from dataclasses import asdict
from decimal import Decimal

import msgspec

from inventiv_adapters.kernel.postgres import Connection, Pool, fetch_all, fetch_one, fetch_value
from inventiv_core.deployments.entities import InUse, Quota
from inventiv_core.deployments.errors import QuotaOwnerNotFound
from inventiv_core.deployments.ports import QuotaQueries, QuotaRepository
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
