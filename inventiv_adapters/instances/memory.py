"""Instances, their leases and their history, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase, within
from inventiv_core.activations.entities import Activations
from inventiv_core.catalog.entities import (
    InstanceType,
    InstanceTypeId,
    Prices,
    Provider,
    Region,
    Zone,
    ZoneId,
)
from inventiv_core.deployments.ports import BootQueries
from inventiv_core.deployments.views import BootTimes
from inventiv_core.finops.entities.rentals import EPOCH, Rental, cost_of
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.ports.estates import Estates
from inventiv_core.instances.entities import AT_REST, Instance, InstanceId, InstanceStatus, Lease
from inventiv_core.instances.errors import (
    InstanceChangedMeanwhile,
    InstanceNotFound,
    LeaseLost,
)
from inventiv_core.instances.ports import InstanceQueries, InstanceRepository, LeaseRepository
from inventiv_core.instances.views import InstanceFilter, InstanceRow, counted_off
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_core.models.entities import Model, ModelId
from inventiv_core.storages.entities import Storage
from inventiv_core.workers.entities import Worker


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One line of an instance's history."""

    from_status: InstanceStatus | None
    to_status: InstanceStatus
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """All lines of an instance's history, oldest first."""

    changes: tuple[StatusChange, ...]


class MemoryInstances(InstanceRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, instance: Instance) -> None:
        self._database.table(Instance)[instance.id] = instance
        self._remember(None, instance, "requested")

    async def lock(self, instance_id: InstanceId, *, owner: OrganizationId | None) -> Instance:
        instance = self._database.table(Instance).get(instance_id)
        if instance is None or (owner is not None and instance.organization_id != owner):
            raise InstanceNotFound(instance_id=instance_id)
        return instance

    async def save(self, before: Instance, after: Instance, *, reason: str) -> None:
        stored = self._database.table(Instance).get(before.id)
        if stored is None or stored.version != before.version:
            raise InstanceChangedMeanwhile(instance_id=before.id)
        self._database.table(Instance)[after.id] = after
        if after.status is not before.status:
            self._remember(before.status, after, reason)

    async def living(self, instance_ids: Sequence[InstanceId]) -> Sequence[Instance]:
        found = (self._database.table(Instance).get(instance_id) for instance_id in instance_ids)
        return [
            instance
            for instance in found
            if instance is not None and instance.status not in AT_REST
        ]

    def _remember(self, before: InstanceStatus | None, after: Instance, reason: str) -> None:
        history = self._database.table(History).get(after.id, History(()))
        change = StatusChange(before, after.status, reason, after.status_since)
        self._database.table(History)[after.id] = History((*history.changes, change))


class MemoryEstates(Estates):
    """What organizations have."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def living_instances(self, owner: OrganizationId) -> int:
        return sum(
            instance.organization_id == owner and instance.status not in AT_REST
            for instance in self._database.table(Instance).values()
        )


class MemoryBootQueries(BootQueries):
    """How long boots took."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def times(
        self,
        owner: OrganizationId,
        *,
        model_id: ModelId,
        instance_type_id: InstanceTypeId,
        zone_id: ZoneId,
        limit: int,
    ) -> BootTimes:
        wanted = (owner, model_id, instance_type_id, zone_id)
        served = [
            instance
            for instance in self._database.table(Instance).values()
            if instance.ready_at is not None
            and (
                instance.organization_id,
                instance.model_id,
                instance.instance_type_id,
                instance.zone_id,
            )
            == wanted
        ]
        served.sort(key=lambda instance: (instance.created_at, instance.id), reverse=True)
        histories = self._database.table(History)
        took = sorted(
            min(readies) - instance.created_at
            for instance in served[:limit]
            if (
                readies := [
                    change.at
                    for change in histories[instance.id].changes
                    if change.to_status is InstanceStatus.READY
                ]
            )
        )
        if not took:
            return BootTimes()
        return BootTimes(
            boots=len(took),
            p50=took[(len(took) + 1) // 2 - 1],
            p90=took[-(-len(took) * 9 // 10) - 1],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    due_at: datetime | None
    token: int = 0
    until: datetime | None = None
    attempts: int = 0

    @property
    def turn(self) -> datetime | None:
        """When somebody may claim it: an unfinished look is taken up again when it runs out."""
        return self.due_at if self.until is None else self.until


class MemoryLeases(LeaseRepository):
    """Who works on what."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def schedule(self, instance_id: InstanceId, *, at: datetime) -> None:
        known = self._database.table(_Lease).get(instance_id, _Lease(due_at=None))
        due_at = at if known.due_at is None else min(at, known.due_at)
        self._database.table(_Lease)[instance_id] = replace(known, due_at=due_at)

    async def schedule_living(self, *, at: datetime) -> int:
        living = [
            instance.id
            for instance in self._database.table(Instance).values()
            if instance.status not in AT_REST
        ]
        for instance_id in living:
            await self.schedule(instance_id, at=at)
        return len(living)

    async def claim(self, *, now: datetime, until: datetime, limit: int) -> Sequence[Lease]:
        table = self._database.table(_Lease)
        due = sorted(
            (lease.turn, instance_id)
            for instance_id, lease in table.items()
            if lease.turn is not None and lease.turn <= now
        )
        claimed: list[Lease] = []
        for _, instance_id in due[:limit]:
            known = table[instance_id]
            later = known.due_at if known.due_at is not None and known.due_at > now else None
            table[instance_id] = replace(known, token=known.token + 1, until=until, due_at=later)
            claimed.append(
                Lease(
                    instance_id=InstanceId(instance_id),
                    token=known.token + 1,
                    until=until,
                    attempts=known.attempts,
                )
            )
        return claimed

    async def hold(self, lease: Lease, *, now: datetime) -> None:
        self._held(lease, now)

    async def renew(self, lease: Lease, *, now: datetime, until: datetime) -> None:
        known = self._held(lease, now)
        self._database.table(_Lease)[lease.instance_id] = replace(known, until=until)

    async def release(self, lease: Lease, *, due_at: datetime | None, attempts: int) -> None:
        known = self._database.table(_Lease).get(lease.instance_id)
        if known is None or known.token != lease.token:
            return
        times = [time for time in (known.due_at, due_at) if time is not None]
        self._database.table(_Lease)[lease.instance_id] = replace(
            known, until=None, due_at=min(times, default=None), attempts=attempts
        )

    async def next_due(self, *, now: datetime) -> timedelta | None:
        leases = self._database.table(_Lease).values()
        turns = [lease.turn for lease in leases if lease.turn is not None]
        return max(min(turns) - now, timedelta(0)) if turns else None

    def _held(self, lease: Lease, now: datetime) -> _Lease:
        known = self._database.table(_Lease).get(lease.instance_id)
        if known is None or known.token != lease.token or known.until is None:
            raise LeaseLost(instance_id=lease.instance_id)
        if known.until <= now:
            raise LeaseLost(instance_id=lease.instance_id)
        return known


class MemoryInstanceQueries(InstanceQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(
        self, owner: OrganizationId, *, archived: bool, limit: int, now: datetime
    ) -> Sequence[InstanceRow]:
        mine = [
            instance
            for instance in _owned(self._database, owner)
            if instance.is_archived == archived
        ]
        mine.sort(key=_newest, reverse=True)
        return [self._row(instance, now) for instance in mine[:limit]]

    async def search(
        self,
        owner: OrganizationId,
        where: InstanceFilter,
        window: Window,
        *,
        counted: bool,
        now: datetime,
    ) -> Rows[InstanceRow]:
        mine = _owned(self._database, owner)
        wanted = [instance for instance in mine if _matches(instance, where)]
        return Rows(
            rows=within(counted_off(window), [self._row(instance, now) for instance in wanted]),
            total_count=len(mine) if counted else None,
            filtered_count=len(wanted) if counted else None,
        )

    async def find(
        self, instance_id: InstanceId, *, owner: OrganizationId, now: datetime
    ) -> InstanceRow | None:
        instance = self._database.table(Instance).get(instance_id)
        if instance is None or instance.organization_id != owner:
            return None
        return self._row(instance, now)

    def _row(self, instance: Instance, now: datetime) -> InstanceRow:
        provider = self._database.table(Provider)[instance.provider_id]
        zone = self._database.table(Zone)[instance.zone_id]
        kind = self._database.table(InstanceType)[instance.instance_type_id]
        model = self._database.table(Model)[instance.model_id]
        worker = self._database.table(Worker).get(instance.id)
        activations = self._database.table(Activations).get(
            instance.id, Activations(instance_id=InstanceId(instance.id))
        )
        return InstanceRow(
            id=instance.id,
            provider_id=instance.provider_id,
            zone_id=instance.zone_id,
            instance_type_id=instance.instance_type_id,
            model_id=instance.model_id,
            model_name=model.name,
            model_code=model.model_id,
            provider_instance_id=instance.provider_instance_id,
            status=instance.status,
            ip_address=instance.ip_address,
            worker_status=None if worker is None else worker.status,
            worker_last_heartbeat=None if worker is None else worker.last_heartbeat_at,
            worker_model_id=None if worker is None else worker.model_id,
            worker_queue_depth=None if worker is None else worker.queue_depth,
            worker_gpu_utilization=None if worker is None else worker.gpu_utilization,
            worker_health_port=None if worker is None else worker.health_port,
            worker_vllm_port=None if worker is None else worker.vllm_port,
            worker_metadata=None if worker is None else worker.metadata,
            created_at=instance.created_at,
            boot_started_at=instance.boot_started_at,
            ready_at=instance.ready_at,
            failed_at=instance.failed_at,
            terminated_at=instance.terminated_at,
            deletion_reason=instance.deletion_reason,
            deleted_by_provider=instance.deleted_by_provider,
            error_code=instance.error_code,
            error_message=instance.error_message,
            provider_name=provider.name,
            provider_code=provider.code,
            region=self._database.table(Region)[zone.region_id].name,
            zone=zone.name,
            instance_type=kind.name,
            cpu_count=kind.cpu_count,
            ram_gb=kind.ram_gb,
            gpu_vram=kind.vram_per_gpu_gb,
            gpu_count=kind.gpu_count,
            cost_per_hour=kind.cost_per_hour,
            is_archived=instance.is_archived,
            tech_activated_by=activations.tech_activated_by,
            tech_activated_at=activations.tech_activated_at,
            eco_activated_by=activations.eco_activated_by,
            eco_activated_at=activations.eco_activated_at,
            volumes_gb=sorted(
                storage.size_gb or 0
                for storage in self._database.table(Storage).values()
                if storage.instance_id == instance.id and storage.deleted_at is None
            ),
            as_of=now,
            spent=self._spent(instance, now),
        )

    def _spent(self, instance: Instance, now: datetime) -> Decimal | None:
        prices = self._database.table(Prices).get(instance.instance_type_id, Prices()).known
        if all(price.cost_per_hour is None for price in prices):
            return None
        rentals = self._database.table(Rental).values()
        mine = [rental for rental in rentals if rental.instance_id == instance.id]
        return sum((cost_of(rental, prices, EPOCH, now) for rental in mine), ZERO_EUR)


def _owned(database: MemoryDatabase, owner: OrganizationId) -> list[Instance]:
    instances = database.table(Instance).values()
    return [instance for instance in instances if instance.organization_id == owner]


def _matches(instance: Instance, where: InstanceFilter) -> bool:
    return (
        instance.is_archived == where.archived
        and where.status in {None, instance.status}
        and where.model_id in {None, instance.model_id}
        and where.zone_id in {None, instance.zone_id}
    )


def _newest(instance: Instance) -> tuple[datetime, UUID]:
    return instance.created_at, instance.id
