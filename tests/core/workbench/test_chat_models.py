"""Whom one can talk to."""

from datetime import timedelta

from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.models.entities import Visibility
from inventiv_core.models.views import Channel
from inventiv_core.workers.entities import WorkerStatus
from tests.builders import (
    OTHER,
    Market,
    a_model,
    a_price,
    a_share,
    a_worker,
    an_offering,
    given,
)
from tests.core.workbench.bench import BOB, EVE, Bench, actor

MODEL = "vendor/chat-8b"


async def serve(bench: Bench, *, status: WorkerStatus = WorkerStatus.READY) -> Market:
    market = Market(model_id=MODEL)
    instance = market.instance(status=InstanceStatus.READY, ip_address="192.0.2.1")
    worker = a_worker(instance, status=status)
    await given(bench.unit_of_work, *market.everything, instance, worker)
    return market


async def names(bench: Bench, who: object = None) -> list[tuple[str, str, str]]:
    shown = await bench.chat_models(actor=who or actor())  # type: ignore[arg-type]
    return [(each.model, each.scope, each.through) for each in shown]


async def test_without_machines_nobody_answers(bench: Bench) -> None:
    await given(bench.unit_of_work, a_model(model_id=MODEL))
    assert await names(bench) == []


async def test_what_an_organization_runs_answers_its_members_and_nobody_else(bench: Bench) -> None:
    market = await serve(bench)
    assert await names(bench, actor(BOB)) == [(MODEL, "public", "own")]
    [shown] = await bench.chat_models(actor=actor())
    assert (shown.label, shown.underlying_model_id) == (market.model.name, MODEL)
    assert await names(bench, actor(EVE, OTHER)) == []
    assert await names(bench, actor(organization=None)) == []


async def test_offerings_come_after_the_catalog_each_by_what_it_is_called(bench: Bench) -> None:
    market = await serve(bench)
    price = a_price()
    await given(
        bench.unit_of_work,
        an_offering(market.model, code="b", name="Aaa", price=price),
        an_offering(market.model, code="a", name="Bbb", is_active=False),
        an_offering(market.model, code="c", price=price, visibility=Visibility.PUBLIC),
    )
    own = [(MODEL, "public", "own"), ("acme/b", "org", "own"), ("acme/c", "org", "own")]
    assert await names(bench) == own
    public = [("acme/c", "org", "offering")]
    assert await names(bench, actor(organization=None)) == public
    assert await names(bench, actor(EVE, OTHER)) == public


async def test_what_is_shared_answers_as_long_as_its_owner_s_machines_do(bench: Bench) -> None:
    market = await serve(bench)
    offering = an_offering(market.model, price=a_price())
    await given(bench.unit_of_work, offering, a_share(offering))
    [shown] = await bench.chat_models(actor=actor(EVE, OTHER))
    assert (shown.model, shown.through, shown.price) == ("acme/chat", Channel.SHARE, a_price())
    bench.clock.advance(timedelta(seconds=121))
    assert await names(bench, actor(EVE, OTHER)) == []


async def test_a_worker_that_is_not_ready_does_not_answer(bench: Bench) -> None:
    await serve(bench, status=WorkerStatus.STARTING)
    assert await names(bench) == []
