"""What the ports of observability promise, kept by every adapter."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from inventiv_core.identity.access import OrganizationId
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.observability.entities import (
    AnsweredRequest,
    GpuReading,
    Level,
    Measurement,
    Resolution,
    SystemReading,
)
from inventiv_core.observability.views import RequestMetrics, RuntimeModelRow, Series, SeriesFilter
from inventiv_core.workers.entities import WorkerStatus
from tests.builders import ACME, NOON, OTHER, Market, a_number, a_worker, given, given_teams

SECOND = timedelta(seconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STALE_AFTER = timedelta(minutes=2)

GPU = GpuReading(
    gpu_index=1,
    gpu_pct=50.0,
    vram_used_mb=1000.5,
    vram_total_mb=24_576.0,
    temp_c=-5.0,
    power_w=120.25,
    power_limit_w=300.0,
)
SYSTEM = SystemReading(
    cpu_pct=12.5,
    load1=0.5,
    mem_used_bytes=float(2**35),
    mem_total_bytes=float(2**36),
    disk_used_bytes=1.0,
    disk_total_bytes=2.0,
    net_rx_bytes_per_s=1e6,
    net_tx_bytes_per_s=2e6,
)


async def deployed(adapters: Any, market: Market | None = None) -> tuple[Instance, Instance]:
    """Store one instance of ACME's and one of somebody else's."""
    market = market or Market()
    ours = market.instance(provider_instance_id="vm-1", status=InstanceStatus.READY)
    theirs = market.instance(owner=OTHER, status=InstanceStatus.READY)
    await given_teams(adapters.unit_of_work(), *market.everything, ours, theirs)
    return ours, theirs


def measured(
    instance: Instance, *gpus: GpuReading, at: datetime = NOON, **more: Any
) -> Measurement:
    return Measurement(instance_id=instance.id, at=at, gpus=gpus, **more)


async def store(adapters: Any, *measurements: Measurement, at: datetime = NOON) -> None:
    async with adapters.unit_of_work()() as work:
        await work.measurements.add(measurements, at=at)


async def show(
    adapters: Any,
    level: Level = Level.SECOND,
    *,
    step: timedelta | None = None,
    owner: OrganizationId = ACME,
    instance: Instance | None = None,
    since: datetime = NOON - DAY,
    until: datetime = NOON + DAY,
    systems: bool = False,
    limit: int = 100,
) -> list[Series]:
    queries = adapters.observability_queries()
    where = SeriesFilter(
        instance_id=None if instance is None else instance.id, since=since, until=until
    )
    find = queries.systems if systems else queries.gpus
    shown = Resolution(level=level, step=step or level.step)
    return list(await find(owner, where, shown, limit=limit))


async def take(adapters: Any, level: Level, by: datetime) -> datetime | None:
    """Take a mark off, and compute what it is for."""
    async with adapters.unit_of_work()() as work:
        begins: datetime | None = await work.measurements.take(level, over_by=by, marked_by=by)
        if begins is not None:
            await work.measurements.sum_up(level, begins, at=by)
    return begins


async def test_measurements_are_shown_as_they_were(adapters: Any) -> None:
    ours, theirs = await deployed(adapters)
    await store(adapters, measured(ours, GPU, system=SYSTEM), measured(theirs, GPU))
    [gpu] = await show(adapters)
    assert (gpu.instance_id, gpu.gpu_index, gpu.gpu_count) == (ours.id, 1, 1)
    assert (gpu.instance_name, gpu.provider_name) == ("vm-1", "Mock")
    assert list(gpu.at) == [NOON]
    for name, quantity in gpu.measured.items():
        value = getattr(GPU, name)
        assert [*quantity.mean, *quantity.lowest, *quantity.highest] == [value] * 3, name
    assert {name: list(values) for name, values in gpu.capacity.items()} == {
        "vram_total_mb": [24_576.0],
        "power_limit_w": [300.0],
    }
    [system] = await show(adapters, systems=True)
    assert {name: list(values.mean) for name, values in system.measured.items()} | {
        name: list(values) for name, values in system.capacity.items()
    } == {name: [getattr(SYSTEM, name)] for name in SystemReading.__slots__}
    assert await show(adapters, owner=OTHER, instance=ours) == []
    assert [series.instance_id for series in await show(adapters, owner=OTHER)] == [theirs.id]


async def test_what_is_unknown_stays_unknown(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    nothing = GpuReading(gpu_index=0)
    await store(adapters, measured(ours, nothing), measured(ours, GPU, at=NOON + SECOND))
    series = await show(adapters, step=MINUTE)
    assert [each.gpu_index for each in series] == [0, 1]
    assert [list(each.measured["gpu_pct"].mean) for each in series] == [[None], [50.0]]
    assert list(series[0].capacity["power_limit_w"]) == [None]


async def test_a_measurement_is_stored_once(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    other = replace(GPU, gpu_pct=99.0)
    await store(adapters, measured(ours, GPU, other, system=SYSTEM))
    await store(adapters, measured(ours, other, system=SystemReading(load1=9.0)))
    [gpu], [system] = await show(adapters), await show(adapters, systems=True)
    assert list(gpu.measured["gpu_pct"].highest) == [50.0]
    assert list(system.measured["load1"].highest) == [0.5]


async def test_a_window_begins_after_its_beginning_and_ends_with_its_end(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    times = [NOON - SECOND, NOON, NOON + SECOND, NOON + 2 * SECOND]
    await store(adapters, *(measured(ours, GPU, at=at) for at in times))
    [series] = await show(adapters, since=NOON - SECOND, until=NOON + SECOND)
    assert list(series.at) == [NOON, NOON + SECOND]


async def test_points_come_in_order_and_as_far_apart_as_is_asked(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    times = [NOON + n * SECOND for n in (29, 0, 31, 10, 59, 60)]
    await store(
        adapters,
        *(measured(ours, replace(GPU, gpu_pct=float(n)), at=at) for n, at in enumerate(times)),
    )
    [series] = await show(adapters, step=30 * SECOND)
    assert list(series.at) == [NOON, NOON + 30 * SECOND, NOON + MINUTE]
    assert list(series.measured["gpu_pct"].mean) == [4 / 3, 3.0, 5.0]
    assert list(series.measured["gpu_pct"].lowest) == [0.0, 2.0, 5.0]
    assert list(series.measured["gpu_pct"].highest) == [3.0, 4.0, 5.0]


async def test_series_are_bounded_and_sorted(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    gpus = [replace(GPU, gpu_index=index) for index in (2, 0, 1)]
    await store(adapters, measured(ours, *gpus))
    assert [series.gpu_index for series in await show(adapters, limit=2)] == [0, 1]


async def test_sums_of_sums_are_exact(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    samples = [
        (timedelta(0), 10.0),
        (SECOND, 20.0),
        (MINUTE, 60.0),
        (2 * HOUR, None),
        (2 * HOUR + SECOND, 0.0),
    ]
    for after, value in samples:
        reading = replace(GPU, gpu_pct=value, vram_total_mb=value)
        await store(adapters, measured(ours, reading, at=NOON + after))
    end = NOON + 2 * DAY
    for level in (Level.MINUTE, Level.HOUR, Level.DAY):
        while await take(adapters, level, end) is not None:
            pass
    shown = {
        level: [
            (at, gpu.mean[n], gpu.lowest[n], gpu.highest[n], series.capacity["vram_total_mb"][n])
            for series in await show(adapters, level)
            for gpu in [series.measured["gpu_pct"]]
            for n, at in enumerate(series.at)
        ]
        for level in (Level.MINUTE, Level.HOUR, Level.DAY)
    }
    later = NOON + 2 * HOUR
    assert shown == {
        Level.MINUTE: [
            (NOON, 15.0, 10.0, 20.0, 20.0),
            (NOON + MINUTE, 60.0, 60.0, 60.0, 60.0),
            (later, 0.0, 0.0, 0.0, 0.0),
        ],
        Level.HOUR: [(NOON, 30.0, 10.0, 60.0, 60.0), (later, 0.0, 0.0, 0.0, 0.0)],
        Level.DAY: [(NOON - 12 * HOUR, 22.5, 0.0, 60.0, 60.0)],
    }


async def test_a_mark_comes_off_when_its_time_is_over_or_it_is_old(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    await store(adapters, measured(ours, GPU, at=NOON + MINUTE), measured(ours, GPU), at=NOON)
    long_ago = NOON - DAY

    async def taken(over_by: datetime, marked_by: datetime) -> datetime | None:
        async with adapters.unit_of_work()() as work:
            begins: datetime | None = await work.measurements.take(
                Level.MINUTE, over_by=over_by, marked_by=marked_by
            )
            return begins

    assert await taken(NOON + MINUTE - SECOND, long_ago) is None
    assert await taken(NOON + MINUTE, long_ago) == NOON
    assert await taken(NOON + MINUTE, long_ago) is None
    assert await taken(long_ago, NOON - SECOND) is None
    assert await taken(long_ago, NOON) == NOON + MINUTE
    async with adapters.unit_of_work()() as work:
        assert await work.measurements.oldest_mark(Level.MINUTE) is None


async def test_what_is_late_is_marked_again_and_changes_the_sum(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    end = NOON + DAY
    for value in (10.0, 30.0):
        at = NOON + timedelta(seconds=value)
        await store(adapters, measured(ours, replace(GPU, gpu_pct=value), at=at))
        assert await take(adapters, Level.MINUTE, end) == NOON
        assert await take(adapters, Level.HOUR, end) == NOON
    [hour] = await show(adapters, Level.HOUR)
    assert list(hour.measured["gpu_pct"].mean) == [20.0]
    async with adapters.unit_of_work()() as work:
        assert await work.measurements.oldest_mark(Level.DAY) == NOON - 12 * HOUR


async def test_what_was_undone_is_still_to_be_done(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    await store(adapters, measured(ours, GPU))
    with suppress(ConnectionError):
        async with adapters.unit_of_work()() as work:
            assert await work.measurements.take(Level.MINUTE, over_by=NOON, marked_by=NOON)
            raise ConnectionError
    assert await take(adapters, Level.MINUTE, NOON + DAY) == NOON


async def test_partitions_hold_what_their_time_brings_and_go_as_a_whole(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    edge = Level.SECOND.slot(NOON) + Level.SECOND.span
    around = [edge - timedelta(microseconds=1), edge, edge + Level.SECOND.span]
    async with adapters.unit_of_work()() as work:
        for _ in range(2):  # the second time there is nothing to do
            for level in Level:
                await work.measurements.make_room(level, at=edge)
    await store(adapters, *(measured(ours, GPU, system=SYSTEM, at=at) for at in around))

    async def left() -> tuple[int, int]:
        until = NOON + 2 * DAY
        gpus = await show(adapters, until=until, step=timedelta(microseconds=1))
        systems = await show(adapters, until=until, systems=True, step=timedelta(microseconds=1))
        return tuple(sum(len(each.at) for each in series) for series in (gpus, systems))  # type: ignore[return-value]

    for before, remaining in ((edge - SECOND, 3), (edge, 2), (around[2] + DAY, 0)):
        async with adapters.unit_of_work()() as work:
            await work.measurements.drop(Level.SECOND, before=before)
        assert await left() == (remaining, remaining)
    await store(adapters, measured(ours, GPU, at=edge))  # there is room again
    assert await left() == (1, 0)


def answered(instance_id: InstanceId, **facts: Any) -> AnsweredRequest:
    request = AnsweredRequest(
        instance_id=instance_id,
        model_id="acme/chat",
        at=NOON,
        status_code=200,
        input_tokens=1,
        output_tokens=2,
        total_tokens=3,
    )
    return replace(request, **facts)


async def count(adapters: Any, *requests: AnsweredRequest) -> None:
    async with adapters.unit_of_work()() as work:
        await work.request_counts.add(requests)


async def test_requests_are_counted_for_their_instance(adapters: Any) -> None:
    ours, theirs = await deployed(adapters)
    find = adapters.observability_queries().requests
    assert await find(ours.id, owner=ACME) is None
    await count(adapters)
    await count(adapters, answered(ours.id, at=NOON + SECOND), answered(theirs.id))
    await count(
        adapters,
        answered(ours.id, status_code=404, input_tokens=0, output_tokens=0, total_tokens=0),
        answered(ours.id, status_code=503, at=NOON + 2 * SECOND),
        answered(InstanceId(a_number())),
    )
    assert await find(ours.id, owner=ACME) == RequestMetrics(
        instance_id=ours.id,
        total_requests=3,
        successful_requests=1,
        failed_requests=2,
        total_input_tokens=2,
        total_output_tokens=4,
        total_tokens=6,
        first_request_at=NOON,
        last_request_at=NOON + 2 * SECOND,
    )
    assert await find(ours.id, owner=OTHER) is None


async def models(
    adapters: Any, owner: OrganizationId = ACME, limit: int = 10
) -> list[RuntimeModelRow]:
    return list(
        await adapters.observability_queries().runtime_models(
            owner, now=NOON, stale_after=STALE_AFTER, limit=limit
        )
    )


async def test_models_are_known_from_workers_and_from_requests(adapters: Any) -> None:
    market = Market()
    market.kind = replace(market.kind, gpu_count=2, vram_per_gpu_gb=24)
    ours, theirs = await deployed(adapters, market)
    live = [market.instance(status=InstanceStatus.READY, ip_address="192.0.2.1") for _ in range(5)]
    await given(adapters.unit_of_work(), *live)
    early = NOON - timedelta(days=1)
    facts: dict[str, Any] = {"model_id": "acme/chat"}
    await given(
        adapters.unit_of_work(),
        a_worker(ours, **facts),  # has no address
        a_worker(theirs, **facts),
        a_worker(live[0], registered_at=early, **facts),
        a_worker(live[1], at=NOON - STALE_AFTER, **facts),
        a_worker(live[2], at=NOON - STALE_AFTER - SECOND, **facts),
        a_worker(live[3], status=WorkerStatus.DRAINING, model_id="acme/other"),
        a_worker(live[4]),
    )
    await count(
        adapters,
        answered(ours.id, at=NOON + SECOND),
        answered(ours.id, status_code=500),
        answered(ours.id, status_code=400),
        answered(ours.id, model_id="acme/gone", at=early),
        answered(theirs.id, model_id="other/secret"),
    )
    expected = [
        RuntimeModelRow(
            model_id="acme/chat",
            first_seen_at=early,
            last_seen_at=NOON + SECOND,
            instances_available=2,
            gpus_available=4,
            vram_total_gb=96,
            total_requests=3,
            failed_requests=1,
        ),
        RuntimeModelRow(
            model_id="acme/other",
            first_seen_at=NOON,
            last_seen_at=NOON,
            instances_available=0,
            gpus_available=0,
            vram_total_gb=0,
            total_requests=0,
            failed_requests=0,
        ),
        RuntimeModelRow(
            model_id="acme/gone",
            first_seen_at=early,
            last_seen_at=early,
            instances_available=0,
            gpus_available=0,
            vram_total_gb=0,
            total_requests=1,
            failed_requests=0,
        ),
    ]
    assert await models(adapters) == expected
    assert await models(adapters, limit=1) == expected[:1]
    assert [row.model_id for row in await models(adapters, OTHER)] == ["acme/chat", "other/secret"]


async def test_what_was_served_is_remembered_when_its_worker_is_gone(adapters: Any) -> None:
    ours, _ = await deployed(adapters)
    await given(adapters.unit_of_work(), a_worker(ours, model_id="acme/chat"))
    async with adapters.unit_of_work()() as work:
        await work.runtime_models.note_served()
        await work.workers.put(a_worker(ours, at=NOON - SECOND, model_id="acme/chat"))
        await work.runtime_models.note_served()
        await work.workers.forget(ours.id)
        await work.runtime_models.note_served()
    [row] = await models(adapters)
    assert (row.first_seen_at, row.last_seen_at) == (NOON - SECOND, NOON)
    assert row.instances_available == 0


async def test_the_fleet_is_counted_by_status(adapters: Any) -> None:
    await deployed(adapters)
    assert dict(await adapters.observability_queries().fleet()) == {InstanceStatus.READY: 2}
