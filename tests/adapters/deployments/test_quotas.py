"""Quotas: what their ports promise, kept by every adapter."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.deployments.entities import Deployment, InUse, Quota
from inventiv_core.deployments.errors import QuotaExceeded, QuotaOwnerNotFound
from inventiv_core.deployments.views import QuotaStanding
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import AT_REST, InstanceStatus
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import (
    ACME,
    OTHER,
    Market,
    a_number,
    an_actor,
    an_instance_type,
    given_teams,
    on_sale,
)

QUOTA = Quota(instances=3, gpus=8, eur_per_hour=Decimal("12.5000"))


async def put(adapters: Any, quota: Quota, owner: OrganizationId = ACME) -> str:
    async with adapters.unit_of_work()() as work:
        name: str = await work.quotas.put(owner, quota)
    return name


async def standing(adapters: Any, owner: OrganizationId = ACME) -> QuotaStanding:
    async with adapters.unit_of_work()() as work:
        in_work = QuotaStanding(
            quota=await work.quotas.lock(owner), in_use=await work.quotas.in_use(owner)
        )
    found: QuotaStanding = await adapters.quota_queries().standing(owner)
    assert found == in_work
    return found


async def test_without_a_quota_there_is_no_limit(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work())
    nothing = InUse(instances=0, gpus=0, eur_per_hour=Decimal(0))
    assert await standing(adapters) == QuotaStanding(quota=Quota(), in_use=nothing)


async def test_a_quota_replaces_the_one_before_and_is_one_organization_s(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work())
    assert await put(adapters, Quota(instances=1)) == "Acme"
    assert await put(adapters, QUOTA) == "Acme"
    assert (await standing(adapters)).quota == QUOTA
    assert (await standing(adapters, OTHER)).quota == Quota()
    with pytest.raises(QuotaOwnerNotFound):
        await put(adapters, QUOTA, OrganizationId(a_number()))


async def test_what_is_not_over_is_in_use(adapters: Any) -> None:
    market = Market()
    large = an_instance_type(
        market.provider, code="large", gpu_count=8, cost_per_hour=Decimal("3.2000")
    )
    free = an_instance_type(market.provider, code="free", gpu_count=1, cost_per_hour=None)
    machines = [market.instance(status=status) for status in InstanceStatus]
    machines += [market.instance(instance_type_id=kind.id) for kind in (large, free)]
    theirs = market.instance(owner=OTHER)
    await given_teams(adapters.unit_of_work(), *market.everything, large, free, *machines, theirs)
    usual = len(InstanceStatus) - len(AT_REST)
    assert (await standing(adapters)).in_use == InUse(
        instances=usual + 2,
        gpus=usual * market.kind.gpu_count + 9,
        eur_per_hour=usual * Decimal("0.7500") + Decimal("3.2000"),
    )


async def deploy(adapters: Any, market: Market, **asked: Any) -> Deployment:
    create = Application(adapters=adapters).create_deployment()
    deployment: Deployment = await create(market.request(**asked), actor=an_actor())
    return deployment


async def test_more_than_the_quota_is_refused(adapters: Any) -> None:
    market = Market()
    dear = an_instance_type(market.provider, code="dear", cost_per_hour=Decimal(99))
    things = (*market.everything, dear, on_sale(dear, market.zone))
    await given_teams(adapters.unit_of_work(), *things)
    await put(adapters, replace(QUOTA, instances=2))
    with pytest.raises(QuotaExceeded) as refusal:
        await deploy(adapters, market, instance_type="dear")
    assert refusal.value.facts | {"instance_id": None} == {
        "instance_id": None,
        "limit": "eur_per_hour",
        "allowed": Decimal("12.5000"),
        "in_use": Decimal(0),
        "wanted": Decimal(99),
    }
    for _ in range(2):
        await deploy(adapters, market)
    with pytest.raises(QuotaExceeded):
        await deploy(adapters, market)
    assert (await standing(adapters)).in_use.instances == 2


async def test_many_at_once_get_no_more_than_the_quota(postgres: PostgresAdapters) -> None:
    market = Market()
    await given_teams(postgres.unit_of_work(), *market.everything)
    await put(postgres, Quota(instances=2))
    answers = await asyncio.gather(
        *(deploy(postgres, market) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(answer, Deployment) for answer in answers) == 2
    assert sum(isinstance(answer, QuotaExceeded) for answer in answers) == 4
    assert (await standing(postgres)).in_use.instances == 2
