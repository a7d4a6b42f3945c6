"""API and background work apart, beside a PostgreSQL and a Redis that were there before."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests import postgres, redis
from tests.acceptance.server import Server, deploy, free_port, wait_for

PASSWORD = "chosen by the operator"


@pytest.fixture
def fleet(postgres_server: str, tmp_path: Path) -> Generator[tuple[Server, Server]]:
    """Two API servers that leave the background work to a third process."""
    with ExitStack() as stack:
        ports = [free_port(), free_port()]
        shared = {
            "DATABASE_URL": stack.enter_context(postgres.database(postgres_server)),
            "REDIS_URL": stack.enter_context(redis.server(tmp_path)),
            "JWT_SECRET": "the same long secret for every process",
            "INVENTIV_ADMIN_PASSWORD": PASSWORD,
            "INVENTIV_PUBLIC_URL": f"http://127.0.0.1:{ports[0]}",
        }
        apis = [
            Server(tmp_path / f"api-{port}", {**shared, "INVENTIV_BACKGROUND": "false"}, port)
            for port in ports
        ]
        worker = Server(tmp_path / "worker", shared, words=("orchestrate",))
        for process in (*apis, worker):
            process.start()
            stack.callback(process.stop)
        yield apis[0], apis[1]


@contextmanager
def signed_in(server: Server, user: str = "admin") -> Generator[httpx.Client]:
    url = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        credentials = {"email": user, "password": PASSWORD}
        answer = client.post("/auth/login", json=credentials)
        assert answer.status_code == 200, answer.text
        yield client


def events(lines: Iterator[str]) -> Iterator[str]:
    """Yield the names of server-sent events."""
    for line in lines:
        if line.startswith("event: "):
            yield line.removeprefix("event: ")


def test_what_one_process_does_is_seen_at_the_others(fleet: tuple[Server, Server]) -> None:
    here, there = fleet
    with signed_in(here) as client, signed_in(there) as watcher:
        with watcher.stream("GET", "/events/stream") as stream:
            seen = events(stream.iter_lines())
            assert next(seen) == "hello"
            instance_id = deploy(client)
            assert next(seen) in {"instance.updated", "action_log.created"}
        wait_for(watcher, instance_id, "ready")
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(watcher, instance_id, "terminated")
