"""The catalog on the wire. Prices are JSON numbers, in euros per hour."""

from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.catalog.entities import InstanceType


class InstanceTypeBody(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of machine."""

    id: UUID
    provider_id: UUID
    name: str
    code: str
    gpu_count: int
    vram_per_gpu_gb: int
    is_active: bool
    cost_per_hour: float | None
    cpu_count: int
    ram_gb: int
    bandwidth_bps: int

    @classmethod
    def of(cls, kind: InstanceType) -> Self:
        """Show an instance type."""
        price = kind.cost_per_hour
        return cls(
            id=kind.id,
            provider_id=kind.provider_id,
            name=kind.name,
            code=kind.code,
            gpu_count=kind.gpu_count,
            vram_per_gpu_gb=kind.vram_per_gpu_gb,
            is_active=kind.is_active,
            cost_per_hour=None if price is None else float(price),
            cpu_count=kind.cpu_count,
            ram_gb=kind.ram_gb,
            bandwidth_bps=kind.bandwidth_bps,
        )
