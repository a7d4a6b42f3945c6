"""Prices: what held when, in every world."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.catalog.entities import InstanceType, Price
from tests.builders import NOON, a_number, a_provider, an_instance_type, given

HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return NOON + hours * HOUR


async def priced(adapters: Any, *prices: tuple[float, str | None]) -> InstanceType:
    """Store a type with one price after the other, by hour."""
    provider = a_provider()
    kind = an_instance_type(provider, cost_per_hour=None)
    await given(adapters.unit_of_work(), provider)
    for number, (hours, cost) in enumerate(prices):
        kind = replace(kind, cost_per_hour=None if cost is None else Decimal(cost))
        async with adapters.unit_of_work()() as work:
            if number == 0:
                await work.catalog.add_instance_type(kind, at=at(hours))
            else:
                await work.catalog.save_instance_type(kind, at=at(hours))
    return kind


def told(prices: Sequence[Price]) -> list[tuple[float, str | None]]:
    """Return prices as `priced` takes them."""
    return [
        ((price.valid_from - NOON) / HOUR, None if price.cost_per_hour is None
         else str(price.cost_per_hour))
        for price in prices
    ]  # fmt: skip


THREE = ((0, "1.0000"), (2, None), (4, "2.0000"))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (-0.1, None),
        (0, (0, "1.0000")),
        (1.9, (0, "1.0000")),
        (2, (2, None)),
        (3.9, (2, None)),
        (4, (4, "2.0000")),
        (1000, (4, "2.0000")),
    ],
)
async def test_the_price_that_held_at_an_instant(
    adapters: Any, hours: float, expected: tuple[float, str | None] | None
) -> None:
    kind = await priced(adapters, *THREE)
    price = await adapters.price_queries().at(kind.id, at(hours))
    assert (told([price])[0] if price else None) == expected
    assert await adapters.price_queries().at(a_number(), at(hours)) is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (-2, -1, []),
        (-2, 0, []),
        (-2, 1, [0]),
        (0, 1, [0]),
        (1, 2, [0]),
        (1, 3, [0, 2]),
        (2, 3, [2]),
        (3, 5, [2, 4]),
        (4, 5, [4]),
        (5, 6, [4]),
        (-9, 9, [0, 2, 4]),
    ],
)
async def test_the_prices_that_held_within_a_time(
    adapters: Any, start: float, end: float, expected: list[float]
) -> None:
    kind, other = await priced(adapters, *THREE), await priced(adapters, (0, "9.0000"))
    between = adapters.price_queries().between
    mine = await between(at(start), at(end), id=kind.id)
    assert [hours for hours, _ in told(mine)] == expected
    everything = await between(at(start), at(end))
    assert [price for price in everything if price.instance_type_id == kind.id] == mine
    assert {p.instance_type_id for p in everything} <= {kind.id, other.id}
    assert everything == sorted(everything, key=lambda p: (p.instance_type_id, p.valid_from))


async def test_the_history_is_newest_first_and_says_how_long(adapters: Any) -> None:
    kind = await priced(adapters, *THREE)
    rows = await adapters.price_queries().history(kind.id, limit=9)
    assert [(row.valid_from, row.valid_until) for row in rows] == [
        (at(4), None), (at(2), at(4)), (at(0), at(2)),
    ]  # fmt: skip
    assert await adapters.price_queries().history(kind.id, limit=2) == rows[:2]
    assert not await adapters.price_queries().history(a_number(), limit=9)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([(0, "1.0000"), (1, "1.0000"), (2, "1.00")], [(0, "1.0000")]),
        ([(0, None), (1, None)], [(0, None)]),
        ([(0, "1.0000"), (1, None), (2, None)], [(0, "1.0000"), (1, None)]),
        ([(0, "1.0000"), (0, "2.0000")], [(0, "2.0000")]),  # at the same instant
        ([(0, "1.0000"), (2, "2.0000"), (1, "3.0000")], [(0, "1.0000"), (2, "3.0000")]),  # late
    ],
)
async def test_a_price_is_news_if_it_is_another_one_and_never_begins_before_the_last(
    adapters: Any,
    prices: list[tuple[float, str | None]],
    expected: list[tuple[float, str | None]],
) -> None:
    kind = await priced(adapters, *prices)
    rows = await adapters.price_queries().between(at(-9), at(9), id=kind.id)
    assert told(rows) == expected


async def test_a_price_that_is_undone_was_never_one(adapters: Any) -> None:
    kind = await priced(adapters, (0, "1.0000"))

    async def change_and_fail() -> None:
        async with adapters.unit_of_work()() as work:
            await work.catalog.save_instance_type(replace(kind, cost_per_hour=Decimal(5)), at=at(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert told(await adapters.price_queries().between(at(-9), at(9))) == [(0, "1.0000")]
