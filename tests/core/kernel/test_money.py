"""Money: what time costs."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.kernel.money import cost

PRICES = st.decimals(min_value=0, max_value=1000, places=4)
DURATIONS = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650))
PICO = Decimal("1e-12")


def test_an_hour_costs_what_an_hour_costs() -> None:
    assert cost(Decimal("0.7500"), timedelta(hours=1)) == Decimal("0.75")
    assert cost(Decimal("0.7500"), timedelta(minutes=20)) == Decimal("0.25")


def test_less_than_nothing_is_free() -> None:
    assert cost(Decimal(60), timedelta(seconds=-1)) == 0


@given(PRICES, st.lists(DURATIONS, max_size=20))
def test_the_parts_of_a_time_cost_what_the_whole_costs(
    price: Decimal, parts: list[timedelta]
) -> None:
    whole = cost(price, sum(parts, timedelta(0)))
    assert abs(sum(cost(price, part) for part in parts) - whole) < PICO
