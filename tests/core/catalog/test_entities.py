"""What the catalog can hold."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.catalog.entities import tidy
from inventiv_core.catalog.errors import FieldInvalid


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("name", "  L4 ", "L4"),
        ("code", "x" * 50, "x" * 50),
        ("description", "  ", ""),
        ("description", None, None),
        ("gpu_count", 0, 0),
        ("bandwidth_bps", 2**63 - 1, 2**63 - 1),
        ("cost_per_hour", Decimal("0.00005"), Decimal("0.0001")),
        ("cost_per_hour", Decimal("1.23454999"), Decimal("1.2345")),
        ("cost_per_hour", None, None),
        ("is_active", False, False),
        ("allocation_params", {"a": [{"b": None}]}, {"a": [{"b": None}]}),
    ],
)
def test_what_can_be_held_is_kept_tidy(field: str, value: Any, kept: Any) -> None:
    assert tidy({field: value}) == {field: kept}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", " \t"), ("name", "x" * 51), ("name", "a\0b"), ("code", "  "),
        ("code", "x" * 51), ("description", "x" * 2001), ("gpu_count", -1), ("ram_gb", 2**31),
        ("cpu_count", -1), ("vram_per_gpu_gb", -1), ("bandwidth_bps", 2**63),
        ("cost_per_hour", Decimal("-0.0001")), ("cost_per_hour", Decimal("NaN")),
        ("cost_per_hour", Decimal("Infinity")), ("cost_per_hour", Decimal(1_000_000)),
        ("cost_per_hour", Decimal("999999.99999")), ("allocation_params", {"a\0": 1}),
        ("allocation_params", {"a": [{"b": "\0"}]}),
    ],
)  # fmt: skip
def test_what_cannot_be_held_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(FieldInvalid) as refused:
        tidy({"is_active": True, field: value})
    assert refused.value.facts["field"] == field
    assert refused.value.facts["problem"].endswith(".")


@given(st.decimals(0, 999_999, allow_nan=False, allow_infinity=False))
def test_a_price_is_kept_within_half_a_step_and_once_kept_stays(price: Decimal) -> None:
    kept = tidy({"cost_per_hour": price})["cost_per_hour"]
    assert abs(kept - price) <= Decimal("0.00005")
    assert tidy({"cost_per_hour": kept}) == {"cost_per_hour": kept}
