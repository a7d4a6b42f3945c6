"""Whatever workers say they measure: what is kept of it makes sense."""

from dataclasses import asdict
from math import isfinite
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.kernel.errors import RuleBroken
from inventiv_core.observability.entities import SystemReading
from inventiv_core.workers.entities import MAX_GPUS, MAX_METADATA_BYTES
from inventiv_http.workers.readings import bounded, gpus_of, number, system_of

numbers = st.integers() | st.floats()
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda more: (
        st.lists(more, max_size=3) | st.dictionaries(st.text(max_size=5), more, max_size=3)
    ),
)
GPU_NAMES = (
    "index", "gpu_utilization", "gpu_mem_used_mb", "gpu_mem_total_mb", "gpu_temp_c",
    "gpu_power_w", "gpu_power_limit_w",
)  # fmt: skip
SYSTEM_NAMES = (
    "cpu_usage_pct", "load1", "mem_used_bytes", "mem_total_bytes", "disk_used_bytes",
    "disk_total_bytes", "net_rx_bps", "net_tx_bps",
)  # fmt: skip
gpus = st.dictionaries(st.sampled_from(GPU_NAMES), numbers | anything)
systems = st.dictionaries(st.sampled_from(SYSTEM_NAMES), numbers | anything)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "gpus": st.lists(gpus | anything, max_size=5) | anything,
        "system": systems | anything,
    }
    | dict.fromkeys(GPU_NAMES, numbers | anything),
)


@given(metadata, st.none() | numbers, st.none() | numbers)
def test_readings_are_numbers_in_range(said: Any, utilization: Any, used: Any) -> None:
    readings = gpus_of(said, gpu_utilization=utilization, gpu_mem_used_mb=used)
    assert len(readings) <= MAX_GPUS
    for gpu in readings:
        assert gpu.gpu_index in range(1024)
        assert 0 <= (gpu.gpu_pct or 0) <= 100
        assert -50 <= (gpu.temp_c or 0) <= 150
        if gpu.vram_total_mb is not None:
            assert (gpu.vram_used_mb or 0) <= gpu.vram_total_mb
        facts = asdict(gpu)
        assert any(value is not None for name, value in facts.items() if name != "gpu_index")
        assert all(value is None or isfinite(value) for value in facts.values())
        assert all((value or 0) >= 0 for name, value in facts.items() if name != "temp_c")


@given(metadata)
def test_machines_are_numbers_in_range(said: Any) -> None:
    reading = system_of(said)
    if reading is None:
        return
    assert reading != SystemReading()
    assert (reading.cpu_pct or 0) <= 100
    assert (reading.mem_used_bytes or 0) <= (reading.mem_total_bytes or 1e15)
    assert (reading.disk_used_bytes or 0) <= (reading.disk_total_bytes or 1e15)
    for value in asdict(reading).values():
        assert value is None or (isinstance(value, float) and 0 <= value <= 1e15)


@given(anything)
def test_what_is_kept_is_small_enough_and_can_be_stored(said: Any) -> None:
    try:
        kept = bounded({"said": said, "\ud800": None} if said == "\ud800" else {"said": said})
    except (RuleBroken, msgspec.MsgspecError, UnicodeEncodeError):
        return
    written = msgspec.json.encode(kept)
    assert len(written) <= MAX_METADATA_BYTES
    assert "\0" not in str(msgspec.json.decode(written))


@given(st.floats() | st.integers())
def test_a_number_is_one_that_can_be_added_up(value: float) -> None:
    read = number(value)
    assert read is None or read == 0 or 1e-9 <= read <= 1e15


def test_what_is_no_number_is_unknown() -> None:
    nonsense: tuple[object, ...] = (True, "1", None, [], float("nan"), float("inf"))
    assert [number(value) for value in nonsense] == [None] * 6


def test_gpus_that_are_not_told_apart_are_one() -> None:
    [gpu] = gpus_of(
        {"gpu_mem_total_mb": 10, "gpu_temp_c": None}, gpu_utilization=5.0, gpu_mem_used_mb=20.0
    )
    assert (gpu.gpu_index, gpu.gpu_pct, gpu.vram_used_mb) == (0, 5.0, 10.0)
    assert gpus_of({}, gpu_utilization=None, gpu_mem_used_mb=None) == []
    assert gpus_of({"gpus": []}, gpu_utilization=5.0, gpu_mem_used_mb=None) == []
