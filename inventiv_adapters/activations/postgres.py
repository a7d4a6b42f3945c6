"""Activations, in Postgres."""

from dataclasses import asdict

from inventiv_adapters.kernel.postgres import Connection, Pool, fetch_one
from inventiv_core.activations.entities import ActivationPolicy, Activations
from inventiv_core.activations.ports import ActivationQueries, ActivationRepository
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import InstanceId

_GET = """
    SELECT instance_id, tech_activated_by, tech_activated_at, eco_activated_by, eco_activated_at
    FROM instance_activations
    WHERE instance_id = %(instance_id)s
"""

_PUT = """
    INSERT INTO instance_activations
        (instance_id, tech_activated_by, tech_activated_at, eco_activated_by, eco_activated_at)
    VALUES
        (%(instance_id)s, %(tech_activated_by)s, %(tech_activated_at)s, %(eco_activated_by)s,
         %(eco_activated_at)s)
    ON CONFLICT (instance_id) DO UPDATE SET
        tech_activated_by = EXCLUDED.tech_activated_by,
        tech_activated_at = EXCLUDED.tech_activated_at,
        eco_activated_by = EXCLUDED.eco_activated_by,
        eco_activated_at = EXCLUDED.eco_activated_at
"""

# A row that is not there cannot be locked: so there is one from now on.
_LOCK_POLICY = """
    INSERT INTO activation_policies AS p (organization_id, requires_double_activation)
    VALUES (%(owner)s, false)
    ON CONFLICT (organization_id)
    DO UPDATE SET requires_double_activation = p.requires_double_activation
    RETURNING requires_double_activation
"""

_PUT_POLICY = """
    UPDATE activation_policies SET requires_double_activation = %(requires_double_activation)s
    WHERE organization_id = %(owner)s
"""

_POLICY = """
    SELECT requires_double_activation FROM activation_policies WHERE organization_id = %(owner)s
"""


class PostgresActivations(ActivationRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, instance_id: InstanceId) -> Activations:
        known = await fetch_one(self._connection, Activations, _GET, instance_id=instance_id)
        return known or Activations(instance_id=instance_id)

    async def put(self, activations: Activations) -> None:
        await self._connection.execute(_PUT, asdict(activations))

    async def lock_policy(self, owner: OrganizationId) -> ActivationPolicy:
        policy = await fetch_one(self._connection, ActivationPolicy, _LOCK_POLICY, owner=owner)
        assert policy is not None, "there is one from now on"  # noqa: S101
        return policy

    async def put_policy(self, owner: OrganizationId, policy: ActivationPolicy) -> None:
        await self._connection.execute(_PUT_POLICY, asdict(policy) | {"owner": owner})


class PostgresActivationQueries(ActivationQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def policy(self, owner: OrganizationId) -> ActivationPolicy:
        async with self._pool.connection() as connection:
            policy = await fetch_one(connection, ActivationPolicy, _POLICY, owner=owner)
        return policy or ActivationPolicy()
