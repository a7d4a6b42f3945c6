"""Instances, their leases and their history, in Postgres."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final, LiteralString

from inventiv_adapters.kernel.postgres import (
    Connection,
    Counts,
    Pool,
    Searches,
    count_rows,
    fetch_all,
    fetch_one,
    fetch_value,
    fetch_window,
    searches,
)
from inventiv_core.catalog.entities import InstanceTypeId, ZoneId
from inventiv_core.deployments.ports import BootQueries
from inventiv_core.deployments.views import BootTimes
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.estates import Estates
from inventiv_core.instances.entities import AT_REST, Instance, InstanceId, Lease
from inventiv_core.instances.errors import (
    InstanceChangedMeanwhile,
    InstanceNotFound,
    LeaseLost,
)
from inventiv_core.instances.ports import InstanceQueries, InstanceRepository, LeaseRepository
from inventiv_core.instances.views import TOTAL_COST, InstanceFilter, InstanceRow, counted_off
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.models.entities import ModelId

_ADD = """
    INSERT INTO instances
        (id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
         status_since, version, provider_instance_id, ip_address, created_at, boot_started_at,
         ready_at, failed_at, terminated_at, missing_since, error_code, error_message,
         deletion_reason, deleted_by_provider, is_archived, is_to_reinstall, life)
    VALUES
        (%(id)s, %(organization_id)s, %(provider_id)s, %(zone_id)s, %(instance_type_id)s,
         %(model_id)s, %(status)s, %(status_since)s, %(version)s, %(provider_instance_id)s,
         %(ip_address)s, %(created_at)s, %(boot_started_at)s, %(ready_at)s, %(failed_at)s,
         %(terminated_at)s, %(missing_since)s, %(error_code)s, %(error_message)s,
         %(deletion_reason)s, %(deleted_by_provider)s, %(is_archived)s, %(is_to_reinstall)s,
         %(life)s)
"""

_REMEMBER = """
    INSERT INTO instance_state_history (instance_id, from_status, to_status, reason, created_at)
    VALUES (%(instance_id)s, %(from_status)s, %(to_status)s, %(reason)s, %(at)s)
"""

_ENTITY = """
    SELECT id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
           status_since, version, provider_instance_id, ip_address, created_at, boot_started_at,
           ready_at, failed_at, terminated_at, missing_since, error_code, error_message,
           deletion_reason, deleted_by_provider, is_archived, is_to_reinstall, life
    FROM instances
"""

_LOCK = f"""
    {_ENTITY}
    WHERE id = %(id)s AND (%(owner)s::uuid IS NULL OR organization_id = %(owner)s)
    FOR NO KEY UPDATE
"""

_SAVE = """
    UPDATE instances
    SET status = %(status)s, status_since = %(status_since)s, version = %(version)s,
        provider_instance_id = %(provider_instance_id)s, ip_address = %(ip_address)s,
        boot_started_at = %(boot_started_at)s, ready_at = %(ready_at)s,
        failed_at = %(failed_at)s, terminated_at = %(terminated_at)s,
        missing_since = %(missing_since)s, error_code = %(error_code)s,
        error_message = %(error_message)s, deletion_reason = %(deletion_reason)s,
        deleted_by_provider = %(deleted_by_provider)s, is_archived = %(is_archived)s,
        is_to_reinstall = %(is_to_reinstall)s, life = %(life)s
    WHERE id = %(id)s AND version = %(version_before)s
"""

_COUNT_LIVING = """
    SELECT count(*) FROM instances
    WHERE organization_id = %(owner)s AND status <> ALL(%(at_rest)s)
"""

_LIVING = f"""
    {_ENTITY}
    WHERE id = ANY(%(ids)s) AND status <> ALL(%(at_rest)s)
"""

_BOOT_TIMES = """
    SELECT count(*) AS boots,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY took) AS p50,
           percentile_disc(0.9) WITHIN GROUP (ORDER BY took) AS p90
    FROM (
        SELECT (SELECT min(h.created_at) FROM instance_state_history h
                WHERE h.instance_id = i.id AND h.to_status = 'ready') - i.created_at AS took
        FROM instances i
        WHERE i.organization_id = %(owner)s AND i.model_id = %(model_id)s
          AND i.instance_type_id = %(instance_type_id)s AND i.zone_id = %(zone_id)s
          AND i.ready_at IS NOT NULL
        ORDER BY i.created_at DESC, i.id DESC
        LIMIT %(limit)s
    ) AS boots
    WHERE took IS NOT NULL
"""

_SCHEDULE = """
    INSERT INTO instance_leases (instance_id, due_at) VALUES (%(instance_id)s, %(at)s)
    ON CONFLICT (instance_id) DO UPDATE
    SET due_at = LEAST(instance_leases.due_at, EXCLUDED.due_at)
"""

_SCHEDULE_LIVING = """
    INSERT INTO instance_leases (instance_id, due_at)
    SELECT id, %(at)s FROM instances WHERE status <> ALL(%(at_rest)s)
    ORDER BY id  -- two of these never wait for each other
    ON CONFLICT (instance_id) DO UPDATE
    SET due_at = LEAST(instance_leases.due_at, EXCLUDED.due_at)
"""

# Whose turn it is: what nobody works on when it is due, the rest when the claim on it runs out.
# During a claim, due_at is what somebody has asked for since.
_CLAIM = """
    WITH due AS (
        SELECT instance_id, COALESCE(until, due_at) AS turn FROM instance_leases
        WHERE COALESCE(until, due_at) <= %(now)s
        ORDER BY turn, instance_id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE instance_leases l
        SET token = l.token + 1, until = %(until)s,
            due_at = CASE WHEN l.due_at > %(now)s THEN l.due_at END
        FROM due
        WHERE l.instance_id = due.instance_id
        RETURNING l.instance_id, l.token, l.until, l.attempts, due.turn
    )
    SELECT instance_id, token, until, attempts FROM claimed ORDER BY turn, instance_id
"""

_HOLD = """
    SELECT 1 FROM instance_leases
    WHERE instance_id = %(instance_id)s AND token = %(token)s AND until > %(now)s
    FOR UPDATE
"""

_RENEW = """
    UPDATE instance_leases
    SET until = %(until)s
    WHERE instance_id = %(instance_id)s AND token = %(token)s AND until > %(now)s
"""

_RELEASE = """
    UPDATE instance_leases
    SET due_at = LEAST(due_at, %(due_at)s::timestamptz),
        until = NULL, attempts = %(attempts)s
    WHERE instance_id = %(instance_id)s AND token = %(token)s
"""

_NEXT_DUE = "SELECT min(COALESCE(until, due_at)) FROM instance_leases"


# What its machines were billed for until now, each stretch at the price that held then.
_spent: LiteralString = """(
        SELECT CASE WHEN count(p.cost_per_hour) > 0 THEN COALESCE(
                   sum((COALESCE(p.cost_per_hour, 0) + b.volumes_per_hour) * extract(epoch FROM
                       LEAST(b.ended_at, p.valid_until, %(now)s)
                       - GREATEST(b.started_at, p.valid_from))) FILTER (WHERE b.id IS NOT NULL),
                   0) END
        FROM (
            SELECT cost_per_hour, valid_from,
                   lead(valid_from) OVER (ORDER BY valid_from) AS valid_until
            FROM instance_type_prices
            WHERE instance_type_id = i.instance_type_id
        ) AS p
        LEFT JOIN rentals b
            ON b.instance_id = i.id
            AND GREATEST(b.started_at, p.valid_from)
                < LEAST(b.ended_at, p.valid_until, %(now)s)
    )"""


def _rows(
    where: LiteralString, *, spent: LiteralString = _spent, more: LiteralString = ""
) -> LiteralString:
    return f"""
    SELECT i.id, i.provider_id, i.zone_id, i.instance_type_id, i.model_id, m.name AS model_name,
           m.model_id AS model_code, i.provider_instance_id, i.status, i.ip_address,
           w.status AS worker_status, w.last_heartbeat_at AS worker_last_heartbeat,
           w.model_id AS worker_model_id, w.queue_depth AS worker_queue_depth,
           w.gpu_utilization AS worker_gpu_utilization, w.health_port AS worker_health_port,
           w.vllm_port AS worker_vllm_port, w.metadata AS worker_metadata, i.created_at,
           i.boot_started_at, i.ready_at, i.failed_at, i.terminated_at, i.deletion_reason,
           i.deleted_by_provider, i.error_code, i.error_message, p.name AS provider_name,
           p.code AS provider_code, r.name AS region, z.name AS zone, t.name AS instance_type,
           t.cpu_count, t.ram_gb, t.vram_per_gpu_gb AS gpu_vram, t.gpu_count, t.cost_per_hour,
           i.is_archived, a.tech_activated_by, a.tech_activated_at, a.eco_activated_by,
           a.eco_activated_at,
           ARRAY(SELECT COALESCE(v.size_gb, 0) FROM instance_volumes v
                 WHERE v.instance_id = i.id AND v.deleted_at IS NULL ORDER BY 1) AS volumes_gb,
           %(now)s::timestamptz AS as_of, {spent} AS spent
    FROM instances i
    JOIN models m ON m.id = i.model_id
    JOIN providers p ON p.id = i.provider_id
    JOIN zones z ON z.id = i.zone_id
    JOIN regions r ON r.id = z.region_id
    JOIN instance_types t ON t.id = i.instance_type_id
    LEFT JOIN workers w ON w.instance_id = i.id
    LEFT JOIN instance_activations a ON a.instance_id = i.id
    {more}
    WHERE {where}
    """


_LIST = _rows("""
        i.organization_id = %(owner)s AND i.is_archived = %(archived)s
    ORDER BY i.created_at DESC, i.id DESC
    LIMIT %(limit)s
""")

_COUNT = """
    SELECT count(*) AS total_count,
           count(*) FILTER (WHERE
               i.is_archived = %(archived)s
               AND (%(status)s::text IS NULL OR i.status = %(status)s)
               AND (%(model_id)s::uuid IS NULL OR i.model_id = %(model_id)s)
               AND (%(zone_id)s::uuid IS NULL OR i.zone_id = %(zone_id)s)) AS filtered_count
    FROM instances i
    WHERE i.organization_id = %(owner)s
"""


def _searches(*, descending: bool) -> Searches:
    unknown: LiteralString = "-1" if descending else "'Infinity'"
    place: LiteralString = """array_position(ARRAY[
        'provisioning', 'booting', 'installing', 'starting', 'unavailable', 'ready', 'draining',
        'terminated', 'failed', 'startup_failed', 'terminating', 'provisioning_failed',
        'archived'], i.status) - 1"""
    keys: dict[str, tuple[LiteralString, LiteralString]] = {
        "created_at": ("i.created_at", "timestamptz"),
        "status_order": (place, "integer"),
        "provider_name": ("p.name", "text"),
        "region": ("r.name", "text"),
        "zone": ("z.name", "text"),
        "instance_type": ("t.name", "text"),
        "cost_per_hour": (f"COALESCE(t.cost_per_hour, {unknown})", "numeric"),
    }
    wanted: LiteralString = """
        i.organization_id = %(owner)s AND i.is_archived = %(archived)s
      AND (%(status)s::text IS NULL OR i.status = %(status)s)
      AND (%(model_id)s::uuid IS NULL OR i.model_id = %(model_id)s)
      AND (%(zone_id)s::uuid IS NULL OR i.zone_id = %(zone_id)s)
      {after}
    {order}
    OFFSET %(offset)s LIMIT %(limit)s
"""
    # only to sort by it is it needed of all; and then it is counted once, not once more to show it
    counted = _rows(
        wanted, spent="cost.spent", more=f"CROSS JOIN LATERAL (SELECT {_spent} AS spent) AS cost"
    )
    cost: dict[str, tuple[LiteralString, LiteralString]] = {
        TOTAL_COST: (f"COALESCE(cost.spent, {unknown})", "numeric")
    }
    return {
        **searches(_rows(wanted), keys, id="i.id"),
        **searches(counted, cost, id="i.id"),
    }


_UPWARDS: Final = _searches(descending=False)
_DOWNWARDS: Final = _searches(descending=True)

_FIND = _rows("i.id = %(id)s AND i.organization_id = %(owner)s")


class PostgresInstances(InstanceRepository):
    """The repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, instance: Instance) -> None:
        await self._connection.execute(_ADD, asdict(instance))
        await self._remember(None, instance, "requested")

    async def lock(self, instance_id: InstanceId, *, owner: OrganizationId | None) -> Instance:
        instance = await fetch_one(self._connection, Instance, _LOCK, id=instance_id, owner=owner)
        if instance is None:
            raise InstanceNotFound(instance_id=instance_id)
        return instance

    async def save(self, before: Instance, after: Instance, *, reason: str) -> None:
        values = asdict(after) | {"version_before": before.version}
        if await count_rows(self._connection, _SAVE, **values) == 0:
            raise InstanceChangedMeanwhile(instance_id=before.id)
        if after.status is not before.status:
            await self._remember(before.status, after, reason)

    async def living(self, instance_ids: Sequence[InstanceId]) -> Sequence[Instance]:
        return await fetch_all(
            self._connection,
            Instance,
            _LIVING,
            ids=list(instance_ids),
            at_rest=[status.value for status in AT_REST],
        )

    async def _remember(self, from_status: str | None, after: Instance, reason: str) -> None:
        values = {
            "instance_id": after.id,
            "from_status": from_status,
            "to_status": after.status,
            "reason": reason,
            "at": after.status_since,
        }
        await self._connection.execute(_REMEMBER, values)


class PostgresEstates(Estates):
    """What organizations have."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def living_instances(self, owner: OrganizationId) -> int:
        living: int = await fetch_value(
            self._connection,
            _COUNT_LIVING,
            owner=owner,
            at_rest=[status.value for status in AT_REST],
        )
        return living


class PostgresBootQueries(BootQueries):
    """How long boots took."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def times(
        self,
        owner: OrganizationId,
        *,
        model_id: ModelId,
        instance_type_id: InstanceTypeId,
        zone_id: ZoneId,
        limit: int,
    ) -> BootTimes:
        async with self._pool.connection() as connection:
            [times] = await fetch_all(
                connection,
                BootTimes,
                _BOOT_TIMES,
                owner=owner,
                model_id=model_id,
                instance_type_id=instance_type_id,
                zone_id=zone_id,
                limit=limit,
            )
        return times


class PostgresLeases(LeaseRepository):
    """Who works on what."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def schedule(self, instance_id: InstanceId, *, at: datetime) -> None:
        await self._connection.execute(_SCHEDULE, {"instance_id": instance_id, "at": at})

    async def schedule_living(self, *, at: datetime) -> int:
        at_rest = [status.value for status in AT_REST]
        return await count_rows(self._connection, _SCHEDULE_LIVING, at=at, at_rest=at_rest)

    async def claim(self, *, now: datetime, until: datetime, limit: int) -> Sequence[Lease]:
        return await fetch_all(self._connection, Lease, _CLAIM, now=now, until=until, limit=limit)

    async def hold(self, lease: Lease, *, now: datetime) -> None:
        held = await fetch_value(
            self._connection, _HOLD, instance_id=lease.instance_id, token=lease.token, now=now
        )
        if held is None:
            raise LeaseLost(instance_id=lease.instance_id)

    async def renew(self, lease: Lease, *, now: datetime, until: datetime) -> None:
        renewed = await count_rows(
            self._connection,
            _RENEW,
            instance_id=lease.instance_id,
            token=lease.token,
            now=now,
            until=until,
        )
        if renewed == 0:
            raise LeaseLost(instance_id=lease.instance_id)

    async def release(self, lease: Lease, *, due_at: datetime | None, attempts: int) -> None:
        values = {
            "instance_id": lease.instance_id,
            "token": lease.token,
            "due_at": due_at,
            "attempts": attempts,
        }
        await self._connection.execute(_RELEASE, values)

    async def next_due(self, *, now: datetime) -> timedelta | None:
        due_at = await fetch_value(self._connection, _NEXT_DUE)
        return None if due_at is None else max(due_at - now, timedelta(0))


class PostgresInstanceQueries(InstanceQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(
        self, owner: OrganizationId, *, archived: bool, limit: int, now: datetime
    ) -> Sequence[InstanceRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection, InstanceRow, _LIST, owner=owner, archived=archived, limit=limit, now=now
            )

    async def search(
        self,
        owner: OrganizationId,
        where: InstanceFilter,
        window: Window,
        *,
        counted: bool,
        now: datetime,
    ) -> Rows[InstanceRow]:
        values = {"owner": owner, **asdict(where)}
        statements = _DOWNWARDS if window.descending else _UPWARDS
        async with self._pool.connection() as connection:
            rows = await fetch_window(
                connection, InstanceRow, statements, counted_off(window), now=now, **values
            )
            counts = await fetch_one(connection, Counts, _COUNT, **values) if counted else None
        return Rows(
            rows=rows,
            total_count=None if counts is None else counts.total_count,
            filtered_count=None if counts is None else counts.filtered_count,
        )

    async def find(
        self, instance_id: InstanceId, *, owner: OrganizationId, now: datetime
    ) -> InstanceRow | None:
        async with self._pool.connection() as connection:
            return await fetch_one(
                connection, InstanceRow, _FIND, id=instance_id, owner=owner, now=now
            )
