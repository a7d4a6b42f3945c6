"""Fixtures of the workbench."""

import pytest

from tests.core.workbench.bench import Bench


@pytest.fixture
async def bench() -> Bench:
    """A bench on which nothing lies."""
    bench = Bench()
    await bench.open()
    return bench
