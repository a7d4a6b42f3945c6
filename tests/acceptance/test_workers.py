"""One address, several processes: `inventiv serve --workers`."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests import postgres, redis
from tests.acceptance.server import Server, content, deploy, eventually, free_port, wait_for

QUESTION = {
    "model": "mock-echo-model",
    "stream": True,
    "messages": [{"role": "user", "content": "one two three four five six seven eight nine ten"}],
}


def workers_of(server: Server) -> list[int]:
    """Return the ids of the processes that serve, the first one first."""
    assert server.process is not None
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sorted(
        int(child)
        for child in children
        if b"inventiv_http\0work\0" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def get(server: Server, path: str = "/version") -> int:
    """Ask on a connection of its own; return the status."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.get(f"http://127.0.0.1:{server.port}{path}").status_code


def counted(port: int) -> str:
    with httpx.Client(trust_env=False) as client:
        return client.get(f"http://127.0.0.1:{port}/metrics").text


@pytest.fixture
def redis_url(tmp_path: Path) -> Generator[str]:
    with redis.server(tmp_path) as url:
        yield url


def two_free_ports() -> int:
    """Return a port that is free, as is the one after it, and from which nobody calls."""
    for port in range(20_000 + os.getpid() % 5_000 * 2, 32_000, 2):
        try:
            for candidate in (port, port + 1):
                socket.create_server(("127.0.0.1", candidate)).close()
        except OSError:
            continue
        return port
    raise AssertionError


@pytest.fixture
def pair(tmp_path: Path, redis_url: str) -> Generator[Server]:
    """Two workers, on an embedded database."""
    settings = {
        "INVENTIV_REDIS_URL": redis_url,
        "INVENTIV_WORKERS": "2",
        "INVENTIV_METRICS_PORT": str(two_free_ports()),
    }
    server = Server(tmp_path / "data", settings).start()
    yield server
    if server.process is not None and server.process.poll() is None:
        assert server.stop() == 0, server.log.read_text()


def test_two_processes_answer_and_one_works(pair: Server) -> None:
    assert len(workers_of(pair)) == 2
    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(lambda _: get(pair), range(400))) == {200}
    port = int(pair.settings["INVENTIV_METRICS_PORT"])
    first, second = counted(port), counted(port + 1)
    answered = r'inventiv_http_requests_total\{[^}]*route="/version"[^}]*\} ([0-9.]+)'
    shares = [sum(map(float, re.findall(answered, text))) for text in (first, second)]
    assert sum(shares) == 400
    assert min(shares) > 0
    sweeps = r'inventiv_jobs_total\{job="sweep",outcome="done"\}'
    assert [len(re.findall(sweeps, text)) for text in (first, second)] == [1, 0]


def test_a_worker_that_dies_is_started_anew(pair: Server) -> None:
    with pair.client() as client:
        instance_id = deploy(client)
        wait_for(client, instance_id, "ready")
    for place in (0, 1):
        victim = workers_of(pair)[place]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda victim=victim: not is_there(victim), "its death")  # type: ignore[misc]
        assert get(pair) == 200
        eventually(lambda: len(workers_of(pair)) == 2, "its successor")
        eventually(lambda: "started_anew" in pair.log.read_text(), "its answer")
    assert "worker_died" in pair.log.read_text()
    with pair.client() as client:  # whoever does the background work now
        assert client.delete(f"/instances/{instance_id}").status_code == 202
        wait_for(client, instance_id, "terminated")


def test_replacing_all_workers_refuses_nobody(pair: Server) -> None:
    assert pair.process is not None
    before = workers_of(pair)
    is_over = threading.Event()

    def ask() -> list[int]:
        statuses: list[int] = []
        while not is_over.is_set():
            statuses.append(get(pair))
        return statuses

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        try:
            pair.process.send_signal(signal.SIGHUP)
            eventually(lambda: "workers_replaced" in pair.log.read_text(), "the replacement")
        finally:
            is_over.set()
        statuses = [status for asked in asking for status in asked.result()]
    after = workers_of(pair)
    assert len(after) == len(before) == 2
    assert not set(after) & set(before)
    assert set(statuses) == {200}
    assert len(statuses) > 50


def test_workers_do_not_outlive_their_supervisor(pair: Server) -> None:
    orphans = workers_of(pair)
    pair.kill()
    eventually(lambda: not any(map(is_there, orphans)), "the end of the workers")
    pair.start()
    assert get(pair) == 200


def test_streams_are_served_to_their_end(
    postgres_server: str, tmp_path: Path, redis_url: str
) -> None:
    with ExitStack() as stack:
        port = free_port()
        shared = {
            "DATABASE_URL": stack.enter_context(postgres.database(postgres_server)),
            "REDIS_URL": redis_url,
            "JWT_SECRET": "the same long secret for every process",
            "INVENTIV_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "INVENTIV_MOCK_TOKEN_DELAY_S": "0.3",
        }
        alone = {**shared, "INVENTIV_BACKGROUND": "false", "INVENTIV_WORKERS": "2"}
        server = Server(tmp_path / "api", alone, port).start()
        worker = Server(tmp_path / "worker", shared, words=("orchestrate",)).start()
        stack.callback(worker.stop)
        pids = workers_of(server)
        with server.client() as client:
            wait_for(client, deploy(client), "ready")

            def answers() -> bool:
                short = {**QUESTION, "stream": False, "max_tokens": 1}
                return client.post("/v1/chat/completions", json=short).is_success

            eventually(answers, "the route")
            whole = client.post("/v1/chat/completions", json={**QUESTION, "stream": False}).json()
            with client.stream("POST", "/v1/chat/completions", json=QUESTION) as stream:
                lines = stream.iter_lines()
                pieces = content(lines)
                said = next(pieces)
                assert server.process is not None
                server.process.send_signal(signal.SIGTERM)
                said += "".join(pieces)
            assert said == whole["choices"][0]["message"]["content"]
        assert server.process.wait(30) == 0, server.log.read_text()
        assert not any(map(is_there, pids))

        server.settings["INVENTIV_DRAIN_S"] = "1"
        server.start()
        with server.client() as client:
            eventually(lambda: client.post("/v1/chat/completions", json=QUESTION).is_success, "it")
            pids, began = workers_of(server), time.monotonic()
            with client.stream("POST", "/v1/chat/completions", json=QUESTION) as stream:
                pieces = content(stream.iter_lines())
                cut = next(pieces)
                server.process.send_signal(signal.SIGTERM)
                with suppress(httpx.RemoteProtocolError):
                    cut += "".join(pieces)
        assert server.process.wait(30) == 0, server.log.read_text()
        assert len(cut) < len(said)
        assert time.monotonic() - began < 10
        assert not any(map(is_there, pids))
