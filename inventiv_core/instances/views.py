"""Instances as people look at them: joined, named, priced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from inventiv_core.instances.entities import InstanceStatus, progress_percent
from inventiv_core.kernel.money import Eur
from inventiv_core.kernel.pagination import Key, Window
from inventiv_core.storages.entities import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """One instance, with the names of all it refers to and what its worker last said."""

    id: UUID
    provider_id: UUID
    zone_id: UUID
    instance_type_id: UUID
    model_id: UUID
    model_name: str
    model_code: str
    provider_instance_id: str | None
    status: InstanceStatus
    ip_address: str | None
    worker_status: str | None
    worker_last_heartbeat: datetime | None
    worker_model_id: str | None
    worker_queue_depth: int | None
    worker_gpu_utilization: float | None
    worker_health_port: int | None
    worker_vllm_port: int | None
    worker_metadata: Mapping[str, Any] | None
    created_at: datetime
    boot_started_at: datetime | None
    ready_at: datetime | None
    failed_at: datetime | None
    terminated_at: datetime | None
    deletion_reason: str | None
    deleted_by_provider: bool
    error_code: str | None
    error_message: str | None
    provider_name: str
    provider_code: str
    region: str
    zone: str
    instance_type: str
    cpu_count: int
    ram_gb: int
    gpu_vram: int
    """GPU memory of each GPU, in decimal gigabytes."""
    gpu_count: int
    cost_per_hour: Eur | None
    is_archived: bool
    tech_activated_by: UUID | None
    tech_activated_at: datetime | None
    eco_activated_by: UUID | None
    eco_activated_at: datetime | None
    volumes_gb: Sequence[int]
    """How large each disk is that is there, smallest first; 0 if nobody says."""
    as_of: datetime
    """When the row was read."""
    spent: Decimal | None
    """Euros per hour, times the seconds for which its machines were billed at that price.

    ``None`` when nobody has ever said what its type costs.
    """

    @property
    def total_cost(self) -> Eur | None:
        """What its machines have cost until the row was read, in euros."""
        return None if self.spent is None else self.spent / _ONE_HOUR_S

    @property
    def is_operational(self) -> bool:
        """Whether somebody answers for it technically, and somebody economically."""
        return self.tech_activated_at is not None and self.eco_activated_at is not None

    @property
    def storage_count(self) -> int:
        """How many disks it has."""
        return len(self.volumes_gb)

    @property
    def storage_sizes_gb(self) -> Sequence[int]:
        """How large those are of which it is known, smallest first."""
        return [size_gb for size_gb in self.volumes_gb if size_gb > 0]

    @property
    def progress_percent(self) -> int:
        """How far the present start-up is."""
        return progress_percent(
            self.status,
            has_machine=self.provider_instance_id is not None,
            has_address=self.ip_address is not None,
            model_loaded=self.worker_model_id is not None,
        )

    @property
    def status_order(self) -> int:
        """Where the status stands among all: they are sorted as they are declared."""
        return _STATUS_ORDER[self.status]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceDetails:
    """One instance, with its disks, also those that are gone."""

    row: InstanceRow
    storages: Sequence[Storage]


_ONE_HOUR_S: Final = 3600
_STATUS_ORDER: Final = {status: place for place, status in enumerate(InstanceStatus)}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFilter:
    """Which instances to find; ``None`` means any."""

    archived: bool = False
    status: InstanceStatus | None = None
    model_id: UUID | None = None
    zone_id: UUID | None = None


def instance_keys(*, descending: bool) -> Sequence[Key]:
    """Return what instances can be sorted by. An unknown price is last in either direction."""
    unknown = Decimal(-1) if descending else Decimal("Infinity")
    return (
        Key(name="created_at", kind=datetime),
        Key(name="status_order", kind=int),
        Key(name="provider_name"),
        Key(name="region"),
        Key(name="zone"),
        Key(name="instance_type"),
        Key(name="cost_per_hour", kind=Decimal, missing=unknown),
        Key(name=TOTAL_COST, kind=Decimal, missing=unknown),
    )


TOTAL_COST: Final = "total_cost"
"""A key that grows from one page to the next."""


def counted_off(window: Window) -> Window:
    """Return the window of a key that grows: it begins after so many rows, not after a certain one.

    All other windows stay as they are.
    """
    if window.after is None or window.key.name != TOTAL_COST:
        return window
    return replace(window, after=None, offset=window.after.offset)
