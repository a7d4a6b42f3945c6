"""What a list of the fleet costs the database: as many statements for many rows as for few."""

from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.action_logs.views import ActionLogFilter
from inventiv_core.instances.entities import InstanceId
from inventiv_core.instances.views import InstanceFilter
from inventiv_core.kernel.pagination import PageRequest
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import NOON, Market, a_rental, a_worker, an_action, an_actor, given, given_teams

FEW, MANY = 2, 30


async def grow(postgres: PostgresAdapters, market: Market, count: int) -> None:
    """Have so many more machines, each with a worker, an action and a price."""
    things: list[Any] = []
    for place in range(count):
        instance = market.instance(at=NOON + timedelta(seconds=place))
        things += [instance, a_worker(instance), an_action(instance_id=instance.id)]
        things.append(a_rental(instance, start=NOON))
    await given(postgres.unit_of_work(), *things)


async def asked(application: Application, name: str) -> None:
    page, actor = PageRequest.of(limit=1000), an_actor()
    match name:
        case "list_instances":
            await application.list_instances()(archived=False, actor=actor)
        case "get_instance":
            [newest, *_] = await application.list_instances()(archived=False, actor=actor)
            await application.get_instance()(InstanceId(newest.id), actor=actor)
        case "search_instances":
            await application.search_instances()(InstanceFilter(), page, counted=True, actor=actor)
        case "search_by_cost":
            page = PageRequest.of(limit=1000, order_by="total_cost")
            await application.search_instances()(InstanceFilter(), page, counted=True, actor=actor)
        case "list_action_logs":
            await application.list_action_logs()(ActionLogFilter(), limit=1000, actor=actor)
        case "search_action_logs":
            await application.search_action_logs()(
                ActionLogFilter(), page, counted=True, with_stats=True, actor=actor
            )
        case "get_quota":
            await application.get_quota()(actor=actor)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("list_instances", 1),
        ("get_instance", 3),
        ("search_by_cost", 2),
        ("search_instances", 2),
        ("list_action_logs", 1),
        ("search_action_logs", 2),
        ("get_quota", 1),
    ],
)
async def test_more_rows_take_no_more_statements(
    postgres: PostgresAdapters, statements: list[str], name: str, most: int
) -> None:
    market = Market()
    await given_teams(postgres.unit_of_work(), *market.everything)
    application = Application(adapters=postgres)
    counts: list[int] = []
    for more in (FEW, MANY):
        await grow(postgres, market, more)
        statements.clear()
        await asked(application, name)
        counts.append(len(statements))
    assert counts == [most, most]


async def test_a_plan_takes_no_more_statements_for_a_larger_fleet(
    postgres: PostgresAdapters, statements: list[str]
) -> None:
    market = Market()
    await given_teams(postgres.unit_of_work(), *market.everything)
    plan = Application(adapters=postgres).plan_deployment()
    counts: list[int] = []
    for more in (FEW, MANY):
        await grow(postgres, market, more)
        statements.clear()
        await plan(market.request(), actor=an_actor())
        counts.append(len(statements))
    assert counts[0] == counts[1]
