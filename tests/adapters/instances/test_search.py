"""Looking through instances: what the port promises, kept by every adapter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.instances.use_cases import SearchInstances
from inventiv_core.instances.views import InstanceFilter, InstanceRow, instance_keys
from inventiv_core.kernel.pagination import PageRequest, SearchPage
from tests.builders import (
    NOON,
    OTHER,
    Market,
    a_model,
    a_rental,
    an_actor,
    an_instance_type,
    given,
    given_teams,
    on_sale,
)

HOUR = timedelta(hours=1)
EVERYTHING = InstanceFilter()


async def search(
    adapters: Any, where: InstanceFilter = EVERYTHING, *, counted: bool = True, **page: Any
) -> SearchPage[InstanceRow]:
    find = SearchInstances(instance_queries=adapters.instance_queries(), clock=adapters.clock())
    return await find(where, PageRequest.of(**page), counted=counted, actor=an_actor())


async def walk(adapters: Any, **page: Any) -> list[InstanceRow]:
    """Return all rows, from cursor to cursor."""
    rows: list[InstanceRow] = []
    found = await search(adapters, **page)
    rows += found.rows
    while found.next_cursor is not None:
        found = await search(adapters, cursor=found.next_cursor, **page)
        assert found.offset == len(rows)
        rows += found.rows
    return rows


async def deployed(adapters: Any) -> Sequence[Instance]:
    """Store a fleet in which everything that can be sorted by differs, and is the same."""
    market, other = Market(), Market("cloud-2", model_id="acme/other")
    dear = an_instance_type(market.provider, code="dear", cost_per_hour=Decimal("9.0000"))
    unknown = an_instance_type(market.provider, code="unknown", cost_per_hour=None)
    fleet = [
        market.instance(at=NOON),
        market.instance(at=NOON, status=InstanceStatus.READY),
        market.instance(at=NOON - HOUR, instance_type_id=dear.id),
        market.instance(at=NOON - 2 * HOUR, instance_type_id=unknown.id),
        other.instance(at=NOON - HOUR, status=InstanceStatus.FAILED),
        other.instance(
            at=NOON - 9 * HOUR, terminated_at=NOON - 8 * HOUR, status=InstanceStatus.TERMINATED
        ),
    ]
    hidden = [
        market.instance(at=NOON - HOUR, is_archived=True, status=InstanceStatus.ARCHIVED),
        market.instance(owner=OTHER),
    ]
    types = (dear, on_sale(dear, market.zone), unknown, on_sale(unknown, market.zone))
    rented = [
        a_rental(instance, start=NOON - HOUR, end=NOON + n * HOUR)
        for n, instance in enumerate(fleet)
    ]
    things = (*market.everything, *other.everything, *types, *fleet, *hidden, *rented)
    await given_teams(adapters.unit_of_work(), *things)
    adapters.clock().advance(3 * HOUR)
    return fleet


@pytest.mark.parametrize("order_dir", ["asc", "desc"])
@pytest.mark.parametrize("order_by", [key.name for key in instance_keys(descending=False)])
async def test_pages_come_in_order_and_add_up_to_the_list(
    adapters: Any, order_by: str, order_dir: str
) -> None:
    fleet = await deployed(adapters)
    rows = await walk(adapters, order_by=order_by, order_dir=order_dir, limit=2)
    assert len(rows) == len(fleet)
    assert {row.id for row in rows} == {instance.id for instance in fleet}
    descending = order_dir == "desc"
    [key] = [key for key in instance_keys(descending=descending) if key.name == order_by]
    places = [(key.of(row), row.id) for row in rows]
    assert places == sorted(places, reverse=descending)
    again = await search(adapters, order_by=order_by, order_dir=order_dir)
    assert list(again.rows) == rows
    by_offset = await search(adapters, order_by=order_by, order_dir=order_dir, offset=2, limit=3)
    assert list(by_offset.rows) == rows[2:5]


@pytest.mark.parametrize("order_by", ["cost_per_hour", "total_cost"])
@pytest.mark.parametrize("order_dir", ["asc", "desc"])
async def test_an_unknown_price_is_last_in_either_direction(
    adapters: Any, order_by: str, order_dir: str
) -> None:
    await deployed(adapters)
    rows = await walk(adapters, order_by=order_by, order_dir=order_dir, limit=1)
    assert [row.cost_per_hour is None for row in rows] == [False] * 5 + [True]


async def test_one_s_own_are_counted_all_together_and_those_that_were_searched_for(
    adapters: Any,
) -> None:
    await deployed(adapters)
    found = await search(adapters, InstanceFilter(status=InstanceStatus.READY), limit=1)
    assert (found.total_count, found.filtered_count, len(found.rows)) == (7, 1, 1)
    found = await search(adapters, InstanceFilter(archived=True))
    assert (found.total_count, found.filtered_count, len(found.rows)) == (7, 1, 1)
    found = await search(adapters, counted=False)
    assert (found.total_count, found.filtered_count, len(found.rows)) == (None, None, 6)


async def test_a_search_can_be_narrowed_down(adapters: Any) -> None:
    await deployed(adapters)
    market = Market("cloud-3")
    model = replace(a_model(model_id="acme/wanted"), is_active=False)
    wanted = market.instance(model_id=model.id)
    await given(adapters.unit_of_work(), *market.everything[:5], model, wanted)
    for where in (
        InstanceFilter(model_id=model.id),
        InstanceFilter(zone_id=market.zone.id),
        InstanceFilter(model_id=model.id, status=wanted.status),
    ):
        assert [row.id for row in (await search(adapters, where)).rows] == [wanted.id]
    for where in (
        InstanceFilter(model_id=model.id, status=InstanceStatus.READY),
        InstanceFilter(zone_id=market.zone.id, archived=True),
    ):
        assert not (await search(adapters, where)).rows


async def test_a_walk_shows_nothing_twice_whatever_is_added_meanwhile(adapters: Any) -> None:
    fleet = await deployed(adapters)
    first = await search(adapters, order_dir="desc", limit=3)
    market = Market("cloud-4")
    newer = market.instance(at=NOON + HOUR)
    await given(
        adapters.unit_of_work(), *market.everything[:5], replace(newer, model_id=fleet[0].model_id)
    )
    rest = await search(adapters, order_dir="desc", cursor=first.next_cursor)
    shown = [row.id for row in (*first.rows, *rest.rows)]
    assert len(shown) == len(set(shown)) == len(fleet)


async def test_the_personal_workspace_has_none(adapters: Any) -> None:
    await deployed(adapters)
    find = SearchInstances(instance_queries=adapters.instance_queries(), clock=adapters.clock())
    found = await find(EVERYTHING, PageRequest.of(), counted=True, actor=an_actor(None))
    assert (found.rows, found.total_count, found.filtered_count) == ((), 0, 0)
