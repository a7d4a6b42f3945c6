"""Routing, usage and limits, in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from inventiv_adapters.kernel.postgres import (
    Connection,
    Pool,
    as_json,
    fetch_all,
    fetch_one,
    fetch_value,
)
from inventiv_core.identity.access import OrganizationId
from inventiv_core.inference.entities.gauges import Gauge, Measure
from inventiv_core.inference.entities.limits import Issuer, Limit, LimitId
from inventiv_core.inference.entities.routes import Route, ServableModel
from inventiv_core.inference.entities.usage import InferenceUsage
from inventiv_core.inference.ports import (
    LimitQueries,
    LimitRepository,
    RoutingQueries,
    UsageRepository,
)
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.instances.entities import InstanceId
from inventiv_core.workers.entities import engine_url

# One parameter for all rows: they come as the JSON that they are kept as, and Python reads none.
# What comes back is what was known already: mostly nothing.
_ADD = """
    WITH told AS (
        SELECT id, request_id, occurred_at, organization_id, user_id, api_key_id,
               provider_organization_id, offering_id, share_id, price, instance_id, model_id,
               path, streamed, status_code, outcome, input_tokens, output_tokens, total_tokens,
               cached_tokens, ttft_ms, duration_ms
        FROM jsonb_to_recordset(%(usages)s::jsonb) AS u (
            id uuid, request_id text, occurred_at timestamptz, organization_id uuid,
            user_id uuid, api_key_id uuid, provider_organization_id uuid, offering_id uuid,
            share_id uuid, price jsonb, instance_id uuid, model_id text, path text,
            streamed boolean, status_code integer, outcome text, input_tokens bigint,
            output_tokens bigint, total_tokens bigint, cached_tokens bigint, ttft_ms bigint,
            duration_ms bigint)
    ), added AS (
        INSERT INTO inference_usage
            (id, request_id, occurred_at, organization_id, user_id, api_key_id,
             provider_organization_id, offering_id, share_id, price, instance_id, model_id, path,
             streamed, status_code, outcome, input_tokens, output_tokens, total_tokens,
             cached_tokens, ttft_ms, duration_ms)
        SELECT * FROM told
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT id FROM told WHERE NOT EXISTS (SELECT FROM added WHERE added.id = told.id)
"""

_MODELS = """
    SELECT id, model_id, name, context_length FROM models WHERE is_active ORDER BY model_id
"""

_ROUTES = """
    SELECT i.id AS instance_id, i.organization_id, m.model_id, i.ip_address, w.vllm_port,
           COALESCE(w.queue_depth, 0) AS queue_depth, w.last_heartbeat_at AS fresh_at, i.life
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


_PUT_LIMIT = """
    INSERT INTO inference_limits
        (id, issuer, organization_id, user_id, api_key_id, model, requests_per_minute,
         tokens_per_minute, concurrent_calls, tokens_per_day, tokens_per_month, eur_per_day,
         eur_per_month, created_at, updated_at)
    VALUES
        (%(id)s, %(issuer)s, %(organization_id)s, %(user_id)s, %(api_key_id)s, %(model)s,
         %(requests_per_minute)s, %(tokens_per_minute)s, %(concurrent_calls)s,
         %(tokens_per_day)s, %(tokens_per_month)s, %(eur_per_day)s, %(eur_per_month)s,
         %(created_at)s, %(updated_at)s)
    ON CONFLICT (
        issuer,
        COALESCE(organization_id, '00000000-0000-0000-0000-000000000000'),
        COALESCE(user_id, '00000000-0000-0000-0000-000000000000'),
        COALESCE(api_key_id, '00000000-0000-0000-0000-000000000000'),
        COALESCE(model, '')
    ) DO UPDATE SET
        requests_per_minute = EXCLUDED.requests_per_minute,
        tokens_per_minute = EXCLUDED.tokens_per_minute,
        concurrent_calls = EXCLUDED.concurrent_calls,
        tokens_per_day = EXCLUDED.tokens_per_day,
        tokens_per_month = EXCLUDED.tokens_per_month,
        eur_per_day = EXCLUDED.eur_per_day,
        eur_per_month = EXCLUDED.eur_per_month,
        updated_at = EXCLUDED.updated_at
    RETURNING id, issuer, organization_id, user_id, api_key_id, model, requests_per_minute,
              tokens_per_minute, concurrent_calls, tokens_per_day, tokens_per_month, eur_per_day,
              eur_per_month, created_at, updated_at
"""


def _limits(rest: LiteralString) -> LiteralString:
    return f"""
    SELECT id, issuer, organization_id, user_id, api_key_id, model, requests_per_minute,
           tokens_per_minute, concurrent_calls, tokens_per_day, tokens_per_month, eur_per_day,
           eur_per_month, created_at, updated_at
    FROM inference_limits
    {rest}
    """


_FIND_LIMIT = _limits("""
    WHERE issuer = %(issuer)s
      AND organization_id IS NOT DISTINCT FROM %(organization_id)s::uuid
      AND user_id IS NOT DISTINCT FROM %(user_id)s::uuid
      AND api_key_id IS NOT DISTINCT FROM %(api_key_id)s::uuid
      AND model IS NOT DISTINCT FROM %(model)s::text
    FOR UPDATE
""")

_GET_LIMIT = _limits("""
    WHERE id = %(id)s AND issuer = %(issuer)s
      AND (%(owner)s::uuid IS NULL OR organization_id = %(owner)s::uuid)
    FOR UPDATE
""")

_REMOVE_LIMIT = "DELETE FROM inference_limits WHERE id = %(id)s"

_COUNT_LIMITS = """
    SELECT count(*) FROM inference_limits
    WHERE issuer = %(issuer)s AND (%(owner)s::uuid IS NULL OR organization_id = %(owner)s::uuid)
"""

_ALL_LIMITS = _limits("ORDER BY id")

_LIMITS_OF = _limits("""
    WHERE organization_id = %(owner)s OR organization_id IS NULL
    ORDER BY id
    LIMIT %(limit)s
""")

_PLATFORM_LIMITS = _limits("WHERE issuer = 'platform' ORDER BY id LIMIT %(limit)s")

# Twice the time, so that there is an index for either workspace.
_SPENT = """
    SELECT a.key, s.tokens, s.micro_eur
    FROM jsonb_to_recordset(%(asked)s::jsonb) AS a (
        key text, organization_id uuid, user_id uuid, api_key_id uuid, model text,
        since timestamptz)
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(u.total_tokens), 0)::bigint AS tokens,
               COALESCE(ceil(sum(
                   (COALESCE(u.input_tokens, 0) - c.cached)
                       * (u.price ->> 'input_per_1m_tokens_eur')::numeric
                   + c.cached * COALESCE(u.price ->> 'cached_input_per_1m_tokens_eur',
                                         u.price ->> 'input_per_1m_tokens_eur')::numeric
                   + COALESCE(u.output_tokens, 0)
                       * (u.price ->> 'output_per_1m_tokens_eur')::numeric
               )), 0)::bigint AS micro_eur
        FROM inference_usage u
        CROSS JOIN LATERAL (
            SELECT LEAST(COALESCE(u.cached_tokens, 0), COALESCE(u.input_tokens, 0)) AS cached
        ) c
        WHERE ((u.organization_id = a.organization_id AND u.occurred_at >= a.since)
               OR (a.organization_id IS NULL AND u.organization_id IS NULL
                   AND u.occurred_at >= a.since))
          AND (a.user_id IS NULL OR u.user_id = a.user_id)
          AND (a.api_key_id IS NULL OR u.api_key_id = a.api_key_id)
          AND (a.model IS NULL
               OR (u.offering_id IS NULL AND u.model_id = a.model)
               OR EXISTS (
                   SELECT FROM organization_models o
                   JOIN organizations g ON g.id = o.organization_id
                   WHERE o.id = u.offering_id AND g.slug || '/' || o.code = a.model))
    ) s
"""


class _Spent(msgspec.Struct):
    key: str
    tokens: int
    micro_eur: int


class _RouteRow(msgspec.Struct):
    instance_id: InstanceId
    organization_id: OrganizationId
    model_id: str
    ip_address: str
    vllm_port: int | None
    queue_depth: int
    fresh_at: datetime
    life: int


class _Known(msgspec.Struct):
    id: UUID


class PostgresUsage(UsageRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, usages: Sequence[InferenceUsage]) -> Sequence[InferenceUsage]:
        if not usages:
            return []
        rows = await fetch_all(self._connection, _Known, _ADD, usages=as_json(usages))
        known = {row.id for row in rows}
        return [usage for usage in usages if usage.id not in known]


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
        life=row.life,
    )


class PostgresLimits(LimitRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, limit: Limit) -> Limit:
        [stored] = await fetch_all(self._connection, Limit, _PUT_LIMIT, **asdict(limit))
        return stored

    async def find(self, limit: Limit) -> Limit | None:
        return await fetch_one(
            self._connection,
            Limit,
            _FIND_LIMIT,
            issuer=limit.issuer,
            organization_id=limit.organization_id,
            user_id=limit.user_id,
            api_key_id=limit.api_key_id,
            model=limit.model,
        )

    async def get(
        self, limit_id: LimitId, *, issuer: Issuer, owner: OrganizationId | None
    ) -> Limit | None:
        return await fetch_one(
            self._connection, Limit, _GET_LIMIT, id=limit_id, issuer=issuer, owner=owner
        )

    async def remove(self, limit_id: LimitId) -> None:
        await self._connection.execute(_REMOVE_LIMIT, {"id": limit_id})

    async def count(self, *, issuer: Issuer, owner: OrganizationId | None) -> int:
        counted: int = await fetch_value(
            self._connection, _COUNT_LIMITS, issuer=issuer, owner=owner
        )
        return counted


class PostgresLimitQueries(LimitQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> Sequence[Limit]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Limit, _ALL_LIMITS)

    async def of(self, owner: OrganizationId, *, limit: int) -> Sequence[Limit]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Limit, _LIMITS_OF, owner=owner, limit=limit)

    async def of_platform(self, *, limit: int) -> Sequence[Limit]:
        async with self._pool.connection() as connection:
            return await fetch_all(connection, Limit, _PLATFORM_LIMITS, limit=limit)

    async def spent(self, gauges: Sequence[Gauge]) -> Mapping[Gauge, int]:
        asked = [{"key": one.key, "since": one.since, **asdict(one.circle)} for one in gauges]
        async with self._pool.connection() as connection:
            rows = await fetch_all(connection, _Spent, _SPENT, asked=as_json(asked))
        by_key = {row.key: row for row in rows}
        return {
            gauge: by_key[gauge.key].tokens
            if gauge.measure is Measure.TOKENS
            else by_key[gauge.key].micro_eur
            for gauge in gauges
        }
