"""A running server, shared by the tests that do not kill it."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.acceptance.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    running = Server(tmp_path_factory.mktemp("served") / "data").start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def own_server(tmp_path: Path) -> Generator[Server]:
    """A server that the test may treat as it likes."""
    running = Server(tmp_path / "data").start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.stop()
