"""Counting where every microsecond counts, for `prometheus_client` to show.

Its own counters take a lock for each number, and look their labels up in steps: with half a
dozen of them for one call, that is a tenth of what a call costs. Here everything is counted by
the loop's thread, in one dictionary each, and only made into samples when somebody looks.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Labels: TypeAlias = tuple[str, ...]


class Tally(Collector):
    """Numbers that only grow, by labels."""

    def __init__(self, name: str, what: str, *labels: str) -> None:
        self._name, self._what, self._labels = name, what, labels
        self.counts: Final[defaultdict[Labels, int]] = defaultdict(int)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield what was counted."""
        family = CounterMetricFamily(self._name, self._what, labels=self._labels)
        for labels, count in list(self.counts.items()):
            family.add_metric(labels, count)
        yield family


class _Spread:
    """How often something took how long, at most."""

    __slots__ = ("counts", "total_s")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total_s = 0.0


class Durations(Collector):
    """How long things take, in buckets, by labels."""

    def __init__(self, name: str, what: str, *labels: str, bounds_s: Sequence[float]) -> None:
        self._name, self._what, self._labels = name, what, labels
        self._bounds_s = list(bounds_s)
        self._spreads: dict[Labels, _Spread] = {}

    def observe(self, seconds: float, *labels: str) -> None:
        """Count one."""
        spread = self._spreads.get(labels)
        if spread is None:
            spread = self._spreads[labels] = _Spread(len(self._bounds_s) + 1)
        spread.counts[bisect_left(self._bounds_s, seconds)] += 1
        spread.total_s += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield what was counted."""
        family = HistogramMetricFamily(self._name, self._what, labels=self._labels)
        names = [*map(str, map(float, self._bounds_s)), "+Inf"]
        for labels, spread in list(self._spreads.items()):
            buckets = list(zip(names, accumulate(spread.counts), strict=True))
            family.add_metric(labels, buckets, sum_value=spread.total_s)
        yield family
