"""Routing and usage, in Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.postgres import Connection, Pool, as_json, fetch_all
from inventiv_core.identity.access import OrganizationId
from inventiv_core.inference.entities.routes import Route, ServableModel
from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.ports import RoutingQueries, UsageRepository
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import engine_url

# One parameter for all rows: they come as the JSON that they are kept as, and Python reads none.
_ADD = """
    INSERT INTO inference_usage
        (id, request_id, occurred_at, organization_id, user_id, api_key_id,
         provider_organization_id, offering_id, share_id, price, instance_id, model_id, path,
         streamed, status_code, outcome, input_tokens, output_tokens, total_tokens,
         cached_tokens, ttft_ms, duration_ms)
    SELECT id, request_id, occurred_at, organization_id, user_id, api_key_id,
           provider_organization_id, offering_id, share_id, price, instance_id, model_id, path,
           streamed, status_code, outcome, input_tokens, output_tokens, total_tokens,
           cached_tokens, ttft_ms, duration_ms
    FROM jsonb_to_recordset(%(usages)s::jsonb) AS u (
        id uuid, request_id text, occurred_at timestamptz, organization_id uuid, user_id uuid,
        api_key_id uuid, provider_organization_id uuid, offering_id uuid, share_id uuid,
        price jsonb, instance_id uuid, model_id text, path text, streamed boolean,
        status_code integer, outcome text,
        input_tokens bigint, output_tokens bigint, total_tokens bigint, cached_tokens bigint,
        ttft_ms bigint, duration_ms bigint)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""

_MODELS = """
    SELECT id, model_id, name, context_length FROM models WHERE is_active ORDER BY model_id
"""

_ROUTES = """
    SELECT i.id AS instance_id, i.organization_id, m.model_id, i.ip_address, w.vllm_port,
           COALESCE(w.queue_depth, 0) AS queue_depth, w.last_heartbeat_at AS fresh_at
    FROM instances i
    JOIN models m ON m.id = i.model_id AND m.is_active
    JOIN workers w ON w.instance_id = i.id
    LEFT JOIN activation_policies p ON p.organization_id = i.organization_id
    LEFT JOIN instance_activations a ON a.instance_id = i.id
    WHERE i.status = 'ready' AND i.ip_address IS NOT NULL AND w.status = 'ready'
      AND w.last_heartbeat_at >= %(heard_since)s
      AND (p.requires_double_activation IS NOT TRUE
           OR (a.tech_activated_at IS NOT NULL AND a.eco_activated_at IS NOT NULL))
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


class _Added(msgspec.Struct):
    id: UUID


class PostgresUsage(UsageRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, usages: Sequence[InferenceUsage]) -> Sequence[InferenceUsage]:
        if not usages:
            return []
        rows = await fetch_all(self._connection, _Added, _ADD, usages=as_json(usages))
        added = {row.id for row in rows}
        return [usage for usage in usages if usage.id in added]


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
