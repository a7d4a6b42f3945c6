"""What the ports of inference promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.identity.access import ApiKeyId, OrganizationId
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
    given,
    given_teams,
)

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
    instance = serving(market)
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
