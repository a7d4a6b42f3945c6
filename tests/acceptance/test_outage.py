"""PostgreSQL is away for a while: everybody is told so in time, and all goes on by itself."""

import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import httpx
import pytest

from inventiv_adapters.embedded.server import EmbeddedPostgres
from tests import postgres, redis
from tests.acceptance.server import Server, api_and_worker, deploy, eventually, wait_for
from tests.acceptance.test_several_processes import PASSWORD, signed_in

AWAY_S = float(os.environ.get("TEST_OUTAGE_S", "3"))
IN_TIME_S = 12.0
"""How long a read may take to be refused: a little more than a connection is waited for."""


@pytest.fixture
def database(tmp_path: Path) -> Generator[EmbeddedPostgres]:
    """A server of the test's own."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    with server:
        yield server


@pytest.fixture
def processes(database: EmbeddedPostgres, tmp_path: Path) -> Generator[tuple[Server, Server]]:
    """An API, and the background work."""
    with redis.server(tmp_path) as redis_url:
        settings = {
            "DATABASE_URL": database.url,
            "REDIS_URL": redis_url,
            "JWT_SECRET": "the same long secret for every process",
            "INVENTIV_ADMIN_PASSWORD": PASSWORD,
        }
        with api_and_worker(tmp_path, settings) as both:
            yield both


class Reader(Thread):
    """Somebody who reads again and again, and notes what came of it, and when."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._client = client
        self.is_over = False
        self.answers: list[tuple[float, float, httpx.Response]] = []

    def run(self) -> None:
        while not self.is_over:
            began = monotonic()
            answer = self._client.get("/instances")
            self.answers.append((began, monotonic(), answer))
            sleep(0.05)


def test_reads_are_refused_in_time_and_go_on_by_themselves(
    database: EmbeddedPostgres, processes: tuple[Server, Server]
) -> None:
    with signed_in(processes[0]) as client, ExitStack() as stack:
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        readers = [Reader(stack.enter_context(signed_in(processes[0]))) for _ in range(12)]
        for reader in readers:
            reader.start()
        sleep(0.5)
        gone = monotonic()
        database.__exit__(None, None, None)
        sleep(AWAY_S)
        database.__enter__()
        back = monotonic()
        eventually(
            lambda: all(r.answers[-1][0] > back and r.answers[-1][2].is_success for r in readers),
            "answers to all readers",
        )
        assert monotonic() < back + IN_TIME_S
        for reader in readers:
            reader.is_over = True
            reader.join(IN_TIME_S)
        answers = [answer for reader in readers for answer in reader.answers]
        assert {answer.status_code for _, _, answer in answers} <= {200, 503}
        for began, ended, answer in answers:
            assert ended - began < IN_TIME_S
            if not answer.is_success:
                assert ended > gone
                assert answer.json()["message"] == "database_unavailable"
                assert "retry-after" in answer.headers
        for process in processes:
            assert process.process is not None
            assert process.process.poll() is None, process.log.read_text()
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminated")
        [(lasting,)] = postgres.rows(database.url, "SELECT count(*) FROM instances")
        assert lasting == 1
