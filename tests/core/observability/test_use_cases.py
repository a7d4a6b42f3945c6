"""What is measured is stored, summed up and let go; whatever happens, the sums are right."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_adapters.observability.memory import MemoryObservabilityQueries
from inventiv_adapters.settings.memory import MemorySettingQueries
from inventiv_core.identity.access import PLATFORM, Role
from inventiv_core.instances.entities import Instance, InstanceId, InstanceStatus
from inventiv_core.observability.entities import (
    MAX_LATENESS,
    MAX_WINDOW_S,
    MIN_WINDOW_S,
    ROLLED_UP,
    GpuReading,
    Kept,
    Level,
    Measurement,
    MeasurementQueue,
    Resolution,
    SystemReading,
)
from inventiv_core.observability.errors import NoRequestsYet
from inventiv_core.observability.use_cases import (
    ActivityRequest,
    CountFleet,
    FlushMeasurements,
    GetRequestMetrics,
    KeepMeasurements,
    ListRuntimeModels,
    RollUpMeasurements,
    ShowGpuActivity,
    ShowSystemActivity,
)
from inventiv_core.observability.views import Series, SeriesFilter
from inventiv_core.settings.use_cases.effective import EffectiveSettings
from tests.builders import ACME, NOON, OTHER, Market, a_number, an_actor, given_teams

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEPT = Kept(seconds=DAY, minutes=3 * DAY, hours=60 * DAY, days=800 * DAY)
ALL_TIME = SeriesFilter(
    instance_id=None, since=NOON - timedelta(days=999), until=NOON + timedelta(days=999)
)


class Station:
    """Everything that measurements go through, over memory."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.database = MemoryDatabase()
        self.market = Market()
        self.instance = self.market.instance(status=InstanceStatus.READY)
        self.queue = MeasurementQueue()
        self.queries = MemoryObservabilityQueries(self.database)
        work: Any = {"unit_of_work": MemoryUnitOfWork(self.database), "clock": self.clock}
        self.unit_of_work = work["unit_of_work"]
        self.flush = FlushMeasurements(measurement_queue=self.queue, **work)
        self.roll_up = RollUpMeasurements(**work)
        self.keep = KeepMeasurements(samples_kept=KEPT, **work)

    async def build(self) -> "Station":
        await given_teams(self.unit_of_work, *self.market.everything, self.instance)
        return self

    def measure(self, value: float | None, *, gpu_index: int = 0, ago: timedelta) -> None:
        self.queue.put(
            Measurement(
                instance_id=self.instance.id,
                at=self.clock.now() - ago,
                gpus=[GpuReading(gpu_index=gpu_index, gpu_pct=value, vram_total_mb=value)],
                system=SystemReading(load1=value),
            )
        )

    async def series(self, level: Level) -> list[Series]:
        shown = Resolution(level=level, step=level.step)
        return list(await self.queries.gpus(ACME, ALL_TIME, shown, limit=100))

    async def sums(self, level: Level) -> Mapping[tuple[int, datetime], tuple[Any, ...]]:
        """Return mean, least, most and capacity of each row of a level."""
        return {
            (series.gpu_index, at): (
                series.measured["gpu_pct"].mean[n],
                series.measured["gpu_pct"].lowest[n],
                series.measured["gpu_pct"].highest[n],
                series.capacity["vram_total_mb"][n],
            )
            for series in await self.series(level)
            for n, at in enumerate(series.at)
        }


@pytest.fixture
async def station() -> Station:
    return await Station().build()


async def test_what_comes_while_measurements_are_stored_is_stored_next_time(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.measure(1, ago=timedelta(0))
    succeeded = station.queue.pace.succeeded

    coming = [2, 3, 4]

    def busy() -> None:
        succeeded()
        if coming:
            station.measure(coming.pop(), ago=timedelta(0))

    monkeypatch.setattr(station.queue.pace, "succeeded", busy)
    assert await station.flush(actor=PLATFORM) == 2  # of a card, and of the machine
    assert len(station.queue) == 2


values = st.none() | st.integers(0, 100).map(float)
steps = st.one_of(
    st.tuples(
        st.just("measure"), values, st.integers(0, 1), st.integers(0, 3000).map(lambda s: s * 1.0)
    ),
    st.tuples(st.just("pass"), st.sampled_from([1, 30, 61, 600, 3601, 90_000])),
    st.tuples(st.sampled_from(["flush", "roll_up", "interrupted", "keep"])),
)


class Killed(Exception):
    """The process ends here."""


@drawn(st.lists(steps, max_size=30))
async def test_sums_are_those_of_the_samples_whenever_whatever_is_done(
    many: list[tuple[Any, ...]],
) -> None:
    station = await Station().build()
    raw: dict[tuple[int, datetime], float | None] = {}
    pending: dict[tuple[int, datetime], float | None] = {}
    for kind, *how in many:
        match kind:
            case "measure":
                value, gpu_index, ago_s = how
                station.measure(value, gpu_index=gpu_index, ago=timedelta(seconds=ago_s))
                at = station.clock.now() - timedelta(seconds=ago_s)
                pending.setdefault((gpu_index, at), value)
            case "pass":
                station.clock.advance(timedelta(seconds=how[0]))
            case "flush":
                await _flush(station, pending, raw)
            case "roll_up":
                await station.roll_up(actor=PLATFORM)
            case "interrupted":
                await _interrupted(station)
            case _:
                await station.keep(actor=PLATFORM)
    await _flush(station, pending, raw)
    station.clock.advance(2 * DAY)
    await station.roll_up(actor=PLATFORM)
    for level in ROLLED_UP:
        assert await station.sums(level) == _expected(raw, level)


async def _flush(station: Station, pending: dict[Any, Any], raw: dict[Any, Any]) -> None:
    """Store what waits; remember what of it is not too late."""
    now = station.clock.now()
    for key, value in pending.items():
        if now - key[1] <= MAX_LATENESS:
            raw.setdefault(key, value)
    pending.clear()
    await station.flush(actor=PLATFORM)


async def _interrupted(station: Station) -> None:
    """Begin to sum up, and be killed before it is committed."""
    with suppress(Killed):
        async with station.unit_of_work() as work:
            now = station.clock.now()
            begins = await work.measurements.take(Level.MINUTE, over_by=now, marked_by=now)
            if begins is not None:
                await work.measurements.sum_up(Level.MINUTE, begins, at=now)
            raise Killed


def _expected(
    raw: Mapping[tuple[int, datetime], float | None], level: Level
) -> Mapping[tuple[int, datetime], tuple[Any, ...]]:
    rows: defaultdict[tuple[int, datetime], list[float]] = defaultdict(list)
    for (gpu_index, at), value in raw.items():
        row = rows[gpu_index, level.begin(at)]
        if value is not None:
            row.append(value)
    return {
        key: (sum(row) / len(row), min(row), max(row), max(row)) if row else (None,) * 4
        for key, row in rows.items()
    }


async def test_a_minute_is_summed_up_when_it_is_over(station: Station) -> None:
    station.measure(10.0, ago=timedelta(0))
    await station.flush(actor=PLATFORM)
    assert await station.roll_up(actor=PLATFORM) == 0
    station.clock.advance(MINUTE + timedelta(seconds=2))
    assert await station.roll_up(actor=PLATFORM) == 1
    assert await station.sums(Level.MINUTE) == {(0, NOON): (10.0,) * 4}
    assert await station.sums(Level.HOUR) == {}


async def test_an_hour_can_be_seen_before_it_is_over(station: Station) -> None:
    station.measure(10.0, ago=timedelta(0))
    await station.flush(actor=PLATFORM)
    for _ in range(2):
        station.clock.advance(Level.HOUR.patience)
        await station.roll_up(actor=PLATFORM)
    assert await station.sums(Level.HOUR) == {(0, NOON): (10.0,) * 4}


async def test_old_samples_go_and_their_sums_stay(station: Station) -> None:
    station.measure(10.0, ago=timedelta(0))
    await station.flush(actor=PLATFORM)
    station.clock.advance(2 * DAY)
    await station.keep(actor=PLATFORM)
    assert await station.sums(Level.SECOND) != {}  # they are not summed up yet
    await station.roll_up(actor=PLATFORM)
    await station.keep(actor=PLATFORM)
    assert await station.sums(Level.SECOND) == {}
    assert await station.sums(Level.MINUTE) == {(0, NOON): (10.0,) * 4}
    station.clock.advance(500 * DAY)
    await station.keep(actor=PLATFORM)
    assert await station.sums(Level.MINUTE) == await station.sums(Level.HOUR) == {}
    assert await station.sums(Level.DAY) != {}


async def test_what_has_waited_for_too_long_is_dropped_and_counted(station: Station) -> None:
    station.measure(1.0, ago=MAX_LATENESS + timedelta(seconds=1))
    station.measure(2.0, ago=MAX_LATENESS)
    assert await station.flush(actor=PLATFORM) == 2
    assert station.queue.dropped == 2


class Away:
    """A database that is not there."""

    def __call__(self) -> Any:
        raise ConnectionError


async def test_what_cannot_be_stored_waits_and_what_alone_cannot_is_given_up(
    station: Station,
) -> None:
    away = FlushMeasurements(
        unit_of_work=Away(), measurement_queue=station.queue, clock=station.clock
    )
    station.measure(1.0, ago=timedelta(0))
    station.measure(2.0, ago=MINUTE)
    with pytest.raises(ConnectionError):
        await away(actor=PLATFORM)
    assert (len(station.queue), station.queue.dropped) == (4, 0)
    while len(station.queue) == 4:
        with pytest.raises(ConnectionError):
            await away(actor=PLATFORM)
    assert station.queue.dropped == 2
    assert await station.flush(actor=PLATFORM) == 2


def request(window_s: int, **facts: Any) -> ActivityRequest:
    return ActivityRequest(**{"window_s": window_s, "level": None, "instance_id": None} | facts)


@pytest.mark.parametrize("use_case", [ShowGpuActivity, ShowSystemActivity])
async def test_activity_is_the_organizations_own(station: Station, use_case: Any) -> None:
    show = use_case(observability_queries=station.queries, samples_kept=KEPT, clock=station.clock)
    station.measure(10.0, ago=MINUTE)
    await station.flush(actor=PLATFORM)

    async def seen(actor: Any, **facts: Any) -> int:
        return len((await show(request(300, **facts), actor=actor)).series)

    assert await seen(an_actor()) == await seen(an_actor(Role.USER)) == 1
    assert await seen(an_actor(), instance_id=station.instance.id) == 1
    assert await seen(an_actor(), instance_id=InstanceId(a_number())) == 0
    assert await seen(an_actor(organization=OTHER)) == await seen(an_actor(None)) == 0
    for asked, window_s in ((-5, MIN_WINDOW_S), (86_400, 86_400), (10**9, MAX_WINDOW_S)):
        assert (await show(request(asked), actor=an_actor())).window_s == window_s


async def test_who_has_no_organization_has_served_nothing_and_counted_nothing(
    station: Station,
) -> None:
    list_models = ListRuntimeModels(
        observability_queries=station.queries,
        clock=station.clock,
        effective_settings=EffectiveSettings(
            MemorySettingQueries(station.database), clock=station.clock, environment={}
        ),
    )
    assert await list_models(actor=an_actor(None)) == ()
    metrics = GetRequestMetrics(observability_queries=station.queries)
    for actor in (an_actor(None), an_actor()):
        with pytest.raises(NoRequestsYet):
            await metrics(station.instance.id, actor=actor)


async def test_the_fleet_is_counted_with_every_status_named(station: Station) -> None:
    counted = await CountFleet(observability_queries=station.queries)(actor=PLATFORM)
    assert counted == {status: int(status is InstanceStatus.READY) for status in InstanceStatus}
    assert station.database.table(Instance)
