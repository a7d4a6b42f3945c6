"""Paging parameters are never refused."""

from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.kernel.pagination import clamp


@given(st.integers(), st.integers(0, 10), st.integers(10, 20))
def test_a_number_is_kept_within_its_bounds(value: int, lowest: int, highest: int) -> None:
    clamped = clamp(value, lowest, highest)
    assert lowest <= clamped <= highest
    assert clamped == value or not lowest <= value <= highest
