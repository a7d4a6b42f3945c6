"""What a machine of the mock cloud measures: simulated, every number of it."""

from dataclasses import dataclass, field
from random import Random
from statistics import fmean
from typing import Any

_GIB = 1024**3

_GPU_POWER_LIMIT_W = 300.0
_MEMORY_BYTES = 64 * _GIB
_DISK_BYTES = 200 * _GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedGpus:
    """GPUs that are as busy as the queue is long.

    The formulas are those of the worker agent's own simulation
    (``WORKER_SIMULATE_GPU_COUNT`` and ``WORKER_SIMULATE_GPU_VRAM_MB``).
    """

    count: int = 1
    vram_mb: float = 24_576.0

    def measure(self, queue_depth: int) -> dict[str, Any]:
        """Return the GPU part of the metadata: sums and means, then each GPU."""
        busy = max(0.0, min(5.0 + 8.0 * queue_depth, 95.0))
        gpus = [self._measure_one(index, busy + 3.0 * index) for index in range(self.count)]
        return {
            "gpu_utilization": fmean(gpu["gpu_utilization"] for gpu in gpus),
            "gpu_mem_used_mb": sum(gpu["gpu_mem_used_mb"] for gpu in gpus),
            "gpu_mem_total_mb": sum(gpu["gpu_mem_total_mb"] for gpu in gpus),
            "gpu_temp_c": fmean(gpu["gpu_temp_c"] for gpu in gpus),
            "gpu_power_w": fmean(gpu["gpu_power_w"] for gpu in gpus),
            "gpu_power_limit_w": _GPU_POWER_LIMIT_W,
            "gpus": gpus,
        }

    def _measure_one(self, index: int, utilization: float) -> dict[str, float]:
        return {
            "index": index,
            "gpu_utilization": utilization,
            "gpu_mem_used_mb": self.vram_mb * utilization / 100,
            "gpu_mem_total_mb": self.vram_mb,
            "gpu_temp_c": 35 + 0.5 * utilization,
            "gpu_power_w": _GPU_POWER_LIMIT_W * utilization / 100,
            "gpu_power_limit_w": _GPU_POWER_LIMIT_W,
        }


@dataclass(slots=True, kw_only=True)
class SimulatedSystem:
    """A host that is busy with what its engine does, give or take a little chance."""

    dice: Random
    is_disk_full: bool = False
    _is_first_sample: bool = field(default=True, init=False)
    _received_bytes: int = field(default=0, init=False)
    _sent_bytes: int = field(default=0, init=False)

    def measure(self, *, requests_running: int, elapsed_s: float) -> dict[str, Any]:
        """Return the system part of the metadata, after ``elapsed_s`` since the sample before."""
        busy_pct = min(3.0 + 2.0 * requests_running + self.dice.uniform(0, 2), 100.0)
        load = busy_pct / 100 * 8
        used_bytes = int(_MEMORY_BYTES * (0.2 + self.dice.uniform(0, 0.01)))
        disk_used_bytes = _DISK_BYTES if self.is_disk_full else int(_DISK_BYTES * 0.35)
        received_bps = 2_000.0 + 500.0 * requests_running + self.dice.uniform(0, 500)
        sent_bps = 4_000.0 + 3_000.0 * requests_running + self.dice.uniform(0, 500)
        self._received_bytes += int(received_bps * elapsed_s)
        self._sent_bytes += int(sent_bps * elapsed_s)
        system: dict[str, Any] = {
            "load1": load,
            "load5": load,
            "load15": load,
            "mem_total_bytes": _MEMORY_BYTES,
            "mem_available_bytes": _MEMORY_BYTES - used_bytes,
            "mem_used_bytes": used_bytes,
            "mem_used_pct": 100 * used_bytes / _MEMORY_BYTES,
            "disk_path": "/",
            "disk_total_bytes": _DISK_BYTES,
            "disk_used_bytes": disk_used_bytes,
            "disk_free_bytes": _DISK_BYTES - disk_used_bytes,
            "disk_used_pct": 100 * disk_used_bytes / _DISK_BYTES,
            "net_rx_bytes_total": self._received_bytes,
            "net_tx_bytes_total": self._sent_bytes,
        }
        if not self._is_first_sample:  # rates need two samples, on a real host as well
            system |= {
                "cpu_usage_pct": busy_pct,
                "net_rx_bps": received_bps,
                "net_tx_bps": sent_bps,
            }
        self._is_first_sample = False
        return system
