"""Instances as people look at them: joined, named, priced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from inventiv_core.instances.entities import InstanceStatus, progress_percent
from inventiv_core.kernel.money import Eur, cost


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

    def total_cost(self, now: datetime) -> Eur | None:
        """Return what it has cost from request to end, or to ``now``, in euros."""
        if self.cost_per_hour is None:
            return None
        return cost(self.cost_per_hour, (self.terminated_at or now) - self.created_at)

    @property
    def progress_percent(self) -> int:
        """How far the present start-up is."""
        return progress_percent(
            self.status,
            has_machine=self.provider_instance_id is not None,
            has_address=self.ip_address is not None,
            model_loaded=self.worker_model_id is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancesSeen:
    """A list of instances, and when it was true."""

    rows: Sequence[InstanceRow]
    at: datetime
