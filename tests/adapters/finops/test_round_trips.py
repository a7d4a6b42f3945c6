"""What looking at money costs the database: as many statements for many machines as for few."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.finops.views.costs import MinuteFilter
from inventiv_core.identity.access import PLATFORM
from inventiv_core.models.entities import AccessPolicy, Visibility
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import (
    NOON,
    Market,
    a_price,
    a_rental,
    an_actor,
    an_offering,
    given,
    given_teams,
)

FEW, MANY = 2, 30
EVERYTHING = MinuteFilter()


def asked(application: Application, name: str) -> Callable[[], Awaitable[object]]:
    actor = an_actor()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "summary": lambda: application.get_cost_summary()(instances=100, actor=actor),
        "window": lambda: application.get_spent()(minutes=525_600, instances=100, actor=actor),
        "series": lambda: application.get_cost_series()(minutes=43_200, points=180, actor=actor),
        "actual": lambda: application.list_actual_costs()(EVERYTHING, minutes=9, actor=actor),
        "cumulative": lambda: application.list_cumulative_costs()(
            EVERYTHING, minutes=9, actor=actor
        ),
        "forecast": lambda: application.list_forecasts()(EVERYTHING, minutes=9, actor=actor),
        "adjustments": lambda: application.list_adjustments()(limit=9, actor=actor),
        "wallet": lambda: application.get_wallet()(actor=actor),
    }
    return calls[name]


@pytest.mark.parametrize(
    "name",
    [
        "summary",
        "window",
        "series",
        "actual",
        "cumulative",
        "forecast",
        "adjustments",
        "wallet",
    ],
)
async def test_whatever_is_rented_each_answer_is_one_statement(
    postgres: PostgresAdapters, statements: list[str], name: str
) -> None:
    market, application = Market(), Application(adapters=postgres)
    clock: Any = postgres.clock()
    await given_teams(postgres.unit_of_work(), *market.everything)
    counts: list[int] = []
    for more in (FEW, MANY):
        instances = [market.instance() for _ in range(more)]
        rented = [a_rental(one, start=NOON) for one in instances]
        await given(postgres.unit_of_work(), *instances, *rented)
        clock.advance(timedelta(days=1))
        await application.close_hours()(actor=PLATFORM)
        statements.clear()
        await asked(application, name)()
        counts.append(len(statements))
    assert counts == [1, 1]


async def test_who_can_pay_is_one_statement_and_none_while_nothing_takes_it(
    postgres: PostgresAdapters, statements: list[str]
) -> None:
    market, application = Market(), Application(adapters=postgres)
    free = an_offering(market.model, price=a_price(), visibility=Visibility.PUBLIC)
    await given_teams(postgres.unit_of_work(), *market.everything, free)
    counts: list[int] = []
    for policy in AccessPolicy:
        async with postgres.unit_of_work()() as work:
            await work.offerings.save(replace(free, access_policy=policy))
        await application.refresh_routes()(actor=PLATFORM)  # settings are remembered for a while
        statements.clear()
        await application.refresh_routes()(actor=PLATFORM)
        counts.append(len(statements))
    assert counts == [counts[0], counts[0] + 1, counts[0] + 1]
