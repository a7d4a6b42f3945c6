"""What a rental costs, by arithmetic: whatever is split, closed late or priced anew."""

from datetime import datetime, timedelta
from decimal import Decimal, Inexact, localcontext
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.catalog.entities import Price
from inventiv_core.finops.entities.rentals import (
    ONE_HOUR,
    Rental,
    RentalId,
    cost_of,
    eur,
    floor,
    hours_between,
    volumes_per_hour,
)
from inventiv_core.finops.views.costs import bin_width, last_minutes, minutes_of
from tests.builders import NOON, Market, a_number

MARKET = Market()
instants = st.timedeltas(timedelta(0), timedelta(days=366)).map(lambda after: NOON + after)
rates = st.none() | st.decimals(0, 999_999, places=4)


def a_rental(start: datetime, end: datetime | None) -> Rental:
    rental = Rental.begin(
        MARKET.instance(at=start), "m", id=RentalId(a_number()), created_at=start, at=start
    )
    return rental if end is None else rental.end(end)


def prices_of(known: dict[datetime, Decimal | None]) -> list[Price]:
    return [
        Price(instance_type_id=MARKET.kind.id, cost_per_hour=known[at], valid_from=at)
        for at in sorted(known)
    ]


@given(
    start=instants,
    end=st.none() | instants,
    prices=st.dictionaries(instants, rates, max_size=4),
    cuts=st.lists(instants, min_size=2, max_size=8),
)
def test_any_split_of_time_sums_to_the_whole_exactly(
    start: datetime,
    end: datetime | None,
    prices: dict[datetime, Decimal | None],
    cuts: list[datetime],
) -> None:
    rental, known, marks = a_rental(start, end), prices_of(prices), sorted(cuts)
    with localcontext() as context:
        context.traps[Inexact] = True
        whole = cost_of(rental, known, marks[0], marks[-1])
        parts = [cost_of(rental, known, lower, upper) for lower, upper in pairwise(marks)]
        assert sum(parts, Decimal(0)) == whole


@given(start=instants, end=instants)
def test_hours_are_without_gaps_and_none_is_split(start: datetime, end: datetime) -> None:
    hours = list(hours_between(start, end))
    assert sum((upper - lower for lower, upper in hours), timedelta(0)) == max(
        end - start, timedelta(0)
    )
    assert all(
        floor(upper - timedelta(microseconds=1), ONE_HOUR) <= lower for lower, upper in hours
    )


def test_each_price_counts_while_it_held() -> None:
    rental = a_rental(NOON, NOON + 4 * ONE_HOUR)
    known = prices_of({
        NOON + ONE_HOUR: Decimal("1.0000"),
        NOON + 2 * ONE_HOUR: None,
        NOON + 3 * ONE_HOUR: Decimal("2.5000"),
    })  # fmt: skip
    assert eur(cost_of(rental, known, NOON, NOON + 9 * ONE_HOUR)) == Decimal("3.5")


def test_it_costs_since_the_provider_made_it_but_not_since_before_it_was_wanted() -> None:
    instance = MARKET.instance(at=NOON)
    starts = [
        Rental.begin(
            instance, "m", id=RentalId(a_number()), created_at=NOON + made * ONE_HOUR,
            at=NOON + 2 * ONE_HOUR,
        ).started_at
        for made in (-1, 1, 3)
    ]  # fmt: skip
    assert starts == [NOON, NOON + ONE_HOUR, NOON + 2 * ONE_HOUR]


@given(minutes=st.integers(1, 525_600), most=st.integers(30, 400), now=instants)
def test_a_series_shows_all_of_the_span_in_as_many_points_as_wanted(
    minutes: int, most: int, now: datetime
) -> None:
    span = last_minutes(minutes, now)
    width = bin_width(span, most)
    points, at = 0, floor(span.start, width)
    while at < span.end:
        points, at = points + 1, at + width
    assert 1 <= points <= most


def test_windows_have_several_names_and_an_unknown_one_is_an_hour() -> None:
    names = ["minute", "1H", " Day ", "week_7d", "1w", "month_30d", "365d", "fortnight"]
    assert [minutes_of(name) for name in names] == [
        1, 60, 1_440, 10_080, 10_080, 43_200, 525_600, 60,
    ]  # fmt: skip


def test_volumes_cost_by_the_gigabyte_and_month_to_a_micro_euro() -> None:
    assert volumes_per_hour(146, Decimal(5)) == 1
    assert volumes_per_hour(100, Decimal("0.0860")) == Decimal("0.011781")
    assert volumes_per_hour(100, None) == 0
    assert volumes_per_hour(0, Decimal(5)) == 0
