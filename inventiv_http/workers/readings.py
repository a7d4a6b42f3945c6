"""What workers measure, read with care: what makes no sense is unknown, nothing is an error.

Only what is too large, too deep or too many is refused: it would cost us.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import isfinite
from typing import Any, Final, cast

import msgspec

from inventiv_core.observability.entities import GpuReading, SystemReading
from inventiv_core.workers.entities import MAX_GPUS, MAX_METADATA_BYTES, MAX_METADATA_DEPTH
from inventiv_core.workers.errors import (
    MetadataNotText,
    MetadataTooDeep,
    MetadataTooLarge,
    TooManyGpus,
)

_LARGEST: Final = 1e15
"""More than any machine has of anything; sums of it are still numbers."""
_SMALLEST: Final = 1e-9
"""Less than this is nothing."""
_MAX_INDEX: Final = 1023
_LONGEST_QUEUE: Final = 1_000_000
_COLDEST_C: Final = -50.0
_HOTTEST_C: Final = 150.0

_NUL: Final = "\0"
_NUL_IN_JSON: Final = b"\\u0000"


def bounded(metadata: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return what a worker says of itself, if it can be kept.

    Raises:
        MetadataTooDeep: Before anything is done that takes as long as it is deep.
        MetadataTooLarge: As JSON.
        MetadataNotText: It contains NUL.
    """
    if metadata is None:
        return None
    if not _is_shallow(metadata, MAX_METADATA_DEPTH):
        raise MetadataTooDeep(limit=MAX_METADATA_DEPTH)
    written = msgspec.json.encode(metadata)
    if len(written) > MAX_METADATA_BYTES:
        raise MetadataTooLarge(size_bytes=len(written), limit_bytes=MAX_METADATA_BYTES)
    if _NUL_IN_JSON in written and _has_nul(metadata):
        raise MetadataNotText
    return metadata


def text(value: str | None) -> str | None:
    """Return a name, or ``None`` if there is none."""
    if value and _NUL in value:
        raise MetadataNotText
    return value or None


def number(value: object, *, least: float = 0.0, most: float = _LARGEST) -> float | None:
    """Return a number, cut to what it can be; ``None`` if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not isfinite(value):
        return None
    cut = float(min(max(value, least), most))
    return 0.0 if abs(cut) < _SMALLEST else cut


def queue_depth(value: int | None) -> int | None:
    """Return how many wait, within reason."""
    return None if value is None else min(max(value, 0), _LONGEST_QUEUE)


def gpus_of(
    metadata: Mapping[str, Any],
    *,
    gpu_utilization: float | None,
    gpu_mem_used_mb: float | None,
) -> Sequence[GpuReading]:
    """Return what each GPU has measured; if they are not told apart, all of them as one.

    Raises:
        TooManyGpus: There are more than any machine has.
    """
    gpus = metadata.get("gpus")
    if isinstance(gpus, list):
        listed = cast("list[object]", gpus)
        if len(listed) > MAX_GPUS:
            raise TooManyGpus(count=len(listed), limit=MAX_GPUS)
        each = (_gpu(cast("Mapping[str, Any]", gpu)) for gpu in listed if isinstance(gpu, dict))
        return [gpu for gpu in each if gpu is not None and _says_something(gpu)]
    together = {
        "gpu_utilization": gpu_utilization,
        "gpu_mem_used_mb": gpu_mem_used_mb,
        **{name: value for name, value in metadata.items() if value is not None},
        "index": 0,
    }
    whole = _gpu(together)
    return [whole] if whole is not None and _says_something(whole) else []


def system_of(metadata: Mapping[str, Any]) -> SystemReading | None:
    """Return what the machine has measured of itself; ``None`` if it is nothing."""
    system = metadata.get("system")
    if not isinstance(system, dict):
        return None
    say = cast("Mapping[str, Any]", system).get
    memory, disk = number(say("mem_total_bytes")), number(say("disk_total_bytes"))
    reading = SystemReading(
        cpu_pct=number(say("cpu_usage_pct"), most=100.0),
        load1=number(say("load1")),
        mem_used_bytes=_part(say("mem_used_bytes"), memory),
        mem_total_bytes=memory,
        disk_used_bytes=_part(say("disk_used_bytes"), disk),
        disk_total_bytes=disk,
        net_rx_bytes_per_s=number(say("net_rx_bps")),  # agents say bps, and mean bytes
        net_tx_bytes_per_s=number(say("net_tx_bps")),
    )
    return reading if reading != _NOTHING else None


_NOTHING: Final = SystemReading()


def _gpu(gpu: Mapping[str, Any]) -> GpuReading | None:
    index = gpu.get("index", 0)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index <= _MAX_INDEX:
        return None
    total = number(gpu.get("gpu_mem_total_mb"))
    return GpuReading(
        gpu_index=index,
        gpu_pct=number(gpu.get("gpu_utilization"), most=100.0),
        vram_used_mb=_part(gpu.get("gpu_mem_used_mb"), total),
        vram_total_mb=total,
        temp_c=number(gpu.get("gpu_temp_c"), least=_COLDEST_C, most=_HOTTEST_C),
        power_w=number(gpu.get("gpu_power_w")),
        power_limit_w=number(gpu.get("gpu_power_limit_w")),
    )


def _says_something(gpu: GpuReading) -> bool:
    return gpu != GpuReading(gpu_index=gpu.gpu_index)


def _part(value: object, whole: float | None) -> float | None:
    return number(value) if whole is None else number(value, most=whole)


def _is_shallow(metadata: Mapping[str, Any], depth: int) -> bool:
    """Tell whether no more than so many lists and objects are inside of each other."""
    level: list[object] = [metadata]
    for _ in range(depth):
        inside = chain.from_iterable(map(_inside, level))
        level = [each for each in inside if isinstance(each, dict | list)]
        if not level:
            return True
    return False


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value)


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return _NUL in value
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return any(_NUL in key or _has_nul(each) for key, each in items)
    return isinstance(value, list) and any(_has_nul(each) for each in cast("list[object]", value))
