"""What the instance ports promise, kept by every adapter."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_adapters.instances.memory import History
from inventiv_core.instances.entities import (
    AT_REST,
    DeletionReason,
    ErrorCode,
    Instance,
    InstanceId,
    InstanceStatus,
)
from inventiv_core.instances.errors import InstanceChangedMeanwhile, InstanceNotFound
from inventiv_core.instances.views import InstanceRow
from tests.builders import (
    ACME,
    NOON,
    OTHER,
    Market,
    a_number,
    a_rental,
    a_worker,
    given,
    given_teams,
)

SECOND = timedelta(seconds=1)

Change = tuple[str | None, str, str, datetime]


async def history(adapters: Any, instance: Instance) -> list[Change]:
    """Return what is remembered of an instance: from, to, why, when. Nothing else reads it yet."""
    if hasattr(adapters, "database"):
        changes = adapters.database().table(History)[instance.id].changes
        return [(line.from_status, line.to_status, line.reason, line.at) for line in changes]
    async with adapters.pool().connection() as connection:
        cursor = await connection.execute(
            "SELECT from_status, to_status, reason, created_at FROM instance_state_history"
            " WHERE instance_id = %s ORDER BY id",
            [instance.id],
        )
        rows: list[Change] = await cursor.fetchall()
        return rows


async def stored(adapters: Any, instance: Instance) -> Instance:
    async with adapters.unit_of_work()() as work:
        found: Instance = await work.instances.lock(instance.id, owner=None)
    return found


async def listed(
    adapters: Any, *, archived: bool = False, limit: int = 10
) -> Sequence[InstanceRow]:
    rows: Sequence[InstanceRow] = await adapters.instance_queries().list(
        ACME, archived=archived, limit=limit, now=NOON
    )
    return rows


async def deployed(adapters: Any, **facts: Any) -> Instance:
    """Store one instance, and all it needs."""
    market = Market()
    instance = market.instance(**facts)
    await given_teams(adapters.unit_of_work(), *market.everything, instance)
    return instance


async def test_what_was_added_comes_back_equal(adapters: Any) -> None:
    instance = await deployed(adapters)
    async with adapters.unit_of_work()() as work:
        assert await work.instances.lock(instance.id, owner=ACME) == instance


async def test_other_organizations_see_nothing(adapters: Any) -> None:
    instance = await deployed(adapters)
    async with adapters.unit_of_work()() as work:
        with pytest.raises(InstanceNotFound):
            await work.instances.lock(instance.id, owner=OTHER)
    queries = adapters.instance_queries()
    assert await queries.find(instance.id, owner=OTHER, now=NOON) is None
    assert not await queries.list(OTHER, archived=False, limit=10, now=NOON)
    [row] = await queries.list(ACME, archived=False, limit=10, now=NOON)
    assert row == await queries.find(instance.id, owner=ACME, now=NOON)
    assert row.progress_percent == 5


async def test_what_is_not_there_is_not_found(adapters: Any) -> None:
    nowhere = InstanceId(a_number())
    async with adapters.unit_of_work()() as work:
        for owner in (ACME, None):
            with pytest.raises(InstanceNotFound):
                await work.instances.lock(nowhere, owner=owner)
    assert await adapters.instance_queries().find(nowhere, owner=ACME, now=NOON) is None


async def test_everything_that_can_change_is_saved(adapters: Any) -> None:
    before = await deployed(adapters)
    after = replace(
        before,
        status=InstanceStatus.TERMINATED,
        status_since=NOON + SECOND,
        version=2,
        provider_instance_id="i-1",
        ip_address="2001:db8::1",
        boot_started_at=NOON + 2 * SECOND,
        ready_at=NOON + 3 * SECOND,
        failed_at=NOON + 4 * SECOND,
        terminated_at=NOON + 5 * SECOND,
        missing_since=NOON + 6 * SECOND,
        error_code=ErrorCode.STARTUP_TIMEOUT,
        error_message="too slow",
        deletion_reason=DeletionReason.STARTUP_FAILED,
        deleted_by_provider=True,
        is_archived=True,
        is_to_reinstall=True,
        life=2,
    )
    same = {
        field.name
        for field in fields(Instance)
        if getattr(before, field.name) == getattr(after, field.name)
    }
    assert same == {"id", "organization_id", "created_at"} | {
        f"{thing}_id" for thing in ("provider", "zone", "instance_type", "model")
    }
    async with adapters.unit_of_work()() as work:
        await work.instances.save(before, after, reason="for the test")
    assert await stored(adapters, before) == after


async def test_a_change_to_what_has_changed_is_refused(adapters: Any) -> None:
    instance = await deployed(adapters)
    booting = instance.boot(at=NOON)
    async with adapters.unit_of_work()() as work:
        await work.instances.save(instance, booting, reason="powered on")
    with pytest.raises(InstanceChangedMeanwhile):
        async with adapters.unit_of_work()() as work:
            await work.instances.save(instance, instance.boot(at=NOON), reason="again")
    assert await stored(adapters, instance) == booting


async def test_a_change_to_what_is_not_there_is_refused(adapters: Any) -> None:
    nobody = Market().instance()
    with pytest.raises(InstanceChangedMeanwhile):
        async with adapters.unit_of_work()() as work:
            await work.instances.save(nobody, nobody.boot(at=NOON), reason="powered on")


async def test_a_locked_instance_waits_for_its_turn(adapters: Any) -> None:
    instance = await deployed(adapters)

    async def touch() -> None:
        async with adapters.unit_of_work()() as work:
            seen = await work.instances.lock(instance.id, owner=ACME)
            await asyncio.sleep(0)
            await work.instances.save(seen, seen.change(), reason="touched")

    await asyncio.gather(*(touch() for _ in range(6)))
    assert (await stored(adapters, instance)).version == instance.version + 6


async def test_changes_of_status_and_only_those_are_remembered(adapters: Any) -> None:
    instance = await deployed(adapters)
    rented = instance.change(provider_instance_id="i-1")
    booting = rented.boot(at=NOON + SECOND)
    async with adapters.unit_of_work()() as work:
        await work.instances.save(instance, rented, reason="rented")
        await work.instances.save(rented, booting, reason="powered on")
    assert await history(adapters, instance) == [
        (None, "provisioning", "requested", NOON),
        ("provisioning", "booting", "powered on", NOON + SECOND),
    ]


async def test_a_refused_change_is_not_remembered(adapters: Any) -> None:
    instance = await deployed(adapters)
    stranger = replace(instance, version=7)
    with pytest.raises(InstanceChangedMeanwhile):
        async with adapters.unit_of_work()() as work:
            await work.instances.save(stranger, stranger.boot(at=NOON), reason="powered on")
    assert len(await history(adapters, instance)) == 1


async def test_the_living_are_all_but_those_at_rest(adapters: Any) -> None:
    market = Market()
    instances = [market.instance(status=status) for status in InstanceStatus]
    unasked = market.instance()
    await given_teams(adapters.unit_of_work(), *market.everything, *instances, unasked)
    asked = [*(instance.id for instance in instances), a_number()]
    async with adapters.unit_of_work()() as work:
        living = await work.instances.living(asked)
        assert not await work.instances.living([])
    assert sorted(living, key=lambda instance: instance.id) == [
        instance for instance in instances if instance.status not in AT_REST
    ]


async def test_the_list_is_newest_first_up_to_a_limit(adapters: Any) -> None:
    market = Market()
    ages = [NOON + seconds * SECOND for seconds in (1, 3, 0, 3, 2)]
    instances = [market.instance(at=at) for at in ages]
    await given_teams(adapters.unit_of_work(), *market.everything, *instances)
    rows = await listed(adapters, limit=4)
    assert [row.id for row in rows] == [instances[place].id for place in (3, 1, 4, 0)]


async def test_the_archive_is_a_list_of_its_own(adapters: Any) -> None:
    market = Market()
    shown, archived = market.instance(), market.instance(is_archived=True)
    await given_teams(adapters.unit_of_work(), *market.everything, shown, archived)
    assert [row.id for row in await listed(adapters)] == [shown.id]
    assert [row.id for row in await listed(adapters, archived=True)] == [archived.id]


async def test_a_row_has_the_names_of_all_it_refers_to(adapters: Any) -> None:
    market = Market()
    market.provider = replace(market.provider, name="Some cloud")
    market.region = replace(market.region, name="Some region")
    market.zone = replace(market.zone, name="Some zone")
    market.kind = replace(market.kind, name="Some kind", gpu_count=2, vram_per_gpu_gb=80)
    market.model = replace(market.model, name="Some model")
    instance = market.instance(
        provider_instance_id="i-1", ip_address="192.0.2.1", error_code="E", error_message="why"
    )
    await given_teams(adapters.unit_of_work(), *market.everything, instance)
    [row] = await listed(adapters)
    assert row == InstanceRow(
        id=instance.id,
        provider_id=market.provider.id,
        zone_id=market.zone.id,
        instance_type_id=market.kind.id,
        model_id=market.model.id,
        model_name="Some model",
        model_code=market.model.model_id,
        provider_instance_id="i-1",
        status=InstanceStatus.PROVISIONING,
        ip_address="192.0.2.1",
        worker_status=None,
        worker_last_heartbeat=None,
        worker_model_id=None,
        worker_queue_depth=None,
        worker_gpu_utilization=None,
        worker_health_port=None,
        worker_vllm_port=None,
        worker_metadata=None,
        created_at=NOON,
        boot_started_at=None,
        ready_at=None,
        failed_at=None,
        terminated_at=None,
        deletion_reason=None,
        deleted_by_provider=False,
        error_code="E",
        error_message="why",
        provider_name="Some cloud",
        provider_code="mock",
        region="Some region",
        zone="Some zone",
        instance_type="Some kind",
        cpu_count=8,
        ram_gb=48,
        gpu_vram=80,
        gpu_count=2,
        cost_per_hour=Decimal("0.7500"),
        is_archived=False,
        tech_activated_by=None,
        tech_activated_at=None,
        eco_activated_by=None,
        eco_activated_at=None,
        volumes_gb=[],
        as_of=NOON,
        spent=Decimal(0),
    )


async def test_a_row_says_what_its_machines_have_cost_at_the_prices_that_held(
    adapters: Any,
) -> None:
    market, hour = Market(), timedelta(hours=1)
    market.kind = replace(market.kind, cost_per_hour=None)
    instance, other = market.instance(), market.instance()
    rented = [
        a_rental(instance, start=NOON, end=NOON + 2 * hour),  # and then another one
        a_rental(instance, start=NOON + 3 * hour),
        a_rental(other, start=NOON + 9 * hour),
    ]
    await given_teams(adapters.unit_of_work(), *market.everything, instance, other, *rented)

    async def costs(at: timedelta) -> list[Decimal | None]:
        find = adapters.instance_queries().find
        rows = [await find(one.id, owner=ACME, now=NOON + at) for one in (instance, other)]
        return [row.total_cost for row in rows]

    assert await costs(4 * hour) == [None, None]
    for rate, at in (("1.0000", hour), ("3.0000", 4 * hour)):
        kind = replace(market.kind, cost_per_hour=Decimal(rate))
        async with adapters.unit_of_work()() as work:
            await work.catalog.save_instance_type(kind, at=NOON + at)
    assert await costs(hour) == [0, 0]
    assert await costs(4 * hour) == [2, 0]
    assert await costs(5.5 * hour) == [Decimal("6.5"), 0]
    assert await costs(10 * hour) == [20, 3]


async def test_a_row_says_what_the_worker_said_last(adapters: Any) -> None:
    instance = await deployed(adapters)
    worker = a_worker(
        instance,
        at=NOON + SECOND,
        model_id="acme/chat",
        vllm_port=8001,
        health_port=8002,
        queue_depth=3,
        gpu_utilization=99.5,
        metadata={"gpus": [{"name": "L4"}]},
    )
    await given(adapters.unit_of_work(), worker)
    row = await adapters.instance_queries().find(instance.id, owner=ACME, now=NOON)
    assert {
        name.removeprefix("worker_"): getattr(row, name)
        for name in InstanceRow.__slots__
        if name.startswith("worker_")
    } == {
        "status": "ready",
        "last_heartbeat": NOON + SECOND,
        "model_id": "acme/chat",
        "queue_depth": 3,
        "gpu_utilization": 99.5,
        "health_port": 8002,
        "vllm_port": 8001,
        "metadata": {"gpus": [{"name": "L4"}]},
    }
