"""Our counting says what `prometheus_client` would say of the same."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from inventiv_http.kernel.tallies import Durations, Tally

BOUNDS_S = (0.001, 0.5, 1, 30)
LABELS = st.sampled_from(["one", "two", 'with "quotes"', "a\nline"])


def lines_of(
    collector: Collector | None = None, registry: CollectorRegistry | None = None
) -> list[str]:
    """Return what Prometheus would read, without when counting began."""
    registry = registry or CollectorRegistry()
    if collector is not None:
        registry.register(collector)
    text = generate_latest(registry).decode().splitlines()
    return sorted(line for line in text if "_created" not in line)


@given(st.lists(st.tuples(LABELS, LABELS, st.integers(0, 1000))))
def test_counters_count_alike(counted: list[tuple[str, str, int]]) -> None:
    registry = CollectorRegistry()
    theirs = Counter("calls", "Calls.", ["path", "status"], registry=registry)
    ours = Tally("calls", "Calls.", "path", "status")
    for path, status, number in counted:
        theirs.labels(path, status).inc(number)
        ours.counts[path, status] += number
    assert lines_of(ours) == lines_of(registry=registry)


@given(st.lists(st.tuples(LABELS, st.sampled_from(BOUNDS_S) | st.floats(0, 100))))
def test_histograms_put_alike_into_buckets(observed: list[tuple[str, float]]) -> None:
    registry = CollectorRegistry()
    theirs = Histogram("took", "How long.", ["path"], registry=registry, buckets=BOUNDS_S)
    ours = Durations("took", "How long.", "path", bounds_s=BOUNDS_S)
    for path, seconds in observed:
        theirs.labels(path).observe(seconds)
        ours.observe(seconds, path)
    assert lines_of(ours) == lines_of(registry=registry)


def test_what_has_no_labels_has_a_bucket_for_everything() -> None:
    ours = Durations("took", "How long.", bounds_s=BOUNDS_S)
    ours.observe(31)
    assert 'took_bucket{le="30.0"} 0.0' in lines_of(ours)
    assert 'took_bucket{le="+Inf"} 1.0' in lines_of(ours)
    assert "took_sum 31.0" in lines_of(ours)
