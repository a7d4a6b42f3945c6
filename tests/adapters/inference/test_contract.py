"""What the ports of inference promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.inference.entities.gauges import Circle, Gauge, Measure, Per
from inventiv_core.inference.entities.limits import Issuer, LimitId
from inventiv_core.inference.entities.routes import Route, ServableModel
from inventiv_core.inference.entities.usage import InferenceUsage, Outcome
from inventiv_core.inference.views import RoutingSnapshot
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.models.entities import OfferingId, ShareId
from inventiv_core.workers.entities import WorkerStatus
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    Market,
    a_model,
    a_number,
    a_price,
    a_worker,
    an_offering,
    given,
    given_teams,
)
from tests.core.inference.limits import a_default, a_gauge, a_limit

STALE_AFTER = timedelta(minutes=2)


def a_usage(**facts: Any) -> InferenceUsage:
    usage = InferenceUsage(
        id=a_number(),
        request_id="asked",
        occurred_at=NOON,
        organization_id=ACME,
        user_id=ALICE,
        provider_organization_id=ACME,
        instance_id=InstanceId(a_number()),
        model_id="acme/chat",
        path="/v1/chat/completions",
        streamed=True,
        status_code=200,
        outcome=Outcome.COMPLETE,
        input_tokens=1,
        output_tokens=2,
        total_tokens=3,
        ttft_ms=4,
        duration_ms=5,
    )
    return replace(usage, **facts)


async def used(adapters: Any) -> dict[Any, InferenceUsage]:
    """Return all usage there is, by id. Nothing else reads it yet."""
    if hasattr(adapters, "database"):
        database: MemoryDatabase = adapters.database()
        return database.table(InferenceUsage)
    async with adapters.pool().connection() as connection:
        cursor = await connection.execute("SELECT * FROM inference_usage")
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
    usages = msgspec.convert(rows, list[InferenceUsage])
    return {usage.id: usage for usage in usages}


def serving(market: Market, *, owner: OrganizationId = ACME) -> Instance:
    return market.instance(owner=owner, status=InstanceStatus.READY, ip_address="192.0.2.1")


async def snapshot(adapters: Any) -> RoutingSnapshot:
    seen: RoutingSnapshot = await adapters.routing_queries().snapshot(
        now=NOON, stale_after=STALE_AFTER
    )
    return seen


async def test_usage_is_stored_as_it_was(adapters: Any) -> None:
    whole = a_usage()
    unknown = a_usage(
        user_id=None,
        instance_id=None,
        outcome=Outcome.FAILED,
        input_tokens=None,
        output_tokens=None,
        total_tokens=None,
        ttft_ms=None,
    )
    whole = replace(whole, cached_tokens=1, api_key_id=ApiKeyId(a_number()))
    whole = replace(whole, offering_id=OfferingId(a_number()), share_id=ShareId(a_number()))
    whole = replace(whole, organization_id=None, price=a_price("0.1", "12.5", cached="0.01"))
    async with adapters.unit_of_work()() as work:
        assert await work.usage.add([whole, unknown]) == [whole, unknown]
        assert await work.usage.add([]) == []
    assert await used(adapters) == {whole.id: whole, unknown.id: unknown}


async def test_usage_that_is_stored_already_stays_as_it_is(adapters: Any) -> None:
    first, second = a_usage(), a_usage()
    again = replace(first, total_tokens=99)
    for usages, new in (([first], [first]), ([again, second], [second]), ([again], [])):
        async with adapters.unit_of_work()() as work:
            assert await work.usage.add(usages) == new
    assert await used(adapters) == {first.id: first, second.id: second}


async def test_a_live_worker_is_a_route(adapters: Any) -> None:
    market = Market()
    instance = replace(serving(market), life=3)
    worker = a_worker(instance, at=NOON - STALE_AFTER, vllm_port=8001, queue_depth=7)
    await given_teams(adapters.unit_of_work(), *market.everything, instance, worker)
    assert await snapshot(adapters) == RoutingSnapshot(
        models=[
            ServableModel(
                id=market.model.id,
                model_id=market.model.model_id,
                name=market.model.name,
                context_length=market.model.context_length,
            )
        ],
        routes=[
            Route(
                instance_id=instance.id,
                organization_id=ACME,
                model_id=market.model.model_id,
                base_url="http://192.0.2.1:8001",
                queue_depth=7,
                fresh_at=NOON - STALE_AFTER,
                life=3,
            )
        ],
    )


async def test_every_condition_of_life_counts(adapters: Any) -> None:
    market = Market()
    late = NOON - STALE_AFTER - timedelta(microseconds=1)
    dead = [
        replace(serving(market), status=status)
        for status in InstanceStatus
        if status is not InstanceStatus.READY
    ]
    nowhere, silent, starting, draining, alone, live = (serving(market) for _ in range(6))
    nowhere = replace(nowhere, ip_address=None)
    things = (*dead, nowhere, silent, starting, draining, alone, live)
    await given_teams(adapters.unit_of_work(), *market.everything, *things)
    await given(
        adapters.unit_of_work(),
        *(a_worker(instance) for instance in (*dead, nowhere, live)),
        a_worker(silent, at=late),
        a_worker(starting, status=WorkerStatus.STARTING),
        a_worker(draining, status=WorkerStatus.DRAINING),
    )
    assert [route.instance_id for route in (await snapshot(adapters)).routes] == [live.id]


async def test_a_model_that_is_switched_off_is_not_served(adapters: Any) -> None:
    market = Market()
    market.model = replace(market.model, is_active=False)
    instance = serving(market)
    await given_teams(adapters.unit_of_work(), *market.everything, instance, a_worker(instance))
    assert await snapshot(adapters) == RoutingSnapshot(models=[], routes=[])


async def test_active_models_are_known_served_or_not(adapters: Any) -> None:
    models = [a_model(model_id=name) for name in ("acme/b", "acme/A", "acme/a")]
    off = a_model(is_active=False)
    await given(adapters.unit_of_work(), *models, off)
    seen = await snapshot(adapters)
    assert [model.model_id for model in seen.models] == ["acme/A", "acme/a", "acme/b"]


async def test_a_route_is_its_owners(adapters: Any) -> None:
    market = Market()
    ours, theirs = serving(market), serving(market, owner=OTHER)
    things = (ours, theirs, a_worker(theirs), a_worker(ours))
    await given_teams(adapters.unit_of_work(), *market.everything, *things)
    assert [
        (route.instance_id, route.organization_id) for route in (await snapshot(adapters)).routes
    ] == [(ours.id, ACME), (theirs.id, OTHER)]


async def test_an_unknown_queue_is_empty_and_an_unknown_port_the_usual_one(adapters: Any) -> None:
    market = Market()
    instance = replace(serving(market), ip_address="2001:db8::1")
    await given_teams(adapters.unit_of_work(), *market.everything, instance, a_worker(instance))
    [route] = (await snapshot(adapters)).routes
    assert (route.queue_depth, route.base_url) == (0, "http://[2001:db8::1]:8000")


async def test_limits_are_stored_as_they_were_and_found_by_what_they_are_about(
    adapters: Any,
) -> None:
    key, user = ApiKeyId(a_number()), UserId(a_number())
    whole = a_limit(
        user=user, key=key, model="m", requests_per_minute=1, tokens_per_minute=10**10,
        concurrent_calls=3, tokens_per_day=4, tokens_per_month=5, eur_per_day=Decimal("0.000001"),
        eur_per_month=Decimal("12.5"),
    )  # fmt: skip
    limits = [whole, a_limit(), a_limit(user=user), a_limit(key=key), a_limit(model="m")]
    limits += [a_limit(owner=OTHER), a_limit(issuer=Issuer.PLATFORM), a_default()]
    await given_teams(adapters.unit_of_work(), *limits)
    assert list(await adapters.limit_queries().all()) == limits
    async with adapters.unit_of_work()() as work:
        for limit in limits:
            about = replace(limit, id=LimitId(a_number()), tokens_per_day=99)
            assert await work.limits.find(about) == limit
        assert await work.limits.find(a_limit(model="n")) is None
        assert await work.limits.find(a_default(model="m")) is None
        changed = replace(whole, tokens_per_day=None, updated_at=NOON + STALE_AFTER)
        assert await work.limits.put(changed) == changed
        assert await work.limits.find(whole) == changed


async def test_there_is_one_limit_of_each(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work())
    for limit in (a_limit(), a_limit(user=ALICE, model="m"), a_default()):
        again = replace(
            limit, id=LimitId(a_number()), tokens_per_day=7, created_at=NOON + STALE_AFTER
        )
        async with adapters.unit_of_work()() as work:
            assert await work.limits.put(limit) == limit
            kept = replace(limit, tokens_per_day=7)
            assert await work.limits.put(again) == kept
            assert await work.limits.find(limit) == kept


async def test_limits_belong_to_who_has_set_them(adapters: Any) -> None:
    mine, theirs, default = a_limit(), a_limit(owner=OTHER), a_default()
    special = a_limit(issuer=Issuer.PLATFORM)
    await given_teams(adapters.unit_of_work(), mine, theirs, default, special)
    organization, platform = Issuer.ORGANIZATION, Issuer.PLATFORM
    async with adapters.unit_of_work()() as work:
        for limit, issuer, owner in (
            (mine, organization, ACME), (default, platform, None), (special, platform, None),
        ):  # fmt: skip
            assert await work.limits.get(limit.id, issuer=issuer, owner=owner) == limit
        for limit, issuer, owner in (
            (mine, organization, OTHER), (mine, platform, None), (special, organization, ACME),
            (default, organization, ACME),
        ):  # fmt: skip
            assert await work.limits.get(limit.id, issuer=issuer, owner=owner) is None
        assert await work.limits.count(issuer=organization, owner=ACME) == 1
        assert await work.limits.count(issuer=platform, owner=None) == 2
        await work.limits.remove(mine.id)
        await work.limits.remove(mine.id)
        assert await work.limits.count(issuer=organization, owner=ACME) == 0
    queries = adapters.limit_queries()
    assert list(await queries.of(ACME, limit=9)) == [default, special]
    assert list(await queries.of(OTHER, limit=9)) == [theirs, default]
    assert list(await queries.of(OTHER, limit=1)) == [theirs]
    assert list(await queries.of_platform(limit=9)) == [default, special]
    assert list(await queries.of_platform(limit=1)) == [default]


async def test_what_was_used_of_a_budget_is_summed_up(adapters: Any) -> None:
    key, since = ApiKeyId(a_number()), NOON - timedelta(hours=1)
    model = a_model(model_id="vendor/chat-8b")
    offering = an_offering(model, code="chat")
    await given_teams(adapters.unit_of_work(), model, offering)
    price = a_price("2", "4", cached="1")
    bought = a_usage(
        model_id=model.model_id, offering_id=offering.id, price=price,
        input_tokens=5, output_tokens=6, total_tokens=11, cached_tokens=2,
    )  # fmt: skip
    usages = [
        a_usage(total_tokens=1),
        a_usage(total_tokens=2, api_key_id=key),
        a_usage(total_tokens=4, user_id=None, model_id="acme/other"),
        bought,  # 3 at 2, 2 at 1, 6 at 4: 32 millionths
        replace(bought, id=a_number(), price=a_price("0.1", "0"), cached_tokens=9),
        a_usage(total_tokens=None, outcome=Outcome.FAILED, price=price, input_tokens=None,
                output_tokens=None),
        a_usage(total_tokens=100, occurred_at=since - timedelta(seconds=1)),
        a_usage(total_tokens=1000, organization_id=OTHER),
        a_usage(total_tokens=2000, organization_id=None),
    ]  # fmt: skip
    async with adapters.unit_of_work()() as work:
        await work.usage.add(usages)

    def asked(measure: Measure = Measure.TOKENS, **circle: Any) -> Gauge:
        whose = Circle(**{"organization_id": ACME, **circle})
        return replace(a_gauge(measure, Per.DAY), circle=whose, since=since)

    expected = {
        asked(): 29,
        asked(user_id=ALICE): 25,
        asked(api_key_id=key): 2,
        asked(api_key_id=key, user_id=UserId(a_number())): 0,
        asked(model="acme/chat"): 25,
        asked(model="acme/other"): 4,
        asked(model="vendor/chat-8b"): 0,
        asked(organization_id=OTHER): 1000,
        asked(organization_id=None, user_id=ALICE): 2000,
        asked(organization_id=None, user_id=UserId(a_number())): 0,
        asked(Measure.MICRO_EUR): 33,
        asked(Measure.MICRO_EUR, model="acme/other"): 0,
    }
    assert await adapters.limit_queries().spent(list(expected)) == expected
    assert await adapters.limit_queries().spent([]) == {}
