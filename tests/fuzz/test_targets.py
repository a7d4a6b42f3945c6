"""What may be sent by anybody is tried with anything: each target, with Hypothesis for a driver."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.workers import site


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """Leave no loop behind."""
    yield
    if site.cache_info().currsize:
        site().runner.close()
        site.cache_clear()


@st.composite
def spoilt(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Return something that was right, with parts of others in it, or missing, or mere noise."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        other = draw(st.sampled_from(seeds))
        piece = draw(
            st.binary(max_size=6)
            | st.sampled_from([other[at : at + 12] for at in range(len(other))])
            | st.sampled_from([b"\r", b"\n", b"\0", b'"', b"{", b"[" * 3000, b"\xff", b"\\ud800"])
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_will_do(name: str) -> None:
    target: Target = TARGETS[name]
    for seed in target.seeds:
        target.run(seed)

    @given(spoilt(target.seeds) | st.binary(max_size=200))
    def anything(data: bytes) -> None:
        target.run(data)

    anything()
