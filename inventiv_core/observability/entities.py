"""Measurements, how finely they are kept and shown, and what requests are counted as."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil
from types import MappingProxyType
from typing import Final

from inventiv_core.instances.entities import InstanceId

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_LATENESS: Final = timedelta(hours=1)
"""A measurement that could not be stored for longer than this is dropped."""

_ROWS_AT_ONCE: Final = 5_000

MIN_WINDOW_S: Final = 30
MAX_WINDOW_S: Final = 366 * 24 * 3600
DEFAULT_WINDOW_S: Final = 300
MAX_POINTS: Final = 1_000
"""The most points in one series, whatever is asked for: then the points are further apart."""
_USUAL_POINTS: Final = 300
"""About how many points a series has when nobody says how fine it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """One GPU at one moment; ``None`` is unknown."""

    gpu_index: int
    gpu_pct: float | None = None
    vram_used_mb: float | None = None
    vram_total_mb: float | None = None
    temp_c: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemReading:
    """A machine at one moment; ``None`` is unknown."""

    cpu_pct: float | None = None
    load1: float | None = None
    mem_used_bytes: float | None = None
    mem_total_bytes: float | None = None
    disk_used_bytes: float | None = None
    disk_total_bytes: float | None = None
    net_rx_bytes_per_s: float | None = None
    net_tx_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All that a machine has measured at one moment, as far as it is known here."""

    instance_id: InstanceId
    at: datetime
    """When we heard of it: workers do not say when they measured."""
    gpus: Sequence[GpuReading] = ()
    system: SystemReading | None = None

    @property
    def size(self) -> int:
        """How many rows it takes to store."""
        return len(self.gpus) + (self.system is not None)


class Pace:
    """How much to store at once: less after every failure, more again after every success.

    So what cannot be stored, for whatever reason, is found at last, and holds up nothing else.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = most

    def failed(self) -> bool:
        """Ask for less; tell whether it cannot be less, so that what failed is to be given up."""
        is_least = self.limit == 1
        self.limit = max(self.limit // 2, 1)
        return is_least

    def succeeded(self) -> None:
        """Ask for more."""
        self.limit = min(self.limit * 2, self._most)


class MeasurementQueue:
    """Measurements that are not stored yet. Bounded: when it is full, the oldest go.

    In memory: a crash loses what has come since the last flush, about a second's worth.
    """

    def __init__(self, capacity_rows: int = 100_000) -> None:
        self._capacity_rows = capacity_rows
        self._waiting: deque[Measurement] = deque()
        self._rows = 0
        self.pace = Pace(_ROWS_AT_ONCE)
        self.dropped = 0
        """How many rows were given up since the process began."""

    def __len__(self) -> int:
        return self._rows

    def put(self, measurement: Measurement) -> None:
        """Add a measurement, at the cost of the oldest."""
        if measurement.size:
            self._waiting.append(measurement)
            self._rows += measurement.size
            self._make_room()

    def put_back(self, measurements: Sequence[Measurement]) -> None:
        """Return measurements that could not be stored, to the front of the queue."""
        self._waiting.extendleft(reversed(measurements))
        self._rows += sum(measurement.size for measurement in measurements)
        self._make_room()

    def take(self, limit_rows: int) -> Sequence[Measurement]:
        """Remove and return the oldest: as many as fit into so many rows, at least one."""
        taken: list[Measurement] = []
        rows = 0
        while self._waiting and (not taken or rows + self._waiting[0].size <= limit_rows):
            taken.append(self._waiting.popleft())
            rows += taken[-1].size
        self._rows -= rows
        return taken

    def give_up(self, measurements: Sequence[Measurement]) -> None:
        """Count measurements as lost."""
        self.dropped += sum(measurement.size for measurement in measurements)

    def _make_room(self) -> None:
        while self._rows > self._capacity_rows:
            oldest = self._waiting.popleft()
            self._rows -= oldest.size
            self.dropped += oldest.size


class Level(StrEnum):
    """How finely measurements are kept. Clients know these words."""

    SECOND = "second"
    """As they came."""
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def step(self) -> timedelta:
        """How much time one of its rows stands for, at most."""
        return _STEPS[self]

    @property
    def span(self) -> timedelta:
        """How much time one partition of its table holds: what is dropped at once."""
        return _PARTITIONS[self]

    @property
    def coarser(self) -> "Level | None":
        """The level that is computed from this one."""
        return _COARSER.get(self)

    @property
    def patience(self) -> timedelta:
        """How late a row of a time that is not over yet may be."""
        return _PATIENCE[self]

    def begin(self, at: datetime) -> datetime:
        """Return the beginning of the row that stands for that instant."""
        return floor(at, self.step)

    def slot(self, at: datetime) -> datetime:
        """Return the beginning of the partition that holds that instant."""
        return floor(at, self.span)


ROLLED_UP: Final = (Level.MINUTE, Level.HOUR, Level.DAY)

_STEPS: Final[Mapping[Level, timedelta]] = MappingProxyType({
    Level.SECOND: timedelta(seconds=1),
    Level.MINUTE: timedelta(minutes=1),
    Level.HOUR: timedelta(hours=1),
    Level.DAY: timedelta(days=1),
})  # fmt: skip
_PARTITIONS: Final[Mapping[Level, timedelta]] = MappingProxyType({
    Level.SECOND: timedelta(hours=6),
    Level.MINUTE: timedelta(days=1),
    Level.HOUR: timedelta(days=30),
    Level.DAY: timedelta(days=365),
})  # fmt: skip
_COARSER: Final[Mapping[Level, Level]] = MappingProxyType({
    Level.SECOND: Level.MINUTE, Level.MINUTE: Level.HOUR, Level.HOUR: Level.DAY,
})  # fmt: skip
_PATIENCE: Final[Mapping[Level, timedelta]] = MappingProxyType({
    Level.SECOND: timedelta(0),
    Level.MINUTE: timedelta(minutes=1),
    Level.HOUR: timedelta(minutes=5),
    Level.DAY: timedelta(hours=1),
})  # fmt: skip


def floor(at: datetime, step: timedelta) -> datetime:
    """Return the last multiple of ``step`` since 1970 that is not after ``at``."""
    return at - (at - EPOCH) % step


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long each level is kept."""

    seconds: timedelta
    minutes: timedelta
    hours: timedelta
    days: timedelta

    def of(self, level: Level) -> timedelta:
        """Return how long rows of that level are kept."""
        match level:
            case Level.SECOND:
                return self.seconds
            case Level.MINUTE:
                return self.minutes
            case Level.HOUR:
                return self.hours
            case Level.DAY:
                return self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How finely something is shown, and from which level."""

    level: Level
    step: timedelta


def _neat() -> Iterator[timedelta]:
    yield from (timedelta(seconds=number) for number in (1, 2, 5, 10, 15, 30))
    yield from (timedelta(minutes=number) for number in (1, 2, 5, 10, 15, 30))
    yield from (timedelta(hours=number) for number in (1, 2, 3, 6, 12))
    yield from (timedelta(days=number) for number in (1, 2, 7))


_NEAT: Final = tuple(_neat())
"""Distances between points that people can read. Each is a multiple of its level's step."""


def resolution(window: timedelta, asked: Level | None, kept: Kept) -> Resolution:
    """Return how to show a window of time: as finely as asked, as is kept, and as points allow.

    Without a wish it is as fine as a few hundred points are.
    """
    wanted = asked.step if asked is not None else window / _USUAL_POINTS
    least = max(wanted, timedelta(seconds=ceil(window.total_seconds() / (MAX_POINTS - 1))))
    step = next((neat for neat in _NEAT if neat >= least), _NEAT[-1])
    level = max((level for level in Level if level.step <= step), key=lambda level: level.step)
    while window > kept.of(level) and (coarser := level.coarser) is not None:
        level, step = coarser, max(step, coarser.step)
    return Resolution(level=level, step=step)


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class AnsweredRequest:
    """A request that an engine has answered, as far as it is counted."""

    instance_id: InstanceId
    model_id: str
    at: datetime
    status_code: int
    input_tokens: int
    output_tokens: int
    total_tokens: int

    @property
    def succeeded(self) -> bool:
        """Whether the caller got what it asked for."""
        return 200 <= self.status_code < 300  # noqa: PLR2004 - a class of statuses

    @property
    def blames_the_model(self) -> bool:
        """Whether it is the engine's failure, not the caller's."""
        return self.status_code >= 500  # noqa: PLR2004 - a class of statuses
