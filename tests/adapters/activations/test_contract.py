"""What the ports of activations promise, and who gets calls, in every world."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.activations.entities import ActivationPolicy, Activations, Side
from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceStatus
from inventiv_core.workers.entities import WorkerStatus
from inventiv_http.container import PostgresAdapters
from tests.builders import ACME, ALICE, NOON, OTHER, Market, a_worker, given_teams

BOTH = ActivationPolicy(requires_double_activation=True)
MINUTE = timedelta(minutes=1)


async def serving(adapters: Any) -> tuple[Instance, Instance]:
    """Have two instances that serve, one of ACME's and one of another's."""
    market = Market()
    mine, theirs = (
        market.instance(owner=owner, status=InstanceStatus.READY, ip_address="192.0.2.1")
        for owner in (ACME, OTHER)
    )
    workers = [a_worker(one, status=WorkerStatus.READY) for one in (mine, theirs)]
    await given_teams(adapters.unit_of_work(), *market.everything, mine, theirs, *workers)
    return mine, theirs


async def choose(adapters: Any, owner: OrganizationId, policy: ActivationPolicy) -> None:
    async with adapters.unit_of_work()() as work:
        await work.activations.lock_policy(owner)
        await work.activations.put_policy(owner, policy)


async def put(adapters: Any, activations: Activations) -> None:
    async with adapters.unit_of_work()() as work:
        await work.activations.put(activations)


async def test_activations_are_kept_and_shown(adapters: Any) -> None:
    mine, theirs = await serving(adapters)
    nothing = Activations(instance_id=mine.id)
    full = nothing.activate(Side.TECHNICAL, by=ALICE, at=NOON).activate(
        Side.ECONOMIC, by=ALICE, at=NOON + MINUTE
    )
    find = adapters.instance_queries().find
    for wanted in (nothing, full, full.withdraw(Side.TECHNICAL), nothing):
        await put(adapters, wanted)
        async with adapters.unit_of_work()() as work:
            assert await work.activations.get(mine.id) == wanted
            assert await work.activations.get(theirs.id) == Activations(instance_id=theirs.id)
        row = await find(mine.id, owner=ACME, now=NOON)
        assert row.is_operational == wanted.is_operational
        for side in Side:
            shown = {name: getattr(row, name) for name in wanted.of(side)}
            assert shown == wanted.of(side)


async def test_a_policy_is_its_organizations_own(adapters: Any) -> None:
    await serving(adapters)
    queries = adapters.activation_queries()
    assert await queries.policy(ACME) == ActivationPolicy()
    for wanted in (BOTH, ActivationPolicy(), BOTH):
        await choose(adapters, ACME, wanted)
        assert await queries.policy(ACME) == wanted
        assert await queries.policy(OTHER) == ActivationPolicy()
        async with adapters.unit_of_work()() as work:
            assert await work.activations.lock_policy(ACME) == wanted


@pytest.mark.parametrize("tech", [True, False])
@pytest.mark.parametrize("eco", [True, False])
async def test_where_both_are_required_only_what_has_both_gets_calls(
    adapters: Any, *, tech: bool, eco: bool
) -> None:
    mine, _ = await serving(adapters)
    activations = Activations(instance_id=mine.id)
    for side, is_there in ((Side.TECHNICAL, tech), (Side.ECONOMIC, eco)):
        if is_there:
            activations = activations.activate(side, by=ALICE, at=NOON)
    if tech or eco:
        await put(adapters, activations)

    async def served() -> set[Any]:
        snapshot = await adapters.routing_queries().snapshot(now=NOON, stale_after=MINUTE)
        live = await adapters.live_model_queries().live([ACME, OTHER], heard_since=NOON)
        routed = {route.organization_id for route in snapshot.routes}
        assert routed == {model.organization_id for model in live}
        return routed

    assert await served() == {ACME, OTHER}
    await choose(adapters, ACME, BOTH)
    assert await served() == ({ACME, OTHER} if tech and eco else {OTHER})
    await choose(adapters, ACME, ActivationPolicy())
    assert await served() == {ACME, OTHER}


async def test_who_changes_a_policy_waits_for_who_does_so_already(
    postgres: PostgresAdapters,
) -> None:
    await serving(postgres)

    async def flip() -> None:
        async with postgres.unit_of_work()() as work:
            known = await work.activations.lock_policy(ACME)
            await asyncio.sleep(0)
            wanted = replace(known, requires_double_activation=not known.requires_double_activation)
            await work.activations.put_policy(ACME, wanted)

    await asyncio.gather(*(flip() for _ in range(5)))
    assert await postgres.activation_queries().policy(ACME) == BOTH
