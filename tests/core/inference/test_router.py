"""Which worker gets a call."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_adapters.kernel.chance import SeededChance
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.inference.entities.affinity import ANYWHERE, Affinity
from inventiv_core.inference.entities.breakers import FAILURES, LONGEST_REST
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.entities.routing import BALANCE, SLOW_START, Router
from inventiv_core.inference.errors import ModelNotServed, NoReadyWorker
from tests.builders import ACME, NOON, OTHER, a_number
from tests.core.inference.routes import MODEL, a_model, a_route, a_router

CHANCES = st.floats(0, 1, exclude_max=True)
DEPTHS = st.lists(st.integers(0, 5), min_size=1, max_size=6)


def choose(
    router: Router,
    *draws: float,
    tried: Sequence[Route] = (),
    now: datetime = NOON,
    affinity: Affinity = ANYWHERE,
) -> Route:
    remaining = iter(draws or (0.0, 0.0))
    return router.choose(
        MODEL.model_id,
        owner=ACME,
        tried={route.instance_id for route in tried},
        chance=lambda: next(remaining),
        now=now,
        affinity=affinity,
    )


@pytest.mark.parametrize("name", [MODEL.model_id, str(MODEL.id), str(MODEL.id).upper(), MODEL.name])
def test_a_model_is_named_by_its_public_name_or_its_id(name: str) -> None:
    assert a_router().resolve(name) is MODEL


@pytest.mark.parametrize(
    "name", ["", "none", str(a_number()), MODEL.model_id.lower(), MODEL.name.lower()]
)
def test_other_names_are_nobody(name: str) -> None:
    with pytest.raises(ModelNotServed) as refusal:
        a_router().resolve(name)
    assert refusal.value.facts == {"model": name}


@given(DEPTHS.filter(lambda depths: len(depths) > 1), CHANCES, CHANCES)
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
        router.choose(MODEL.model_id, owner=ACME, tried=(), chance=chance, now=NOON)
        for _ in range(300)
    )
    assert set(counts) == set(idle)
    assert min(counts.values()) > 50


def test_calls_under_way_count_as_much_as_those_that_wait() -> None:
    waiting, working = a_route(queue_depth=1), a_route()
    router = a_router([waiting, working])
    assert choose(router) is working
    attempts = [router.begin(working), router.begin(working)]
    assert choose(router) is waiting
    for attempt in attempts:
        router.end(attempt)
    assert choose(router) is working


def test_calls_under_way_stay_counted_when_the_table_changes() -> None:
    working, other = a_route(), a_route()
    router = a_router([working, other])
    router.begin(working)
    router.replace([MODEL], [working, other], now=NOON)
    assert choose(router) is other


def test_nobody_is_sent_to_the_machines_of_others() -> None:
    router = a_router([a_route(owner=OTHER), a_route(model_id="another-model")])
    with pytest.raises(NoReadyWorker) as refusal:
        choose(router)
    assert refusal.value.facts == {"model": MODEL.model_id}
    assert router.freshest(ACME, MODEL.model_id) is None


def test_of_a_served_model_the_worker_is_known_that_was_heard_of_last() -> None:
    stale, fresh = a_route(fresh_at=NOON - timedelta(seconds=1)), a_route()
    another, theirs = a_route(model_id="a-model"), a_route(owner=OTHER)
    router = a_router([fresh, stale, another, theirs])
    assert router.freshest(ACME, MODEL.model_id) is fresh
    assert router.freshest(ACME, "a-model") is another
    assert router.freshest(OTHER, MODEL.model_id) is theirs


def test_what_is_no_longer_served_is_forgotten() -> None:
    router = a_router([a_route()])
    router.replace([a_model("new", name="New")], [], now=NOON)
    assert router.freshest(ACME, MODEL.model_id) is None
    with pytest.raises(NoReadyWorker):
        choose(router)
    with pytest.raises(ModelNotServed):
        router.resolve(MODEL.model_id)


def test_a_name_that_two_models_share_is_nobody_s() -> None:
    twins = [a_model("acme/one", name="Twin"), a_model("acme/two", name="Twin")]
    router = a_router(models=[*twins, a_model("Talker", name="acme/one")])
    with pytest.raises(ModelNotServed):
        router.resolve("Twin")
    assert router.resolve("acme/one") is twins[0], "the public name is the strongest"


SESSIONS = st.text(min_size=1, max_size=20).map(lambda name: Affinity(session=name))


@given(st.lists(SESSIONS, min_size=1, max_size=30), st.integers(2, 6), st.data())
def test_when_a_worker_goes_only_its_own_sessions_move(
    sessions: list[Affinity], workers: int, data: st.DataObject
) -> None:
    routes = [a_route() for _ in range(workers)]
    router = a_router(routes)
    before = [choose(router, affinity=session) for session in sessions]
    gone = data.draw(st.sampled_from(routes))
    router.replace([MODEL], [route for route in routes if route is not gone], now=NOON)
    after = [choose(router, affinity=session) for session in sessions]
    for home, now_at in zip(before, after, strict=True):
        assert now_at is not gone
        assert home in (now_at, gone)
    router.replace([MODEL], routes[::-1], now=NOON)
    assert [choose(router, affinity=session) for session in sessions] == before


def test_sessions_are_spread_and_stay_where_they_are_however_busy_it_is() -> None:
    routes = [a_route() for _ in range(4)]
    router = a_router(routes)
    homes = [choose(router, affinity=Affinity(session=str(number))) for number in range(400)]
    assert min(Counter(homes).values()) > 60
    for _ in range(50):
        router.begin(homes[0])
    assert choose(router, affinity=Affinity(session="0")) is homes[0]


BEGINNINGS = st.lists(st.sampled_from([b"hello", b"once", b"the same"]), min_size=1, max_size=60)


@given(BEGINNINGS, st.integers(2, 5), CHANCES)
def test_prompts_go_where_they_were_read_before_but_nobody_is_overrun(
    beginnings: list[bytes], workers: int, draw: float
) -> None:
    routes = [a_route() for _ in range(workers)]
    router, idle = a_router(routes), a_router(routes)
    outstanding: Counter[Route] = Counter()
    for number, text in enumerate(beginnings, start=1):
        affinity = Affinity(beginning=partial(bytes, text))
        home = choose(idle, affinity=affinity)
        route = choose(router, draw, draw, affinity=affinity)
        bound = math.ceil(BALANCE * number / workers)
        if outstanding[home] < bound:
            assert route is home
        assert outstanding[route] < bound
        router.begin(route)
        outstanding[route] += 1


def test_where_there_is_no_choice_no_prompt_is_looked_at() -> None:
    def never() -> bytes:
        raise AssertionError

    route = a_route()
    assert choose(a_router([route]), affinity=Affinity(beginning=never)) is route


def fails(router: Router, route: Route, times: int = 1, *, now: datetime = NOON) -> None:
    for _ in range(times):
        attempt = router.begin(route)
        router.fail(attempt, now=now)
        router.end(attempt)


def test_a_worker_that_keeps_failing_is_left_alone_and_probed_by_one_call_at_a_time() -> None:
    broken, well = a_route(), a_route(queue_depth=5)
    router = a_router([broken, well])
    fails(router, broken, FAILURES - 1)
    assert choose(router) is broken
    fails(router, broken)
    assert choose(router) is well
    later = NOON + timedelta(seconds=1)
    assert choose(router, now=later) is broken
    probe = router.begin(broken)
    assert choose(router, now=later) is well, "one probe at a time"
    router.end(probe)
    assert choose(router, now=later) is broken, "a probe whose caller left says nothing"
    probe = router.begin(broken)
    router.succeed(probe, ManualClock(later))
    router.end(probe)
    assert choose(router, now=later + SLOW_START) is broken


def test_an_answer_in_between_makes_failures_none_in_a_row() -> None:
    broken, well = a_route(), a_route(queue_depth=5)
    router = a_router([broken, well])
    fails(router, broken, FAILURES - 1)
    router.succeed(router.begin(broken), ManualClock(NOON))
    fails(router, broken, FAILURES - 1)
    assert choose(router) is broken


@given(st.integers(1, 12))
def test_rests_grow_and_have_an_end(probes: int) -> None:
    route = a_route()
    router = a_router([route])
    fails(router, route, FAILURES)
    now, rest = NOON, timedelta(0)
    for _ in range(probes):
        before, rest = rest, timedelta(0)
        while True:
            try:
                choose(router, now=now)
                break
            except NoReadyWorker:
                now, rest = now + timedelta(seconds=1), rest + timedelta(seconds=1)
        assert before <= rest <= LONGEST_REST
        fails(router, route, now=now)


def test_calls_from_before_do_not_make_a_rest_longer() -> None:
    route = a_route()
    router = a_router([route])
    early = [router.begin(route) for _ in range(10 * FAILURES)]
    for attempt in early:
        router.fail(attempt, now=NOON)
        router.end(attempt)
    assert choose(router, now=NOON + timedelta(seconds=1)) is route


def test_a_new_worker_starts_slowly_but_not_the_first_ones() -> None:
    old, new = a_route(queue_depth=2), a_route()
    router = a_router([old])
    router.replace([MODEL], [old, new], now=NOON)
    assert choose(router) is old, "a tenth of a share, and already a call"
    assert choose(router, now=NOON + SLOW_START) is new
    assert choose(a_router([old, new])) is new


def test_a_worker_that_was_moved_begins_anew() -> None:
    route, other = a_route(), a_route(queue_depth=50)
    router = a_router([route, other])
    fails(router, route, FAILURES)
    assert choose(router) is other
    moved = replace(route, base_url="http://elsewhere")
    router.replace([MODEL], [moved, other], now=NOON - SLOW_START)
    assert choose(router) is moved


def test_a_call_that_began_at_a_worker_that_is_gone_can_end() -> None:
    route = a_route()
    router = a_router([route])
    attempt = router.begin(route)
    router.replace([MODEL], [], now=NOON)
    router.end(attempt)
    router.end(router.begin(route))
