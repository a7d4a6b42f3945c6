"""Which models answer, in Postgres."""

from collections.abc import Collection, Sequence
from datetime import datetime

from inventiv_adapters.kernel.postgres import (
    Pool,
    fetch_all,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.workbench.ports import (
    LiveModelQueries,
)
from inventiv_core.workbench.views import LiveModel

_LIVE = """
    SELECT DISTINCT i.organization_id, m.model_id
    FROM instances i
    JOIN models m ON m.id = i.model_id
    JOIN workers w ON w.instance_id = i.id
    LEFT JOIN activation_policies p ON p.organization_id = i.organization_id
    LEFT JOIN instance_activations a ON a.instance_id = i.id
    WHERE i.organization_id = ANY(%(owners)s::uuid[]) AND i.status = 'ready'
      AND i.ip_address IS NOT NULL AND w.status = 'ready'
      AND w.last_heartbeat_at >= %(heard_since)s
      AND (p.requires_double_activation IS NOT TRUE
           OR (a.tech_activated_at IS NOT NULL AND a.eco_activated_at IS NOT NULL))
    ORDER BY i.organization_id, m.model_id
"""


class PostgresLiveModelQueries(LiveModelQueries):
    """Whose machines answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def live(
        self, owners: Collection[OrganizationId], *, heard_since: datetime
    ) -> Sequence[LiveModel]:
        values = {"owners": list(owners), "heard_since": heard_since}
        async with self._pool.connection() as connection:
            return await fetch_all(connection, LiveModel, _LIVE, **values)
