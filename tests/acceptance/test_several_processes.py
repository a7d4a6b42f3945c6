"""API and background work apart, beside a PostgreSQL and a Redis that were there before."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic

import httpx
import pytest
from redis import Redis

from inventiv_adapters.cloud.mock.ledger import Ledger
from tests import postgres, redis
from tests.acceptance.server import (
    Server,
    deploy,
    eventually,
    free_port,
    sell_time,
    status,
    wait_for,
)

PASSWORD = "chosen by the operator"
EVERYTHING = """
    SELECT to_jsonb(t)::text FROM instances t
    UNION ALL SELECT to_jsonb(t)::text FROM instance_state_history t
    UNION ALL SELECT to_jsonb(t)::text FROM workers t
    UNION ALL SELECT to_jsonb(t)::text FROM worker_auth_tokens t
    UNION ALL SELECT to_jsonb(t)::text FROM action_logs t
    UNION ALL SELECT to_jsonb(t)::text FROM outbox t
"""


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


@pytest.fixture
def second_orchestrator(fleet: tuple[Server, Server], tmp_path: Path) -> Generator[Server]:
    """Another one of those that do the background work, for the same cloud."""
    settings = {**fleet[0].settings, "INVENTIV_BACKGROUND": "true"}
    log = tmp_path / "worker-2.log"
    worker = Server(tmp_path / "worker", settings, words=("orchestrate",), log_file=log)
    yield worker.start()
    worker.stop()


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


def test_every_process_has_the_key_of_an_engine_and_nobody_is_told_it(
    fleet: tuple[Server, Server],
) -> None:
    question = {"model": "mock-echo-model", "messages": [{"role": "user", "content": "Hi."}]}
    here, there = fleet
    home, database = here.data_dir.parent, here.settings["DATABASE_URL"]
    with signed_in(here) as client, signed_in(there) as other:
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
        for caller in (client, other):
            ask = partial(caller.post, "/v1/chat/completions", json=question)
            eventually(lambda ask=ask: ask().is_success, "the route")  # type: ignore[misc]
        with Ledger(home / "worker" / "mock-cloud") as ledger:
            [rental] = ledger.rentals()
        key = rental.setup.engine_key
        assert key
        engine = f"http://{rental.ip_address}:{rental.engine_port}/v1/chat/completions"
        assert httpx.post(engine, json=question).status_code == 401
        shown = {"Authorization": f"Bearer {key}"}
        assert httpx.post(engine, json=question, headers=shown).status_code == 200
        told = [
            client.get(path).text
            for path in (
                f"/instances/{instance_id}",
                "/instances",
                "/action_logs/search?limit=500",
                f"/instances/{instance_id}/metrics",
            )
        ]
        told += [(home / f"{name}.log").read_text() for name in ("worker", here.data_dir.name)]
        told += [str(row) for row in postgres.rows(database, EVERYTHING)]
        assert instance_id in "".join(told), "something is told"
        assert not [text for text in told if key in text]


def test_a_limit_is_one_for_all_processes_and_redis_may_forget_it(
    fleet: tuple[Server, Server],
) -> None:
    here, there = fleet
    question = {"model": "mock-echo-model", "messages": [{"role": "user", "content": "Hi."}]}
    answers: list[httpx.Response] = []

    def ask(client: httpx.Client) -> httpx.Response:
        answers.append(client.post("/v1/chat/completions", json=question))
        return answers[-1]

    def is_limited(client: httpx.Client) -> bool:
        return "x-ratelimit-limit-requests" in ask(client).headers

    with signed_in(here) as client, signed_in(there) as other, ThreadPoolExecutor(8) as threads:
        wait_for(client, deploy(client), "ready")
        for caller in (client, other):
            eventually(partial(is_answered, ask, caller), "the route")
        limit = {"tokens_per_month": 1_000_000, "requests_per_minute": 10}
        assert client.put("/organizations/current/limits", json=limit).status_code == 200
        began, unlimited = monotonic(), len(answers)
        for caller in (client, other):
            eventually(partial(is_limited, caller), "the limit")
        list(threads.map(ask, [client, other] * 20))
        let_in = [
            answer
            for answer in answers[unlimited:]
            if answer.is_success and "x-ratelimit-limit-requests" in answer.headers
        ]
        assert 10 <= len(let_in) <= 10 + (monotonic() - began) / 6
        assert {answer.status_code for answer in answers} >= {200, 429}

        no_more = {"requests_per_minute": None}
        assert client.put("/organizations/current/limits", json=no_more).status_code == 200
        eventually(partial(is_answered, ask, other), "the change")
        with Redis.from_url(here.settings["REDIS_URL"]) as forgetful:
            forgetful.flushall()

        def is_all_known() -> bool:
            """Look whether all that was ever used counts: before the limit, before Redis forgot."""
            used: int = sum(a.json()["usage"]["total_tokens"] for a in answers if a.is_success)
            return int(ask(other).headers["x-ratelimit-remaining-tokens"]) <= 1_000_000 - used

        eventually(is_all_known, "what was used")


def is_answered(ask: Callable[[httpx.Client], httpx.Response], client: httpx.Client) -> bool:
    return ask(client).is_success


def test_everything_can_be_done_at_any_of_two_and_two_processes(
    fleet: tuple[Server, Server], second_orchestrator: Server
) -> None:
    here, there = fleet
    with signed_in(here) as client, elsewhere(client, there) as other:
        both = (client, other)
        assert {one.get("/auth/me").json()["username"] for one in both} == {"admin"}
        key = other.post("/api_keys", json={"name": "from there"}).json()["api_key"]
        sell_time(other)
        with other.stream("GET", "/events/stream") as stream:
            seen = events(stream.iter_lines())
            assert next(seen) == "hello"
            instance_id = deploy(client)
            assert next(seen) in {"instance.updated", "action_log.created"}
        wait_for(other, instance_id, "ready")

        budget = {"tokens_per_month": 1_000_000}
        assert other.put("/organizations/current/limits", json=budget).is_success
        eventually(lambda: all(left(one, key) for one in both), "the limit")
        told = [left(one, key) for one in (client, other, client, other)]
        assert told == sorted(told, reverse=True), "what is used at one counts at the other"
        assert len(set(told)) == len(told)

        assert client.post(f"/instances/{instance_id}/reinstall").is_success
        assert status(other, instance_id) != "ready"
        wait_for(other, instance_id, "ready")
        eventually(lambda: all(left(one, key) for one in both), "calls after another start")
        eventually(lambda: costs(client)["total"] > 0, "costs")
        eventually(lambda: costs(client) == costs(other), "the same costs at both")

        assert other.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminated")
        eventually(lambda: not any(left(one, key) for one in both), "the end of the route")
        logs = [one.get("/action_logs/search?limit=500").json()["rows"] for one in both]
        assert logs[0] == logs[1]
        assert not second_orchestrator.rentals()
        [machine] = second_orchestrator.rentals(include_deleted=True)
        assert str(machine.tag.instance_id) == instance_id
        assert client.post("/auth/logout").is_success
        assert other.get("/auth/me").status_code == 401


@contextmanager
def elsewhere(client: httpx.Client, server: Server) -> Generator[httpx.Client]:
    """Go on at another process with the same session."""
    url = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=url, timeout=30, trust_env=False, cookies=client.cookies) as other:
        yield other


def left(client: httpx.Client, key: str) -> int:
    """Call the model; return how many tokens may still be used, 0 if it does not answer."""
    question = {"model": "mock-echo-model", "messages": [{"role": "user", "content": "Hi."}]}
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.post("/v1/chat/completions", json=question, headers=headers)
    return int(answer.headers.get("x-ratelimit-remaining-tokens", 0)) if answer.is_success else 0


def costs(client: httpx.Client) -> dict[str, float]:
    """Return what is told of costs: of the machines that run, by their number and in all."""
    told = client.get("/finops/dashboard/costs/summary").json()["allocation"]
    total = told["total"]["burn_rate_eur_per_hour"]
    return {"machines": len(told["by_instance"]), "total": total}
