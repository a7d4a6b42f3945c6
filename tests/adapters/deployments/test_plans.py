"""Plans: what their ports promise, kept by every adapter, and what becomes of applying one."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_core.deployments.entities import PLAN_LIFETIME, PlanId, Quota
from inventiv_core.deployments.errors import PlanDrifted, PlanExpired, PlanNotFound
from inventiv_core.deployments.views import BootTimes, PlanDetails
from inventiv_core.identity.access import PLATFORM, OrganizationId
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import ACME, NOON, OTHER, Market, a_number, an_actor, given_teams

DAY = timedelta(days=1)


@pytest.fixture
def market() -> Market:
    return Market()


async def prepared(adapters: Any, market: Market) -> Application:
    await given_teams(adapters.unit_of_work(), *market.everything)
    return Application(adapters=adapters)


async def plan(application: Application, market: Market, **asked: Any) -> PlanDetails:
    details: PlanDetails = await application.plan_deployment()(
        market.request(**asked), actor=an_actor()
    )
    return details


async def apply(application: Application, plan_id: PlanId, **options: Any) -> Any:
    options = {"actor": an_actor(), **options}
    request = options.pop("request", None)
    return await application.create_deployment()(request, plan_id=plan_id, **options)


async def living(adapters: Any) -> int:
    async with adapters.unit_of_work()() as work:
        count: int = await work.estates.living_instances(ACME)
    return count


async def test_a_plan_rents_nothing_and_says_what_it_would_cost(
    adapters: Any, market: Market
) -> None:
    application = await prepared(adapters, market)
    details = await plan(application, market)
    assert await living(adapters) == 0
    assert details.plan.price_per_hour_eur == Decimal("0.7500")
    assert details.price_per_day_eur == Decimal("18.0000")
    assert details.price_per_month_eur == Decimal("547.5000")
    assert (details.in_use.instances, details.wanted.instances) == (0, 1)
    assert details.boot_times == BootTimes()
    [machine] = details.fit.machines
    assert machine.is_deployable


async def test_an_applied_plan_is_one_instance_however_often_it_is_sent(
    adapters: Any, market: Market
) -> None:
    application = await prepared(adapters, market)
    details = await plan(application, market)
    first = await apply(application, details.plan.id)
    again = await apply(application, details.plan.id, request=market.request())
    assert (first.is_replayed, again.is_replayed) == (False, True)
    assert again.instance_id == first.instance_id
    assert await living(adapters) == 1


async def test_a_plan_that_many_apply_at_once_is_one_instance(
    postgres: PostgresAdapters, market: Market
) -> None:
    application = await prepared(postgres, market)
    details = await plan(application, market)
    made = await asyncio.gather(*(apply(application, details.plan.id) for _ in range(5)))
    assert len({deployment.instance_id for deployment in made}) == 1
    assert await living(postgres) == 1


async def test_a_plan_is_its_organization_s_alone(adapters: Any, market: Market) -> None:
    application = await prepared(adapters, market)
    details = await plan(application, market)
    with pytest.raises(PlanNotFound):
        await apply(application, details.plan.id, actor=an_actor(organization=OTHER))
    with pytest.raises(PlanNotFound):
        await apply(application, PlanId(a_number()))


async def test_an_old_plan_is_refused_and_then_forgotten(adapters: Any, market: Market) -> None:
    application = await prepared(adapters, market)
    details = await plan(application, market)
    clock = adapters.clock()
    assert isinstance(clock, ManualClock)
    clock.advance(PLAN_LIFETIME)
    with pytest.raises(PlanExpired):
        await apply(application, details.plan.id)
    assert await application.forget_plans()(actor=PLATFORM) == 0
    clock.advance(DAY + timedelta(seconds=1))
    assert await application.forget_plans()(actor=PLATFORM) == 1
    with pytest.raises(PlanNotFound):
        await apply(application, details.plan.id)


async def change(adapters: Any, market: Market, what: str) -> None:
    async with adapters.unit_of_work()() as work:
        match what:
            case "price_per_hour_eur":
                dearer = replace(market.kind, cost_per_hour=Decimal("0.8000"))
                await work.catalog.save_instance_type(dearer, at=NOON)
            case "availability":
                await work.catalog.put_on_sale(replace(market.link, is_available=False))
            case "quota":
                await work.quotas.put(ACME, Quota(instances=0))
            case "model":
                await work.models.save(replace(market.model, is_active=False))
            case "required_vram_gb":
                await work.models.save(replace(market.model, required_vram_gb=7))


@pytest.mark.parametrize(
    ("what", "planned", "now"),
    [
        ("price_per_hour_eur", "0.7500", "0.8000"),
        ("availability", "accepted", "INVALID_INSTANCE_TYPE"),
        ("quota", "accepted", "QUOTA_EXCEEDED"),
        ("model", "accepted", "INVALID_MODEL"),
        ("required_vram_gb", "0", "7"),
    ],
)
async def test_what_has_changed_since_the_plan_is_named_and_nothing_is_rented(
    postgres: PostgresAdapters, market: Market, what: str, planned: str, now: str
) -> None:
    application = await prepared(postgres, market)
    details = await plan(application, market)
    await change(postgres, market, what)
    with pytest.raises(PlanDrifted) as refusal:
        await apply(application, details.plan.id)
    assert list(refusal.value.changes) == [{"field": what, "planned": planned, "now": now}]
    assert await living(postgres) == 0


async def test_a_request_for_something_else_is_not_what_was_planned(
    adapters: Any, market: Market
) -> None:
    application = await prepared(adapters, market)
    details = await plan(application, market)
    elsewhere = market.request(zone="elsewhere")
    with pytest.raises(PlanDrifted) as refusal:
        await apply(application, details.plan.id, request=elsewhere)
    assert [change["field"] for change in refusal.value.changes] == ["zone"]


async def boots(adapters: Any, market: Market, *took_s: int, owner: OrganizationId = ACME) -> None:
    """Have machines asked for one after the other that were ready after so long."""
    async with adapters.unit_of_work()() as work:
        for place, seconds in enumerate(took_s):
            asked_at = NOON + place * timedelta(minutes=1)
            instance = market.instance(owner=owner, at=asked_at)
            await work.instances.add(instance)
            ready_at = asked_at + timedelta(seconds=seconds)
            ready = _in(instance, InstanceStatus.READY, ready_at, ready_at=ready_at)
            await work.instances.save(instance, ready, reason="")
            later = ready_at + DAY
            lost = _in(ready, InstanceStatus.UNAVAILABLE, later)
            await work.instances.save(ready, lost, reason="")
            recovered = _in(lost, InstanceStatus.READY, later + DAY, ready_at=later + DAY)
            await work.instances.save(lost, recovered, reason="")


def _in(instance: Instance, status: InstanceStatus, at: Any, **facts: Any) -> Instance:
    return instance.change(status=status, status_since=at, **facts)


@pytest.mark.parametrize(
    ("took_s", "limit", "p50", "p90"),
    [
        ((40,), 9, 40, 40),
        ((30, 10), 9, 10, 30),
        ((5, 1, 4, 2, 3), 9, 3, 5),
        (tuple(range(1, 11)), 99, 5, 9),
        (tuple(range(1, 12)), 99, 6, 10),
        ((100, 1, 2, 3), 3, 2, 3),
    ],
)
async def test_boots_are_learnt_from_until_the_first_time_they_were_ready(
    adapters: Any, market: Market, took_s: tuple[int, ...], limit: int, p50: int, p90: int
) -> None:
    await prepared(adapters, market)
    await boots(adapters, market, *took_s)
    await boots(adapters, market, 9999, owner=OTHER)
    async with adapters.unit_of_work()() as work:
        await work.instances.add(market.instance())  # not ready yet
    known = await adapters.boot_queries().times(
        ACME,
        model_id=market.model.id,
        instance_type_id=market.kind.id,
        zone_id=market.zone.id,
        limit=limit,
    )
    assert known == BootTimes(
        boots=min(len(took_s), limit), p50=timedelta(seconds=p50), p90=timedelta(seconds=p90)
    )
