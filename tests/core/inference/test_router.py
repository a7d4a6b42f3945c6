"""Which worker gets a call."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.kernel.chance import SeededChance
from inventiv_core.inference.entities import Route, Router, ServableModel
from inventiv_core.inference.errors import ModelNotServed, NoReadyWorker
from tests.builders import ACME, NOON, OTHER, a_number
from tests.core.inference.routes import MODEL, a_route, a_router

CHANCES = st.floats(0, 1, exclude_max=True)
DEPTHS = st.lists(st.integers(0, 5), min_size=1, max_size=6)


def choose(router: Router, *draws: float, tried: Sequence[Route] = ()) -> Route:
    remaining = iter(draws or (0.0, 0.0))
    return router.choose(
        MODEL.model_id,
        owner=ACME,
        tried={route.instance_id for route in tried},
        chance=lambda: next(remaining),
    )


@pytest.mark.parametrize("name", [MODEL.model_id, str(MODEL.id), str(MODEL.id).upper()])
def test_a_model_is_named_by_its_public_name_or_its_id(name: str) -> None:
    assert a_router().resolve(name) == MODEL.model_id


@pytest.mark.parametrize("name", ["", "none", str(a_number()), MODEL.model_id.lower()])
def test_other_names_are_nobody(name: str) -> None:
    with pytest.raises(ModelNotServed) as refusal:
        a_router().resolve(name)
    assert refusal.value.facts == {"model": name}


@given(DEPTHS, CHANCES, CHANCES)
def test_of_two_different_workers_the_less_busy_one_is_chosen(
    depths: list[int], first: float, second: float
) -> None:
    routes = [a_route(queue_depth=depth) for depth in depths]
    chosen = choose(a_router(routes), first, second)
    drawn = routes.pop(int(first * len(routes)))
    others = [routes[int(second * len(routes))]] if routes else []
    assert chosen in [drawn, *others]
    assert chosen.queue_depth == min(route.queue_depth for route in [drawn, *others])


@given(DEPTHS, st.data())
def test_whoever_was_tried_is_not_tried_again(depths: list[int], data: st.DataObject) -> None:
    routes = [a_route(queue_depth=depth) for depth in depths]
    router = a_router(routes)
    tried: list[Route] = []
    for _ in routes:
        chosen = choose(router, data.draw(CHANCES), data.draw(CHANCES), tried=tried)
        assert chosen not in tried
        tried.append(chosen)
    with pytest.raises(NoReadyWorker):
        choose(router, tried=tried)


def test_the_busiest_of_many_gets_nothing_and_the_rest_share() -> None:
    busy, *idle = [a_route(queue_depth=9), a_route(), a_route(), a_route()]
    router, chance = a_router([busy, *idle]), SeededChance(1)
    counts = Counter(
        router.choose(MODEL.model_id, owner=ACME, tried=(), chance=chance) for _ in range(300)
    )
    assert set(counts) == set(idle)
    assert min(counts.values()) > 50


def test_calls_under_way_count_as_much_as_those_that_wait() -> None:
    waiting, working = a_route(queue_depth=1), a_route()
    router = a_router([waiting, working])
    assert choose(router) is working
    router.begin(working)
    router.begin(working)
    assert choose(router) is waiting
    router.end(working)
    router.end(working)
    assert choose(router) is working


@given(st.lists(st.booleans(), max_size=20))
def test_no_worker_has_less_than_no_calls(begins: list[bool]) -> None:
    route, idle = a_route(), a_route()
    router, outstanding = a_router([route, idle]), 0
    for begin in begins:
        (router.begin if begin else router.end)(route)
        outstanding = outstanding + 1 if begin else max(outstanding - 1, 0)
    reference = a_route(queue_depth=outstanding)
    router.replace([MODEL], [reference, route])
    assert choose(router) is reference, "of equals, the first that was drawn"
    assert choose(router, 0.5, 0.0) is route


def test_calls_under_way_stay_counted_when_the_table_changes() -> None:
    working, other = a_route(), a_route()
    router = a_router([working, other])
    router.begin(working)
    router.replace([MODEL], [working, other])
    assert choose(router) is other


def test_nobody_is_sent_to_the_machines_of_others() -> None:
    router = a_router([a_route(owner=OTHER), a_route(model_id="another-model")])
    with pytest.raises(NoReadyWorker) as refusal:
        choose(router)
    assert refusal.value.facts == {"model": MODEL.model_id}
    assert not [route for route in router.served(ACME) if route.organization_id != ACME]


def test_each_served_model_is_listed_once_by_its_freshest_worker() -> None:
    stale, fresh = a_route(fresh_at=NOON - timedelta(seconds=1)), a_route()
    another, theirs = a_route(model_id="a-model"), a_route(owner=OTHER)
    router = a_router([fresh, stale, another, theirs])
    assert router.served(ACME) == [another, fresh]
    assert router.served(OTHER) == [theirs]


def test_what_is_no_longer_served_is_forgotten() -> None:
    router = a_router([a_route()])
    router.replace([ServableModel(id=a_number(), model_id="new")], [])
    assert not router.served(ACME)
    with pytest.raises(NoReadyWorker):
        choose(router)
    with pytest.raises(ModelNotServed):
        router.resolve(MODEL.model_id)
