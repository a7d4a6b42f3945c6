"""How finely things are shown, and what a queue may hold."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventiv_core.instances.entities import InstanceId
from inventiv_core.observability.entities import (
    EPOCH,
    MAX_POINTS,
    MAX_WINDOW_S,
    MIN_WINDOW_S,
    AnsweredRequest,
    GpuReading,
    Kept,
    Level,
    Measurement,
    MeasurementQueue,
    Pace,
    SystemReading,
    floor,
    resolution,
)
from tests.builders import NOON, a_number

DAY = timedelta(days=1)
KEPT = Kept(seconds=DAY, minutes=14 * DAY, hours=180 * DAY, days=1095 * DAY)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("window_s", "asked", "level", "step_s"),
    [
        (300, None, Level.SECOND, 1),
        (300, Level.SECOND, Level.SECOND, 1),
        (3600, Level.SECOND, Level.SECOND, 5),
        (3600, None, Level.SECOND, 15),
        (3600, Level.MINUTE, Level.MINUTE, 60),
        (86_400, None, Level.MINUTE, 300),
        (86_400, Level.SECOND, Level.MINUTE, 120),
        (86_400, Level.MINUTE, Level.MINUTE, 120),
        (86_400, Level.HOUR, Level.HOUR, 3600),
        (7 * 86_400, None, Level.HOUR, 3600),
        (30 * 86_400, Level.MINUTE, Level.HOUR, 3600),
        (366 * 86_400, None, Level.DAY, 2 * 86_400),
    ],
)
def test_a_window_is_shown_as_finely_as_makes_sense(
    window_s: int, asked: Level | None, level: Level, step_s: int
) -> None:
    shown = resolution(seconds(window_s), asked, KEPT)
    assert (shown.level, shown.step) == (level, seconds(step_s))


@given(
    st.integers(MIN_WINDOW_S, MAX_WINDOW_S),
    st.none() | st.sampled_from(Level),
    st.tuples(*[st.integers(1, 400)] * 4),
)
def test_no_window_has_too_many_points_or_points_that_are_gone(
    window_s: int, asked: Level | None, kept_d: tuple[int, int, int, int]
) -> None:
    kept = Kept(
        seconds=kept_d[0] * DAY,
        minutes=kept_d[1] * DAY,
        hours=kept_d[2] * DAY,
        days=kept_d[3] * DAY,
    )
    window = seconds(window_s)
    shown = resolution(window, asked, kept)
    assert window / shown.step + 1 <= MAX_POINTS
    assert shown.step % shown.level.step == timedelta(0)
    assert shown.level is Level.DAY or window <= kept.of(shown.level)
    assert asked is None or shown.step >= asked.step


LATEST = datetime(9000, 1, 1, tzinfo=EPOCH.tzinfo)  # a last partition ends where no clock goes


@given(
    st.datetimes(EPOCH.replace(tzinfo=None), LATEST.replace(tzinfo=None)), st.sampled_from(Level)
)
def test_every_instant_has_one_row_and_one_partition(naive: object, level: Level) -> None:
    at = naive.replace(tzinfo=EPOCH.tzinfo)  # type: ignore[attr-defined]
    for step, begins in ((level.step, level.begin(at)), (level.span, level.slot(at))):
        assert begins <= at < begins + step
        assert floor(begins, step) == begins


def measured(gpus: int = 1, *, system: bool = False) -> Measurement:
    return Measurement(
        instance_id=InstanceId(a_number()),
        at=NOON,
        gpus=[GpuReading(gpu_index=index) for index in range(gpus)],
        system=SystemReading() if system else None,
    )


def test_a_queue_is_first_in_first_out_and_counts_rows() -> None:
    queue = MeasurementQueue()
    many = [measured(2), measured(0), measured(1, system=True), measured(8)]
    for each in many:
        queue.put(each)
    assert len(queue) == 12
    assert queue.take(4) == [many[0], many[2]]
    assert queue.take(1) == [many[3]]  # never nothing, or it would wait for ever
    assert (queue.take(1), len(queue)) == ([], 0)


@given(st.lists(st.integers(1, 4), max_size=30), st.integers(1, 10), st.integers(1, 10))
def test_a_full_queue_loses_the_oldest_and_says_how_much(
    sizes: list[int], capacity: int, taken: int
) -> None:
    queue = MeasurementQueue(capacity)
    for number, size in enumerate(sizes):
        queue.put(measured(size))
        if number % 3 == 0:
            queue.put_back(queue.take(taken))
        assert len(queue) <= capacity
    left = queue.take(10**6)
    assert sum(each.size for each in left) + queue.dropped == sum(sizes)


def test_a_pace_slows_down_to_one_and_recovers() -> None:
    pace = Pace(5)
    assert [pace.failed() for _ in range(4)] == [False, False, True, True]
    for _ in range(4):
        pace.succeeded()
    assert pace.limit == 5


@pytest.mark.parametrize(
    ("status", "succeeded", "blames_the_model"),
    [(200, True, False), (299, True, False), (404, False, False), (502, False, True)],
)
def test_a_callers_mistake_is_not_the_models(
    status: int, *, succeeded: bool, blames_the_model: bool
) -> None:
    request = AnsweredRequest(
        instance_id=InstanceId(a_number()),
        model_id="m",
        at=NOON,
        status_code=status,
        input_tokens=0,
        output_tokens=0,
        total_tokens=0,
    )
    assert (request.succeeded, request.blames_the_model) == (succeeded, blames_the_model)
