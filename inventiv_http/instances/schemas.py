"""Instances on the wire. Amounts are JSON numbers, in euros."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import msgspec

from inventiv_core.instances.views import InstanceDetails, InstanceRow
from inventiv_core.kernel.money import Eur
from inventiv_core.storages.entities import Storage


class InstanceBody(msgspec.Struct, frozen=True, kw_only=True):
    """An instance, as clients see it."""

    id: UUID
    provider_id: UUID
    zone_id: UUID | None
    instance_type_id: UUID | None
    model_id: UUID | None
    model_name: str | None
    model_code: str | None
    provider_instance_id: str | None
    status: str
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
    last_health_check: datetime | None
    last_reconciliation: datetime | None
    health_check_failures: int | None
    deletion_reason: str | None
    error_code: str | None
    error_message: str | None
    storage_count: int
    storage_sizes_gb: list[int]
    provider_name: str
    provider_code: str
    region: str
    zone: str
    instance_type: str
    cpu_count: int | None
    ram_gb: int | None
    gpu_vram: int | None
    gpu_count: int | None
    cost_per_hour: float | None
    total_cost: float | None
    is_archived: bool
    deleted_by_provider: bool | None
    progress_percent: int
    tech_activated_by: UUID | None
    tech_activated_at: datetime | None
    eco_activated_by: UUID | None
    eco_activated_at: datetime | None
    is_operational: bool
    """Activated technically and economically."""

    @classmethod
    def of(cls, row: InstanceRow) -> Self:
        """Show an instance."""
        return cls(
            id=row.id,
            provider_id=row.provider_id,
            zone_id=row.zone_id,
            instance_type_id=row.instance_type_id,
            model_id=row.model_id,
            model_name=row.model_name,
            model_code=row.model_code,
            provider_instance_id=row.provider_instance_id,
            status=row.status,
            ip_address=row.ip_address,
            worker_status=row.worker_status,
            worker_last_heartbeat=row.worker_last_heartbeat,
            worker_model_id=row.worker_model_id,
            worker_queue_depth=row.worker_queue_depth,
            worker_gpu_utilization=row.worker_gpu_utilization,
            worker_health_port=row.worker_health_port,
            worker_vllm_port=row.worker_vllm_port,
            worker_metadata=row.worker_metadata,
            created_at=row.created_at,
            boot_started_at=row.boot_started_at,
            ready_at=row.ready_at,
            failed_at=row.failed_at,
            terminated_at=row.terminated_at,
            last_health_check=row.ready_at,
            last_reconciliation=None,
            health_check_failures=None,
            deletion_reason=row.deletion_reason,
            error_code=row.error_code,
            error_message=row.error_message,
            storage_count=row.storage_count,
            storage_sizes_gb=list(row.storage_sizes_gb),
            provider_name=row.provider_name,
            provider_code=row.provider_code,
            region=row.region,
            zone=row.zone,
            instance_type=row.instance_type,
            cpu_count=row.cpu_count,
            ram_gb=row.ram_gb,
            gpu_vram=row.gpu_vram,
            gpu_count=row.gpu_count,
            cost_per_hour=_number(row.cost_per_hour),
            total_cost=_number(row.total_cost),
            is_archived=row.is_archived,
            deleted_by_provider=row.deleted_by_provider,
            progress_percent=row.progress_percent,
            tech_activated_by=row.tech_activated_by,
            tech_activated_at=row.tech_activated_at,
            eco_activated_by=row.eco_activated_by,
            eco_activated_at=row.eco_activated_at,
            is_operational=row.is_operational,
        )


class StorageBody(msgspec.Struct, frozen=True, kw_only=True):
    """A disk of an instance's machine, as clients see it."""

    id: UUID
    provider_volume_id: str
    name: str | None
    volume_type: str
    size_gb: int | None
    is_boot: bool
    status: str
    delete_on_terminate: bool
    created_at: datetime
    attached_at: datetime | None
    deleted_at: datetime | None
    reconciled_at: datetime | None
    last_reconciliation: datetime | None
    error_message: str | None

    @classmethod
    def of(cls, storage: Storage) -> Self:
        """Show a disk."""
        return cls(
            id=storage.id,
            provider_volume_id=storage.provider_volume_id,
            name=storage.name,
            volume_type=storage.volume_type,
            size_gb=storage.size_gb,
            is_boot=storage.is_boot,
            status=storage.status,
            delete_on_terminate=True,
            created_at=storage.created_at,
            attached_at=storage.attached_at,
            deleted_at=storage.deleted_at,
            reconciled_at=storage.reconciled_at,
            last_reconciliation=storage.reconciled_at,
            error_message=None,
        )


class InstanceDetailsBody(InstanceBody, frozen=True, kw_only=True):
    """An instance with its disks, also those that are gone."""

    storages: list[StorageBody] = []

    @classmethod
    def showing(cls, details: InstanceDetails) -> Self:
        """Show an instance, and its disks beside what it is."""
        shown = cls.of(details.row)
        storages = [StorageBody.of(storage) for storage in details.storages]
        return msgspec.structs.replace(shown, storages=storages)


def _number(amount: Eur | None) -> float | None:
    return None if amount is None else float(amount)
