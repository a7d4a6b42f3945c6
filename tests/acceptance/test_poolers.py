"""Everything through a pooler in transaction mode that has two connections for all processes."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests import postgres, redis
from tests.acceptance.server import Server, api_and_worker, content, deploy, eventually, wait_for
from tests.acceptance.test_refused_starts import refusal
from tests.acceptance.test_several_processes import PASSWORD, events, signed_in
from tests.pooler import pooler

SECRET = "the same long secret for every process"


@pytest.fixture
def directly(postgres_server: str) -> Generator[str]:
    """An empty database, past any pooler."""
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture
def through(directly: str, tmp_path: Path) -> Generator[str]:
    """The same one through a pooler."""
    with pooler(tmp_path, directly, connections=2) as url:
        yield url


@pytest.fixture
def fleet(directly: str, through: str, tmp_path: Path) -> Generator[Server]:
    """An API and the background work, each with more connections than there are."""
    with redis.server(tmp_path) as redis_url:
        settings = {
            "DATABASE_URL": through,
            "INVENTIV_DATABASE_DIRECT_URL": directly,
            "REDIS_URL": redis_url,
            "JWT_SECRET": SECRET,
            "INVENTIV_ADMIN_PASSWORD": PASSWORD,
        }
        with api_and_worker(tmp_path, settings) as (api, worker):
            yield api
    for process in (api, worker):
        said = process.log.read_text()
        assert "database_unavailable" not in said
        assert "unexpected_error" not in said


CONNECTED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
      AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%'
"""


def test_two_connections_do_for_all_processes_and_all_of_their_work(
    fleet: Server, directly: str
) -> None:
    question = {
        "model": "mock-echo-model",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    with signed_in(fleet) as client, signed_in(fleet) as watcher:
        with watcher.stream("GET", "/events/stream") as stream:
            seen = events(stream.iter_lines())
            assert next(seen) == "hello"
            instance_id = deploy(client)
            assert next(seen) in {"instance.updated", "action_log.created"}
        wait_for(client, instance_id, "ready")

        def said() -> str:
            with client.stream("POST", "/v1/chat/completions", json=question) as answer:
                return "".join(content(answer.iter_lines()))

        assert "Hello" in eventually(said, "the route")
        metrics = f"/instances/{instance_id}/metrics"

        eventually(lambda: client.get(metrics).is_success, "the count of requests")
        assert client.get(metrics).json()["successful_requests"] >= 1
        cost = client.get("/finops/cost/current")
        assert cost.is_success, cost.text
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminated")
    [(connected,)] = postgres.rows(directly, CONNECTED)
    assert 1 <= connected <= 2, "nobody has gone past the pooler"


def test_a_pooler_that_nobody_speaks_of_is_found(through: str, tmp_path: Path) -> None:
    settings = {"INVENTIV_DATABASE_URL": through, "INVENTIV_JWT_SECRET": SECRET}
    said = " ".join(refusal(Server(tmp_path / "refused", settings)).split())
    assert "There is a pooler" in said
    assert "INVENTIV_DATABASE_DIRECT_URL" in said
