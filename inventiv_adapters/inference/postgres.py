"""Routing and usage, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import msgspec

from inventiv_adapters.kernel.postgres import Connection, Pool, fetch_all
from inventiv_core.identity.access import OrganizationId
from inventiv_core.inference.entities import InferenceUsage, Route, ServableModel
from inventiv_core.inference.ports import RoutingQueries, UsageRepository
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import engine_url

_ADD = """
    INSERT INTO inference_usage
        (id, occurred_at, organization_id, user_id, api_key_id, instance_id, model_id, path,
         streamed, status_code, input_tokens, output_tokens, total_tokens, ttft_ms, duration_ms)
    VALUES
        (%(id)s, %(occurred_at)s, %(organization_id)s, %(user_id)s, %(api_key_id)s, %(instance_id)s,
         %(model_id)s, %(path)s, %(streamed)s, %(status_code)s, %(input_tokens)s,
         %(output_tokens)s, %(total_tokens)s, %(ttft_ms)s, %(duration_ms)s)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""

_MODELS = "SELECT id, model_id FROM models WHERE is_active ORDER BY model_id"

_ROUTES = """
    SELECT i.id AS instance_id, i.organization_id, m.model_id, i.ip_address, w.vllm_port,
           COALESCE(w.queue_depth, 0) AS queue_depth, w.last_heartbeat_at AS fresh_at
    FROM instances i
    JOIN models m ON m.id = i.model_id AND m.is_active
    JOIN workers w ON w.instance_id = i.id
    WHERE i.status = 'ready' AND i.ip_address IS NOT NULL AND w.status = 'ready'
      AND w.last_heartbeat_at >= %(heard_since)s
    ORDER BY i.id
"""


class _RouteRow(msgspec.Struct):
    instance_id: InstanceId
    organization_id: OrganizationId
    model_id: str
    ip_address: str
    vllm_port: int | None
    queue_depth: int
    fresh_at: datetime


class PostgresUsage(UsageRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, usages: Sequence[InferenceUsage]) -> Sequence[InferenceUsage]:
        if not usages:
            return []
        added: list[InferenceUsage] = []
        async with self._connection.cursor() as cursor:
            await cursor.executemany(_ADD, [asdict(usage) for usage in usages], returning=True)
            for usage in usages:
                if await cursor.fetchone() is not None:
                    added.append(usage)
                cursor.nextset()
        return added


class PostgresRoutingQueries(RoutingQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def snapshot(self, *, now: datetime, stale_after: timedelta) -> RoutingSnapshot:
        async with self._pool.connection() as connection:
            models = await fetch_all(connection, ServableModel, _MODELS)
            rows = await fetch_all(connection, _RouteRow, _ROUTES, heard_since=now - stale_after)
        return RoutingSnapshot(models=models, routes=[_route(row) for row in rows])


def _route(row: _RouteRow) -> Route:
    return Route(
        instance_id=row.instance_id,
        organization_id=row.organization_id,
        model_id=row.model_id,
        base_url=engine_url(row.ip_address, row.vllm_port),
        queue_depth=row.queue_depth,
        fresh_at=row.fresh_at,
    )
