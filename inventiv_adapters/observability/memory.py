"""Samples, sums and counters, in memory."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID, uuid5

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.catalog.entities import InstanceType, Provider
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.observability.entities import (
    AnsweredRequest,
    Level,
    Measurement,
    Resolution,
    floor,
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
from inventiv_core.workers.entities import Worker, WorkerStatus

_GPU: Final = ("gpu_pct", "vram_used_mb", "temp_c", "power_w")
_GPU_CAPACITY: Final = ("vram_total_mb", "power_limit_w")
_SYSTEM: Final = (
    "cpu_pct", "load1", "mem_used_bytes", "disk_used_bytes", "net_rx_bytes_per_s",
    "net_tx_bytes_per_s",
)  # fmt: skip
_SYSTEM_CAPACITY: Final = ("mem_total_bytes", "disk_total_bytes")
_IDS: Final = UUID("00000000-0000-7000-8000-0000000050e5")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """What the values of one quantity come to."""

    total: float = 0.0
    count: int = 0
    lowest: float | None = None
    highest: float | None = None

    @classmethod
    def of(cls, value: float | None) -> Self:
        """Return the sum of one value, or of none."""
        return cls() if value is None else cls(total=value, count=1, lowest=value, highest=value)

    @classmethod
    def over(cls, parts: Sequence[Self]) -> Self:
        """Return the sum of sums."""
        return cls(
            total=sum(part.total for part in parts),
            count=sum(part.count for part in parts),
            lowest=min((part.lowest for part in parts if part.lowest is not None), default=None),
            highest=_most(part.highest for part in parts),
        )

    @property
    def mean(self) -> float | None:
        """The mean, exactly."""
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of one level: a sample, or what samples come to."""

    level: Level
    is_gpu: bool
    instance_id: UUID
    gpu_index: int
    at: datetime
    sums: Mapping[str, _Sum]
    capacity: Mapping[str, float | None]

    @property
    def series(self) -> tuple[bool, UUID, int]:
        """What tells series apart."""
        return self.is_gpu, self.instance_id, self.gpu_index

    @property
    def id(self) -> UUID:
        """What tells rows apart."""
        return uuid5(_IDS, f"{self.level} {self.series} {self.at}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """A sum that has to be computed anew."""

    level: Level
    begins: datetime
    marked_at: datetime

    @property
    def id(self) -> UUID:
        """What tells marks apart."""
        return uuid5(_IDS, f"{self.level} {self.begins}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """What was asked of one instance."""

    metrics: RequestMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A model that was served."""

    organization_id: OrganizationId
    model_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    total_requests: int = 0
    failed_requests: int = 0

    @property
    def id(self) -> UUID:
        """What tells models apart."""
        return uuid5(self.organization_id, self.model_id)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _samples(measurements: Iterable[Measurement]) -> Iterator[_Row]:
    for measured in measurements:
        for gpu in measured.gpus:
            yield _sample(measured, gpu, gpu.gpu_index, _GPU, _GPU_CAPACITY)
        if measured.system is not None:
            yield _sample(measured, measured.system, 0, _SYSTEM, _SYSTEM_CAPACITY)


def _sample(
    measured: Measurement,
    reading: Any,
    gpu_index: int,
    names: Sequence[str],
    capacity: Sequence[str],
) -> _Row:
    return _Row(
        level=Level.SECOND,
        is_gpu=names is _GPU,
        instance_id=measured.instance_id,
        gpu_index=gpu_index,
        at=measured.at,
        sums={name: _Sum.of(getattr(reading, name)) for name in names},
        capacity={name: getattr(reading, name) for name in capacity},
    )


def _summed(level: Level, at: datetime, rows: Sequence[_Row]) -> _Row:
    """Return what rows of one series come to."""
    first = rows[0]
    return _Row(
        level=level,
        is_gpu=first.is_gpu,
        instance_id=first.instance_id,
        gpu_index=first.gpu_index,
        at=at,
        sums={name: _Sum.over([row.sums[name] for row in rows]) for name in first.sums},
        capacity={name: _most(row.capacity[name] for row in rows) for name in first.capacity},
    )


class MemoryMeasurements(MeasurementRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._rows = database.table(_Row)
        self._marks = database.table(_Mark)

    async def add(self, measurements: Sequence[Measurement], *, at: datetime) -> None:
        for row in _samples(measurements):
            self._rows.setdefault(row.id, row)
        for measured in measurements:
            self._mark(Level.MINUTE, Level.MINUTE.begin(measured.at), at)

    async def take(
        self, level: Level, *, over_by: datetime, marked_by: datetime
    ) -> datetime | None:
        due = [
            mark
            for mark in self._marks.values()
            if mark.level is level
            and (mark.begins + level.step <= over_by or mark.marked_at <= marked_by)
        ]
        if not due:
            return None
        oldest = min(due, key=lambda mark: mark.begins)
        del self._marks[oldest.id]
        return oldest.begins

    async def sum_up(self, level: Level, begins: datetime, *, at: datetime) -> None:
        series: defaultdict[object, list[_Row]] = defaultdict(list)
        for row in self._rows.values():
            if row.level.coarser is level and begins <= row.at < begins + level.step:
                series[row.series].append(row)
        for rows in series.values():
            summed = _summed(level, begins, rows)
            self._rows[summed.id] = summed
        if level.coarser is not None:
            self._mark(level.coarser, level.coarser.begin(begins), at)

    async def oldest_mark(self, level: Level) -> datetime | None:
        return min((m.begins for m in self._marks.values() if m.level is level), default=None)

    async def make_room(self, level: Level, *, at: datetime) -> None:
        """There is room."""

    async def drop(self, level: Level, *, before: datetime) -> None:
        old = [
            row.id
            for row in self._rows.values()
            if row.level is level and level.slot(row.at) + level.span <= before
        ]
        for row_id in old:
            del self._rows[row_id]

    def _mark(self, level: Level, begins: datetime, at: datetime) -> None:
        mark = _Mark(level=level, begins=begins, marked_at=at)
        known = self._marks.get(mark.id)
        if known is None or known.marked_at > at:
            self._marks[mark.id] = mark


class MemoryRequestCounts(RequestCountRepository):
    """The counters."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, requests: Sequence[AnsweredRequest]) -> None:
        for request in requests:
            instance = self._database.table(Instance).get(request.instance_id)
            if instance is not None:
                self._count(request)
                _see(
                    self._database,
                    _Seen(
                        organization_id=instance.organization_id,
                        model_id=request.model_id,
                        first_seen_at=request.at,
                        last_seen_at=request.at,
                        total_requests=1,
                        failed_requests=int(request.blames_the_model),
                    ),
                )

    def _count(self, request: AnsweredRequest) -> None:
        table = self._database.table(_Counted)
        known = table.get(request.instance_id)
        one = RequestMetrics(
            instance_id=request.instance_id,
            total_requests=1,
            successful_requests=int(request.succeeded),
            failed_requests=int(not request.succeeded),
            total_input_tokens=request.input_tokens,
            total_output_tokens=request.output_tokens,
            total_tokens=request.total_tokens,
            first_request_at=request.at,
            last_request_at=request.at,
        )
        metrics = one if known is None else _both(known.metrics, one)
        table[request.instance_id] = _Counted(metrics=metrics)


def _both(one: RequestMetrics, other: RequestMetrics) -> RequestMetrics:
    first = [at for at in (one.first_request_at, other.first_request_at) if at is not None]
    last = [at for at in (one.last_request_at, other.last_request_at) if at is not None]
    return RequestMetrics(
        instance_id=one.instance_id,
        total_requests=one.total_requests + other.total_requests,
        successful_requests=one.successful_requests + other.successful_requests,
        failed_requests=one.failed_requests + other.failed_requests,
        total_input_tokens=one.total_input_tokens + other.total_input_tokens,
        total_output_tokens=one.total_output_tokens + other.total_output_tokens,
        total_tokens=one.total_tokens + other.total_tokens,
        first_request_at=min(first, default=None),
        last_request_at=max(last, default=None),
    )


def _see(database: MemoryDatabase, seen: _Seen) -> None:
    known = database.table(_Seen).get(seen.id, seen)
    is_new = known is seen
    database.table(_Seen)[seen.id] = _Seen(
        organization_id=seen.organization_id,
        model_id=seen.model_id,
        first_seen_at=min(known.first_seen_at, seen.first_seen_at),
        last_seen_at=max(known.last_seen_at, seen.last_seen_at),
        total_requests=seen.total_requests + (0 if is_new else known.total_requests),
        failed_requests=seen.failed_requests + (0 if is_new else known.failed_requests),
    )


class MemoryRuntimeModels(RuntimeModelRepository):
    """The models."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def note_served(self) -> None:
        for seen, _, _ in _present(self._database):
            _see(self._database, seen)


def _present(database: MemoryDatabase) -> Iterator[tuple[_Seen, Worker, Instance]]:
    """Yield what each worker says it serves."""
    for worker in database.table(Worker).values():
        instance = database.table(Instance)[worker.instance_id]
        if worker.model_id is not None:
            seen = _Seen(
                organization_id=instance.organization_id,
                model_id=worker.model_id,
                first_seen_at=worker.registered_at,
                last_seen_at=worker.last_heartbeat_at,
            )
            yield seen, worker, instance


@dataclass(slots=True, kw_only=True)
class _Capacity:
    """What serves a model now."""

    instances: int = 0
    gpus: int = 0
    vram_gb: int = 0
    seen: list[_Seen] = field(default_factory=list[_Seen])


class MemoryObservabilityQueries(ObservabilityQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def gpus(
        self, owner: OrganizationId, where: SeriesFilter, shown: Resolution, *, limit: int
    ) -> Sequence[Series]:
        return self._series(owner, where, shown, is_gpu=True)[:limit]

    async def systems(
        self, owner: OrganizationId, where: SeriesFilter, shown: Resolution, *, limit: int
    ) -> Sequence[Series]:
        return self._series(owner, where, shown, is_gpu=False)[:limit]

    def _series(
        self, owner: OrganizationId, where: SeriesFilter, shown: Resolution, *, is_gpu: bool
    ) -> list[Series]:
        points: defaultdict[tuple[UUID, int, datetime], list[_Row]] = defaultdict(list)
        for row in self._database.table(_Row).values():
            if (
                (row.level, row.is_gpu) == (shown.level, is_gpu)
                and where.since < row.at <= where.until
                and where.instance_id in {None, row.instance_id}
                and self._belongs(row.instance_id, owner)
            ):
                points[row.instance_id, row.gpu_index, floor(row.at, shown.step)].append(row)
        series: defaultdict[tuple[UUID, int], list[_Row]] = defaultdict(list)
        for instance_id, gpu_index, at in sorted(points):
            summed = _summed(shown.level, at, points[instance_id, gpu_index, at])
            series[instance_id, gpu_index].append(summed)
        return [self._one(rows) for rows in series.values()]

    def _belongs(self, instance_id: UUID, owner: OrganizationId) -> bool:
        instance = self._database.table(Instance).get(instance_id)
        return instance is not None and instance.organization_id == owner

    def _one(self, rows: Sequence[_Row]) -> Series:
        first = rows[0]
        instance = self._database.table(Instance)[first.instance_id]
        return Series(
            instance_id=first.instance_id,
            instance_name=instance.provider_instance_id,
            provider_name=self._database.table(Provider)[instance.provider_id].name,
            gpu_count=self._database.table(InstanceType)[instance.instance_type_id].gpu_count,
            gpu_index=first.gpu_index,
            at=[row.at for row in rows],
            measured={
                name: Measured(
                    mean=[row.sums[name].mean for row in rows],
                    lowest=[row.sums[name].lowest for row in rows],
                    highest=[row.sums[name].highest for row in rows],
                )
                for name in first.sums
            },
            capacity={name: [row.capacity[name] for row in rows] for name in first.capacity},
        )

    async def runtime_models(
        self, owner: OrganizationId, *, now: datetime, stale_after: timedelta, limit: int
    ) -> Sequence[RuntimeModelRow]:
        capacities: defaultdict[str, _Capacity] = defaultdict(_Capacity)
        for seen in self._database.table(_Seen).values():
            if seen.organization_id == owner:
                capacities[seen.model_id].seen.append(seen)
        for seen, worker, instance in _present(self._database):
            if seen.organization_id != owner:
                continue
            capacity = capacities[seen.model_id]
            capacity.seen.append(seen)
            if _serves(instance, worker) and worker.is_fresh(now, stale_after=stale_after):
                kind = self._database.table(InstanceType)[instance.instance_type_id]
                capacity.instances += 1
                capacity.gpus += kind.gpu_count
                capacity.vram_gb += kind.gpu_count * kind.vram_per_gpu_gb
        rows = [_model_row(model_id, capacity) for model_id, capacity in capacities.items()]
        rows.sort(key=lambda row: row.model_id)
        rows.sort(key=lambda row: (row.instances_available, row.last_seen_at), reverse=True)
        return rows[:limit]

    async def requests(
        self, instance_id: InstanceId, *, owner: OrganizationId
    ) -> RequestMetrics | None:
        counted = self._database.table(_Counted).get(instance_id)
        if counted is None or not self._belongs(instance_id, owner):
            return None
        return counted.metrics

    async def fleet(self) -> Mapping[InstanceStatus, int]:
        return Counter(instance.status for instance in self._database.table(Instance).values())


def _serves(instance: Instance, worker: Worker) -> bool:
    return (
        instance.status is InstanceStatus.READY
        and instance.ip_address is not None
        and worker.status is WorkerStatus.READY
    )


def _model_row(model_id: str, capacity: _Capacity) -> RuntimeModelRow:
    return RuntimeModelRow(
        model_id=model_id,
        first_seen_at=min(seen.first_seen_at for seen in capacity.seen),
        last_seen_at=max(seen.last_seen_at for seen in capacity.seen),
        instances_available=capacity.instances,
        gpus_available=capacity.gpus,
        vram_total_gb=capacity.vram_gb,
        total_requests=sum(seen.total_requests for seen in capacity.seen),
        failed_requests=sum(seen.failed_requests for seen in capacity.seen),
    )
