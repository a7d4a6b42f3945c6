"""What was measured, on the wire."""

from datetime import datetime
from typing import Final, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.observability.use_cases import Activity
from inventiv_core.observability.views import RequestMetrics, RuntimeModelRow, Series

_BITS: Final = 8
_MEGA: Final = 1_000_000


class GpuPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU over one step of time: means, unless they say otherwise."""

    ts: datetime
    gpu_pct: float | None
    vram_pct: float | None
    temp_c: float | None
    power_w: float | None
    power_limit_w: float | None
    gpu_pct_min: float | UnsetType | None = UNSET
    gpu_pct_max: float | UnsetType | None = UNSET
    vram_pct_max: float | UnsetType | None = UNSET
    temp_c_max: float | UnsetType | None = UNSET
    power_w_max: float | UnsetType | None = UNSET


class GpuBody(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU."""

    gpu_index: int
    samples: list[GpuPoint]

    @classmethod
    def of(cls, series: Series, *, extremes: bool) -> Self:
        """Show a GPU."""
        total = series.capacity["vram_total_mb"]
        gpu, vram = series.measured["gpu_pct"], series.measured["vram_used_mb"]
        temp, power = series.measured["temp_c"], series.measured["power_w"]
        points = [
            GpuPoint(
                ts=at,
                gpu_pct=gpu.mean[n],
                vram_pct=_percent(vram.mean[n], total[n]),
                temp_c=temp.mean[n],
                power_w=power.mean[n],
                power_limit_w=series.capacity["power_limit_w"][n],
            )
            for n, at in enumerate(series.at)
        ]
        if extremes:
            points = [
                msgspec.structs.replace(
                    point,
                    gpu_pct_min=gpu.lowest[n],
                    gpu_pct_max=gpu.highest[n],
                    vram_pct_max=_percent(vram.highest[n], total[n]),
                    temp_c_max=temp.highest[n],
                    power_w_max=power.highest[n],
                )
                for n, point in enumerate(points)
            ]
        return cls(gpu_index=series.gpu_index, samples=points)


class GpuInstanceBody(msgspec.Struct, frozen=True, kw_only=True):
    """A machine and its GPUs."""

    instance_id: UUID
    instance_name: str | None
    provider_name: str | None
    gpu_count: int | None
    gpus: list[GpuBody]


class GpuActivityBody(msgspec.Struct, frozen=True, kw_only=True):
    """What GPUs have been doing."""

    window_s: int
    step_s: int
    """How far the points are apart."""
    generated_at: datetime
    instances: list[GpuInstanceBody]

    @classmethod
    def of(cls, activity: Activity, *, extremes: bool) -> Self:
        """Show what GPUs have been doing, machine by machine."""
        by_instance: dict[UUID, GpuInstanceBody] = {}
        for series in activity.series:
            instance = by_instance.setdefault(
                series.instance_id,
                GpuInstanceBody(
                    instance_id=series.instance_id,
                    instance_name=series.instance_name,
                    provider_name=series.provider_name,
                    gpu_count=series.gpu_count,
                    gpus=[],
                ),
            )
            instance.gpus.append(GpuBody.of(series, extremes=extremes))
        return cls(
            window_s=activity.window_s,
            step_s=int(activity.shown.step.total_seconds()),
            generated_at=activity.generated_at,
            instances=list(by_instance.values()),
        )


class SystemPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A machine over one step of time: means, unless they say otherwise."""

    ts: datetime
    cpu_pct: float | None
    load1: float | None
    mem_pct: float | None
    disk_pct: float | None
    net_rx_mbps: float | None
    """Megabits per second. Agents measure bytes."""
    net_tx_mbps: float | None
    cpu_pct_min: float | UnsetType | None = UNSET
    cpu_pct_max: float | UnsetType | None = UNSET
    mem_pct_max: float | UnsetType | None = UNSET
    disk_pct_max: float | UnsetType | None = UNSET
    net_rx_mbps_max: float | UnsetType | None = UNSET
    net_tx_mbps_max: float | UnsetType | None = UNSET


class SystemInstanceBody(msgspec.Struct, frozen=True, kw_only=True):
    """A machine."""

    instance_id: UUID
    instance_name: str | None
    provider_name: str | None
    samples: list[SystemPoint]

    @classmethod
    def of(cls, series: Series, *, extremes: bool) -> Self:
        """Show a machine."""
        memory, disk = series.capacity["mem_total_bytes"], series.capacity["disk_total_bytes"]
        of = series.measured.__getitem__
        cpu, load, used, filled = (
            of("cpu_pct"),
            of("load1"),
            of("mem_used_bytes"),
            of("disk_used_bytes"),
        )
        received, sent = of("net_rx_bytes_per_s"), of("net_tx_bytes_per_s")
        points = [
            SystemPoint(
                ts=at,
                cpu_pct=cpu.mean[n],
                load1=load.mean[n],
                mem_pct=_percent(used.mean[n], memory[n]),
                disk_pct=_percent(filled.mean[n], disk[n]),
                net_rx_mbps=_mbps(received.mean[n]),
                net_tx_mbps=_mbps(sent.mean[n]),
            )
            for n, at in enumerate(series.at)
        ]
        if extremes:
            points = [
                msgspec.structs.replace(
                    point,
                    cpu_pct_min=cpu.lowest[n],
                    cpu_pct_max=cpu.highest[n],
                    mem_pct_max=_percent(used.highest[n], memory[n]),
                    disk_pct_max=_percent(filled.highest[n], disk[n]),
                    net_rx_mbps_max=_mbps(received.highest[n]),
                    net_tx_mbps_max=_mbps(sent.highest[n]),
                )
                for n, point in enumerate(points)
            ]
        return cls(
            instance_id=series.instance_id,
            instance_name=series.instance_name,
            provider_name=series.provider_name,
            samples=points,
        )


class SystemActivityBody(msgspec.Struct, frozen=True, kw_only=True):
    """What machines have been doing."""

    window_s: int
    step_s: int
    """How far the points are apart."""
    generated_at: datetime
    instances: list[SystemInstanceBody]

    @classmethod
    def of(cls, activity: Activity, *, extremes: bool) -> Self:
        """Show what machines have been doing."""
        return cls(
            window_s=activity.window_s,
            step_s=int(activity.shown.step.total_seconds()),
            generated_at=activity.generated_at,
            instances=[
                SystemInstanceBody.of(series, extremes=extremes) for series in activity.series
            ],
        )


class RuntimeModelBody(msgspec.Struct, frozen=True, kw_only=True):
    """A model that workers have served, and what serves it now."""

    model_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    instances_available: int
    gpus_available: int
    vram_total_gb: int
    total_requests: int
    failed_requests: int

    @classmethod
    def of(cls, row: RuntimeModelRow) -> Self:
        """Show a model."""
        return msgspec.convert(row, cls, from_attributes=True)


class RequestMetricsBody(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of one instance."""

    instance_id: UUID
    total_requests: int
    successful_requests: int
    failed_requests: int
    total_input_tokens: int
    total_output_tokens: int
    total_tokens: int
    first_request_at: datetime | None
    last_request_at: datetime | None

    @classmethod
    def of(cls, metrics: RequestMetrics) -> Self:
        """Show what was counted."""
        return msgspec.convert(metrics, cls, from_attributes=True)


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole or whole <= 0 else part / whole * 100


def _mbps(bytes_per_s: float | None) -> float | None:
    return None if bytes_per_s is None else bytes_per_s * _BITS / _MEGA
