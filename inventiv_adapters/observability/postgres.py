"""Samples, sums and counters, in Postgres."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, TypeAlias
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
from inventiv_core.instances.entities import InstanceId, InstanceStatus
from inventiv_core.observability.entities import (
    AnsweredRequest,
    Level,
    Measurement,
    Resolution,
)
from inventiv_core.observability.ports import (
    MeasurementRepository,
    ObservabilityQueries,
    RequestCountRepository,
    RuntimeModelRepository,
)
from inventiv_core.observability.views import (
    Measured,
    RequestMetrics,
    RuntimeModelRow,
    Series,
    SeriesFilter,
)

_Statements: TypeAlias = Mapping[str, LiteralString]
"""A statement for each level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of sample: the names of its tables and of what they hold."""

    tables: Mapping[Level, LiteralString]
    key: LiteralString
    """What tells series apart."""
    gpu_index: LiteralString
    """The index of the GPU, as an expression."""
    measured: tuple[LiteralString, ...]
    capacity: tuple[LiteralString, ...]


_GPUS: Final = _Kind(
    tables={
        Level.SECOND: "gpu_samples",
        Level.MINUTE: "gpu_samples_1m",
        Level.HOUR: "gpu_samples_1h",
        Level.DAY: "gpu_samples_1d",
    },
    key="instance_id, gpu_index",
    gpu_index="gpu_index",
    measured=("gpu_pct", "vram_used_mb", "temp_c", "power_w"),
    capacity=("vram_total_mb", "power_limit_w"),
)
_SYSTEMS: Final = _Kind(
    tables={
        Level.SECOND: "system_samples",
        Level.MINUTE: "system_samples_1m",
        Level.HOUR: "system_samples_1h",
        Level.DAY: "system_samples_1d",
    },
    key="instance_id",
    gpu_index="0",
    measured=(
        "cpu_pct", "load1", "mem_used_bytes", "disk_used_bytes", "net_rx_bytes_per_s",
        "net_tx_bytes_per_s",
    ),
    capacity=("mem_total_bytes", "disk_total_bytes"),
)  # fmt: skip

_SUMMED: Final[tuple[LiteralString, ...]] = ("_sum", "_count", "_min", "_max")
"""What is kept of a quantity, in columns of their own."""
_SHOWN: Final[tuple[LiteralString, ...]] = ("", "_min", "_max")
"""What is shown of it: the mean, and the extremes."""

_FINER: Final = {
    Level.MINUTE: Level.SECOND,
    Level.HOUR: Level.MINUTE,
    Level.DAY: Level.HOUR,
}


def _sum(name: LiteralString, level: Level) -> tuple[LiteralString, ...]:
    """Return the sum, the count, the least and the most of a quantity over rows of a level."""
    if level is Level.SECOND:
        return f"sum({name})", f"count({name})", f"min({name})", f"max({name})"
    return (
        f"sum({name}_sum)",
        f"sum({name}_count)::bigint",
        f"min({name}_min)",
        f"max({name}_max)",
    )


def _columns(kind: _Kind) -> Iterator[LiteralString]:
    """Yield the columns of a table of sums, but those that tell rows apart."""
    for name in kind.measured:
        for part in _SUMMED:
            yield name + part
    yield from kind.capacity


def _adding(kind: _Kind) -> LiteralString:
    """Return the statement for one kind: all of its rows are read from the one parameter."""
    columns = (*kind.measured, *kind.capacity)
    names: LiteralString = ", ".join(columns)
    types: LiteralString = ", ".join(f"{name} double precision" for name in columns)
    if kind is _GPUS:
        index: LiteralString = "gpu_index integer, "
        rows: LiteralString = "m.gpus"
    else:
        index, rows = "", "jsonb_build_array(m.system)"
    return f"""
    INSERT INTO {kind.tables[Level.SECOND]} ({kind.key}, at, {names})
    SELECT {kind.key}, at, {names}
    FROM jsonb_to_recordset(%(measured)s::jsonb) AS m (
        instance_id uuid, at timestamptz, gpus jsonb, system jsonb)
    CROSS JOIN LATERAL jsonb_to_recordset({rows}) AS r ({index}{types})
    {"" if kind is _GPUS else "WHERE jsonb_typeof(m.system) = 'object'"}
    ON CONFLICT DO NOTHING
    """


def _summing(kind: _Kind, level: Level) -> LiteralString:
    finer = _FINER[level]
    columns = tuple(_columns(kind))
    names: LiteralString = ", ".join(columns)
    sums: list[LiteralString] = [part for name in kind.measured for part in _sum(name, finer)]
    most: list[LiteralString] = [f"max({name})" for name in kind.capacity]
    values: LiteralString = ", ".join([*sums, *most])
    changes: LiteralString = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns)
    return f"""
    INSERT INTO {kind.tables[level]} ({kind.key}, at, {names})
    SELECT {kind.key}, %(begins)s::timestamptz, {values}
    FROM {kind.tables[finer]}
    WHERE at >= %(begins)s AND at < %(ends)s
    GROUP BY {kind.key}
    ON CONFLICT ({kind.key}, at) DO UPDATE SET {changes}
    """


def _points(kind: _Kind, level: Level) -> Iterator[LiteralString]:
    """Yield what one point of a series consists of."""
    for name in kind.measured:
        total, count, least, most = _sum(name, level)
        yield f"{total} / NULLIF({count}, 0) AS {name}, {least} AS {name}_min, {most} AS {name}_max"
    for name in kind.capacity:
        yield f"max({name}) AS {name}"


def _quantities(kind: _Kind) -> Iterator[LiteralString]:
    for name in kind.measured:
        for part in _SHOWN:
            yield name + part


def _showing(kind: _Kind, level: Level) -> LiteralString:
    inner: LiteralString = ",\n               ".join(_points(kind, level))
    shown = ("at", *kind.capacity, *_quantities(kind))
    arrays: LiteralString = ",\n           ".join(
        f"array_agg(s.{name} ORDER BY s.at) AS {name}" for name in shown
    )
    return f"""
    SELECT s.instance_id, i.provider_instance_id AS instance_name, p.name AS provider_name,
           t.gpu_count, s.gpu_index,
           {arrays}
    FROM (
        SELECT instance_id, {kind.gpu_index} AS gpu_index,
               date_bin(%(step)s::interval, at, 'epoch'::timestamptz) AS at,
               {inner}
        FROM {kind.tables[level]}
        WHERE at > %(since)s AND at <= %(until)s AND instance_id IN (
            SELECT id FROM instances
            WHERE organization_id = %(owner)s
              AND (%(instance_id)s::uuid IS NULL OR id = %(instance_id)s)
        )
        GROUP BY 1, 2, 3
    ) s
    JOIN instances i ON i.id = s.instance_id
    JOIN providers p ON p.id = i.provider_id
    JOIN instance_types t ON t.id = i.instance_type_id
    GROUP BY s.instance_id, i.provider_instance_id, p.name, t.gpu_count, s.gpu_index
    ORDER BY s.instance_id, s.gpu_index
    LIMIT %(limit)s
    """


_ADD_GPUS = _adding(_GPUS)
_ADD_SYSTEMS = _adding(_SYSTEMS)
_SUM_UP_GPUS: Final[_Statements] = {level.value: _summing(_GPUS, level) for level in _FINER}
_SUM_UP_SYSTEMS: Final[_Statements] = {level.value: _summing(_SYSTEMS, level) for level in _FINER}
_SHOW_GPUS: Final[_Statements] = {level.value: _showing(_GPUS, level) for level in Level}
_SHOW_SYSTEMS: Final[_Statements] = {level.value: _showing(_SYSTEMS, level) for level in Level}

# In the order of their beginnings, as everybody does: else two would wait for ever. Those that
# are there already are locked, so that nobody takes a mark off while what it is for is stored.
_MARK = """
    INSERT INTO sample_marks AS m (level, begins, marked_at)
    SELECT %(level)s, begins, %(at)s FROM unnest(%(begins)s::timestamptz[]) AS begins
    ORDER BY begins
    ON CONFLICT (level, begins) DO UPDATE
    SET marked_at = LEAST(m.marked_at, EXCLUDED.marked_at)
"""

_TAKE = """
    WITH due AS MATERIALIZED (
        SELECT level, begins FROM sample_marks
        WHERE level = %(level)s AND (begins <= %(begun_by)s OR marked_at <= %(marked_by)s)
        ORDER BY begins
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM sample_marks m USING due
    WHERE m.level = due.level AND m.begins = due.begins
    RETURNING m.begins
"""

_OLDEST_MARK = "SELECT min(begins) FROM sample_marks WHERE level = %(level)s"

_MAKE_ROOM = "SELECT make_partition(%(parent)s, %(begins)s::timestamptz, %(ends)s::timestamptz)"

_DROP = "SELECT drop_partitions(%(parent)s, %(before)s::timestamptz)"

_COUNT_REQUESTS = """
    WITH told AS (
        SELECT r.instance_id, i.organization_id, r.model_id COLLATE "C" AS model_id, r.requests,
               r.succeeded, r.failed, r.input_tokens, r.output_tokens, r.total_tokens, r.first_at,
               r.last_at
        FROM jsonb_to_recordset(%(sums)s::jsonb) AS r (
            instance_id uuid, model_id text, requests bigint, succeeded bigint, failed bigint,
            input_tokens bigint, output_tokens bigint, total_tokens bigint, first_at timestamptz,
            last_at timestamptz)
        JOIN instances i ON i.id = r.instance_id
    ), of_models AS (
        INSERT INTO runtime_models AS m
            (organization_id, model_id, first_seen_at, last_seen_at, total_requests,
             failed_requests)
        SELECT organization_id, model_id, min(first_at), max(last_at), sum(requests)::bigint,
               sum(failed)::bigint
        FROM told
        GROUP BY 1, 2
        ORDER BY 1, 2
        ON CONFLICT (organization_id, model_id) DO UPDATE SET
            total_requests = m.total_requests + EXCLUDED.total_requests,
            failed_requests = m.failed_requests + EXCLUDED.failed_requests,
            first_seen_at = LEAST(m.first_seen_at, EXCLUDED.first_seen_at),
            last_seen_at = GREATEST(m.last_seen_at, EXCLUDED.last_seen_at)
    )
    INSERT INTO instance_request_metrics AS m
        (instance_id, total_requests, successful_requests, failed_requests, total_input_tokens,
         total_output_tokens, total_tokens, first_request_at, last_request_at)
    SELECT instance_id, sum(requests)::bigint, sum(succeeded)::bigint,
           sum(requests - succeeded)::bigint, sum(input_tokens)::bigint,
           sum(output_tokens)::bigint, sum(total_tokens)::bigint, min(first_at), max(last_at)
    FROM told
    GROUP BY 1
    ORDER BY 1
    ON CONFLICT (instance_id) DO UPDATE SET
        total_requests = m.total_requests + EXCLUDED.total_requests,
        successful_requests = m.successful_requests + EXCLUDED.successful_requests,
        failed_requests = m.failed_requests + EXCLUDED.failed_requests,
        total_input_tokens = m.total_input_tokens + EXCLUDED.total_input_tokens,
        total_output_tokens = m.total_output_tokens + EXCLUDED.total_output_tokens,
        total_tokens = m.total_tokens + EXCLUDED.total_tokens,
        first_request_at = LEAST(m.first_request_at, EXCLUDED.first_request_at),
        last_request_at = GREATEST(m.last_request_at, EXCLUDED.last_request_at)
"""

_NOTE_SERVED = """
    INSERT INTO runtime_models AS m (organization_id, model_id, first_seen_at, last_seen_at)
    SELECT i.organization_id, w.model_id COLLATE "C", min(w.registered_at),
           max(w.last_heartbeat_at)
    FROM workers w
    JOIN instances i ON i.id = w.instance_id
    WHERE w.model_id IS NOT NULL
    GROUP BY 1, 2
    ORDER BY 1, 2
    ON CONFLICT (organization_id, model_id) DO UPDATE SET
        first_seen_at = LEAST(m.first_seen_at, EXCLUDED.first_seen_at),
        last_seen_at = GREATEST(m.last_seen_at, EXCLUDED.last_seen_at)
    WHERE m.first_seen_at > EXCLUDED.first_seen_at OR m.last_seen_at < EXCLUDED.last_seen_at
"""

_RUNTIME_MODELS = """
    WITH present AS (
        SELECT w.model_id COLLATE "C" AS model_id, min(w.registered_at) AS first_seen_at,
               max(w.last_heartbeat_at) AS last_seen_at,
               count(*) FILTER (WHERE s.serves) AS instances,
               sum(t.gpu_count) FILTER (WHERE s.serves) AS gpus,
               sum(t.gpu_count * t.vram_per_gpu_gb) FILTER (WHERE s.serves) AS vram_gb
        FROM workers w
        JOIN instances i ON i.id = w.instance_id
        JOIN instance_types t ON t.id = i.instance_type_id
        CROSS JOIN LATERAL (
            SELECT i.status = 'ready' AND i.ip_address IS NOT NULL AND w.status = 'ready'
                   AND w.last_heartbeat_at >= %(heard_since)s AS serves
        ) s
        WHERE i.organization_id = %(owner)s AND w.model_id IS NOT NULL
        GROUP BY 1
    ), past AS (
        SELECT model_id, first_seen_at, last_seen_at, total_requests, failed_requests
        FROM runtime_models
        WHERE organization_id = %(owner)s
    )
    SELECT model_id,
           LEAST(past.first_seen_at, present.first_seen_at) AS first_seen_at,
           GREATEST(past.last_seen_at, present.last_seen_at) AS last_seen_at,
           COALESCE(instances, 0) AS instances_available, COALESCE(gpus, 0) AS gpus_available,
           COALESCE(vram_gb, 0) AS vram_total_gb, COALESCE(total_requests, 0) AS total_requests,
           COALESCE(failed_requests, 0) AS failed_requests
    FROM past FULL JOIN present USING (model_id)
    ORDER BY instances_available DESC, last_seen_at DESC, model_id
    LIMIT %(limit)s
"""

_REQUESTS = """
    SELECT m.instance_id, m.total_requests, m.successful_requests, m.failed_requests,
           m.total_input_tokens, m.total_output_tokens, m.total_tokens, m.first_request_at,
           m.last_request_at
    FROM instance_request_metrics m
    JOIN instances i ON i.id = m.instance_id
    WHERE m.instance_id = %(instance_id)s AND i.organization_id = %(owner)s
"""

_FLEET = "SELECT status, count(*) AS instances FROM instances GROUP BY status"


class PostgresMeasurements(MeasurementRepository):
    """The repository: one table for each level, in partitions by time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, measurements: Sequence[Measurement], *, at: datetime) -> None:
        if not measurements:
            return
        for slot in {Level.SECOND.slot(measured.at) for measured in measurements}:
            await self.make_room(Level.SECOND, at=slot)
        values = {"measured": msgspec.json.encode(measurements).decode()}
        if any(measured.gpus for measured in measurements):
            await self._connection.execute(_ADD_GPUS, values)
        if any(measured.system for measured in measurements):
            await self._connection.execute(_ADD_SYSTEMS, values)
        # last of all, for whoever sums up waits for us from here on
        await self._mark(
            Level.MINUTE, {Level.MINUTE.begin(measured.at) for measured in measurements}, at
        )

    async def take(
        self, level: Level, *, over_by: datetime, marked_by: datetime
    ) -> datetime | None:
        begins: datetime | None = await fetch_value(
            self._connection,
            _TAKE,
            level=level.value,
            begun_by=over_by - level.step,
            marked_by=marked_by,
        )
        return begins

    async def sum_up(self, level: Level, begins: datetime, *, at: datetime) -> None:
        await self.make_room(level, at=begins)
        values = {"begins": begins, "ends": begins + level.step}
        for statements in (_SUM_UP_GPUS, _SUM_UP_SYSTEMS):
            await self._connection.execute(statements[level.value], values)
        if level.coarser is not None:
            await self._mark(level.coarser, {level.coarser.begin(begins)}, at)

    async def oldest_mark(self, level: Level) -> datetime | None:
        begins: datetime | None = await fetch_value(
            self._connection, _OLDEST_MARK, level=level.value
        )
        return begins

    async def make_room(self, level: Level, *, at: datetime) -> None:
        begins = level.slot(at)
        for kind in (_GPUS, _SYSTEMS):
            values = {
                "parent": kind.tables[level],
                "begins": begins,
                "ends": begins + level.span,
            }
            await self._connection.execute(_MAKE_ROOM, values)

    async def drop(self, level: Level, *, before: datetime) -> None:
        for kind in (_GPUS, _SYSTEMS):
            values = {"parent": kind.tables[level], "before": before}
            await self._connection.execute(_DROP, values)

    async def _mark(self, level: Level, begins: set[datetime], at: datetime) -> None:
        values = {"level": level.value, "begins": list(begins), "at": at}
        await self._connection.execute(_MARK, values)


class PostgresRequestCounts(RequestCountRepository):
    """The counters."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, requests: Sequence[AnsweredRequest]) -> None:
        if not requests:
            return
        sums = as_json(_summed(requests))
        await self._connection.execute(_COUNT_REQUESTS, {"sums": sums})


class _Sums(msgspec.Struct):
    """Requests to one model on one instance."""

    instance_id: UUID
    model_id: str
    first_at: datetime
    last_at: datetime
    requests: int = 0
    succeeded: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


def _summed(requests: Sequence[AnsweredRequest]) -> list[_Sums]:
    """Add up what goes to the same counters: of thousands of requests, a row for each worker."""
    sums: dict[tuple[UUID, str], _Sums] = {}
    for request in requests:
        key = request.instance_id, request.model_id
        one = sums.get(key)
        if one is None:
            one = sums[key] = _Sums(*key, first_at=request.at, last_at=request.at)
        one.first_at = min(one.first_at, request.at)
        one.last_at = max(one.last_at, request.at)
        one.requests += 1
        one.succeeded += request.succeeded
        one.failed += request.blames_the_model
        one.input_tokens += request.input_tokens
        one.output_tokens += request.output_tokens
        one.total_tokens += request.total_tokens
    return list(sums.values())


class PostgresRuntimeModels(RuntimeModelRepository):
    """The models."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def note_served(self) -> None:
        await self._connection.execute(_NOTE_SERVED)


class PostgresObservabilityQueries(ObservabilityQueries):
    """The read side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def gpus(
        self, owner: OrganizationId, where: SeriesFilter, shown: Resolution, *, limit: int
    ) -> Sequence[Series]:
        return await self._series(_GPUS, _SHOW_GPUS, owner, where, shown, limit)

    async def systems(
        self, owner: OrganizationId, where: SeriesFilter, shown: Resolution, *, limit: int
    ) -> Sequence[Series]:
        return await self._series(_SYSTEMS, _SHOW_SYSTEMS, owner, where, shown, limit)

    async def _series(
        self,
        kind: _Kind,
        statements: _Statements,
        owner: OrganizationId,
        where: SeriesFilter,
        shown: Resolution,
        limit: int,
    ) -> Sequence[Series]:
        async with self._pool.connection() as connection:
            rows = await fetch_all(
                connection,
                dict[str, Any],
                statements[shown.level.value],
                owner=owner,
                step=shown.step,
                limit=limit,
                **asdict(where),
            )
        return [_one_series(kind, row) for row in rows]

    async def runtime_models(
        self, owner: OrganizationId, *, now: datetime, stale_after: timedelta, limit: int
    ) -> Sequence[RuntimeModelRow]:
        async with self._pool.connection() as connection:
            return await fetch_all(
                connection,
                RuntimeModelRow,
                _RUNTIME_MODELS,
                owner=owner,
                heard_since=now - stale_after,
                limit=limit,
            )

    async def requests(
        self, instance_id: InstanceId, *, owner: OrganizationId
    ) -> RequestMetrics | None:
        async with self._pool.connection() as connection:
            return await fetch_one(
                connection, RequestMetrics, _REQUESTS, instance_id=instance_id, owner=owner
            )

    async def fleet(self) -> Mapping[InstanceStatus, int]:
        async with self._pool.connection() as connection:
            rows = await fetch_all(connection, _FleetRow, _FLEET)
        return {row.status: row.instances for row in rows}


class _FleetRow(msgspec.Struct):
    status: InstanceStatus
    instances: int


def _one_series(kind: _Kind, row: Mapping[str, Any]) -> Series:
    return Series(
        instance_id=row["instance_id"],
        instance_name=row["instance_name"],
        provider_name=row["provider_name"],
        gpu_count=row["gpu_count"],
        gpu_index=row["gpu_index"],
        at=row["at"],
        measured={
            name: Measured(mean=row[name], lowest=row[f"{name}_min"], highest=row[f"{name}_max"])
            for name in kind.measured
        },
        capacity={name: row[name] for name in kind.capacity},
    )
