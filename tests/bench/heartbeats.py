"""What 2 000 heartbeats a second cost one process: ``python -m tests.bench.heartbeats``.

A server of its own, on a PostgreSQL of its own, pinned to one core; PostgreSQL and the load on
another. Every worker beats every four seconds, at a time of its own; requests leave when
they are due, whether or not answers have come.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg

from inventiv_adapters.embedded.server import EmbeddedPostgres
from inventiv_adapters.workers.tokens import DerivedWorkerTokens
from inventiv_core.instances.entities import InstanceId
from tests.acceptance.server import free_port
from tests.bench.machine import cpu_s, rss_mb, tree_cpu_s, until_ready

SECRET: Final = "a secret for measurements, and for nothing else"
INTERVAL_S: Final = 4.0
CONNECTIONS: Final = 64
GRACE_S: Final = 5.0
"""How much longer than it should the load may take: whoever is slower than that is too slow."""
SERVER_CORE, LOAD_CORE = "0", "1"

DEPLOY: Final = """
    WITH org AS (
        INSERT INTO organizations (id, name, slug, created_at)
        VALUES (gen_random_uuid(), 'Bench', 'bench', now()) RETURNING id
    )
    INSERT INTO instances
        (id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
         status_since, version, provider_instance_id, ip_address, created_at, boot_started_at,
         ready_at, deleted_by_provider, is_archived)
    SELECT ids.id, org.id, p.id, z.id, t.id, m.id, 'ready', now(), 1, ids.id::text, '127.0.0.1',
           now(), now(), now(), false, false
    FROM unnest(%(ids)s::uuid[]) AS ids (id), org, models m
    CROSS JOIN LATERAL (SELECT id FROM providers WHERE code = 'mock') p
    CROSS JOIN LATERAL (SELECT id FROM zones WHERE provider_id = p.id LIMIT 1) z
    CROSS JOIN LATERAL (SELECT id FROM instance_types WHERE provider_id = p.id LIMIT 1) t
    WHERE m.model_id = 'mock-echo-model'
"""
HIRE: Final = """
    INSERT INTO workers
        (instance_id, status, worker_id, model_id, registered_at, last_heartbeat_at)
    SELECT id, 'ready', id, 'mock-echo-model', now(), now() FROM unnest(%(ids)s::uuid[]) AS ids (id)
"""
TRUST: Final = """
    INSERT INTO worker_auth_tokens
        (instance_id, token_hash, token_prefix, generation, created_at, last_seen_at)
    SELECT id, hash, 'wk_', 1, now(), now()
    FROM unnest(%(ids)s::uuid[], %(hashes)s::text[]) AS tokens (id, hash)
"""
WRITTEN: Final = """
    SELECT (SELECT count(*) FROM gpu_samples), (SELECT count(*) FROM system_samples),
           (SELECT count(*) FROM gpu_samples_1m), (SELECT count(*) FROM workers
            WHERE last_heartbeat_at > now() - interval '10 s')
"""
LAG: Final = "SELECT extract(epoch FROM clock_timestamp() - max(last_heartbeat_at)) FROM workers"


def heartbeat(instance_id: UUID, token: str, number: int) -> bytes:
    """Return one request, field for field what an agent sends, as bytes."""
    gpu = {
        "gpu_utilization": float(number % 100),
        "gpu_mem_used_mb": 20_000.0,
        "gpu_mem_total_mb": 24_576.0,
        "gpu_temp_c": 55.0,
        "gpu_power_w": 210.5,
        "gpu_power_limit_w": 300.0,
    }
    body = json.dumps(
        {
            "instance_id": str(instance_id),
            "worker_id": str(instance_id),
            "status": "ready",
            "model_id": "mock-echo-model",
            "queue_depth": number % 7,
            "gpu_utilization": gpu["gpu_utilization"],
            "gpu_mem_used_mb": gpu["gpu_mem_used_mb"],
            "ip_address": "127.0.0.1",
            "agent_info": {"version": "1.0.0", "build_date": "2026-01-03", "checksum": "0" * 64},
            "metadata": {
                **gpu,
                "gpus": [{"index": 0, **gpu}],
                "system": {
                    "load1": 1.5, "load5": 1.25, "load15": 1.0, "mem_total_bytes": 2**36,
                    "mem_available_bytes": 2**35, "mem_used_bytes": 2**35, "mem_used_pct": 50.0,
                    "disk_path": "/", "disk_total_bytes": 2**37, "disk_used_bytes": 2**36,
                    "disk_free_bytes": 2**36, "disk_used_pct": 50.0, "cpu_usage_pct": 12.5,
                    "net_rx_bps": 1000.5, "net_tx_bps": 2000.5, "net_rx_bytes_total": 10**9,
                    "net_tx_bytes_total": 10**9,
                },
                "vllm": {
                    "requests_waiting": 0.0, "requests_running": 1.0, "queue_depth": number % 7,
                },
            },
        }
    ).encode()  # fmt: skip
    head = (
        "POST /internal/worker/heartbeat HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Result:
    """What came back."""

    latencies_ms: list[float] = field(default_factory=list[float])
    statuses: Counter[str] = field(default_factory=Counter[str])
    late_ms: list[float] = field(default_factory=list[float])
    """How late requests left: the load's own weakness."""


class Connection(asyncio.Protocol):
    """One connection, with one request on it at a time."""

    def __init__(self, result: Result, free: "list[Connection]") -> None:
        self._result = result
        self._free = free
        self._transport: asyncio.Transport | None = None
        self._began_s = 0.0
        self._seen = b""

    def connection_made(self, transport: Any) -> None:
        """Be ready."""
        self._transport = transport
        self._free.append(self)

    def send(self, request: bytes, due_s: float) -> None:
        """Send a request."""
        assert self._transport is not None
        self._began_s = due_s
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note an answer, once it is whole: ours are small, and end in a brace."""
        self._seen += data
        if not self._seen.endswith(b"}"):
            return
        self._result.latencies_ms.append((time.perf_counter() - self._began_s) * 1000)
        self._result.statuses[self._seen[9:12].decode()] += 1
        self._seen = b""
        self._free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so: the run is worth nothing then."""
        self._result.statuses["connection lost"] += 1


async def load(port: int, requests: list[bytes], rate: int, seconds: float) -> Result:
    """Send requests at a steady rate; return what came of them after the warm-up."""
    result, free = Result(), list[Connection]()
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(result, free), "127.0.0.1", port)
    began_s, sent, total = time.perf_counter(), 0, int(rate * seconds)
    warm = int(rate * INTERVAL_S)
    while sent < total and time.perf_counter() - began_s < seconds + GRACE_S:
        due = min(int((time.perf_counter() - began_s) * rate), total)
        while sent < due and free:
            now_s, due_s = time.perf_counter(), began_s + sent / rate
            result.late_ms.append((now_s - due_s) * 1000)
            free.pop().send(requests[sent % len(requests)], due_s)
            sent += 1
            if sent == warm:
                result.latencies_ms.clear()
                result.statuses.clear()
                result.late_ms.clear()
        await asyncio.sleep(0.001)
    while len(free) < CONNECTIONS and time.perf_counter() - began_s < seconds + 2 * GRACE_S:
        await asyncio.sleep(0.01)
    return result


async def watch(url: str, lags: list[float]) -> None:
    """Note, now and then, how old the newest heartbeat is that the database has."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            row = await (await connection.execute(LAG)).fetchone()
            lags.append(float(row[0]) if row else 0.0)
            await asyncio.sleep(0.23)


def prepare(url: str, workers: int) -> list[bytes]:
    """Store instances with their workers; return a heartbeat of each."""
    tokens = DerivedWorkerTokens(SECRET)
    ids = [UUID(int=(7 << 76) | (2 << 62) | (number + 1)) for number in range(workers)]
    secrets = [tokens.derive(InstanceId(instance_id), 1) for instance_id in ids]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(DEPLOY, {"ids": ids})
        connection.execute(HIRE, {"ids": ids})
        connection.execute(TRUST, {"ids": ids, "hashes": [tokens.hash(each) for each in secrets]})
        connection.execute("ANALYZE")
    return [
        heartbeat(instance_id, token, number)
        for number, (instance_id, token) in enumerate(zip(ids, secrets, strict=True))
    ]


async def run(
    url: str, server: subprocess.Popen[bytes], port: int, rate: int, seconds: int
) -> None:
    """Measure, and print."""
    await until_ready(port)
    requests = prepare(url, int(rate * INTERVAL_S))
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_backend_pid(), version()").fetchone()
        assert row is not None
        postmaster = int(Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()[1])
        postgres = str(row[1]).partition(" on ")[0]
    subprocess.run(
        ["taskset", "-acp", LOAD_CORE, str(postmaster)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    lags: list[float] = []
    watching = asyncio.create_task(watch(url, lags))
    cpu_before, db_before, began_s = cpu_s(server.pid), tree_cpu_s(postmaster), time.perf_counter()
    result = await load(port, requests, rate, seconds + INTERVAL_S)
    taken_s = time.perf_counter() - began_s
    sent = max(sum(result.statuses.values()) + int(rate * INTERVAL_S), 1)
    cpu, db_cpu = cpu_s(server.pid) - cpu_before, tree_cpu_s(postmaster) - db_before
    watching.cancel()
    await asyncio.sleep(2)
    with psycopg.connect(url, autocommit=True) as connection:
        written = connection.execute(WRITTEN).fetchone()
    assert written is not None
    report(result, seconds, lags)
    print(f"rows: {written[0]} gpu samples, {written[1]} system samples, {written[2]} minutes")
    print(f"workers heard of in the last 10 s, in the database: {written[3]} of {len(requests)}")
    print(
        f"processor: server {cpu / taken_s:.0%}, PostgreSQL {db_cpu / taken_s:.0%} of a core each; "
        f"{cpu / sent * 1e6:.0f} and {db_cpu / sent * 1e6:.0f} µs a heartbeat; "
        f"server {rss_mb(server.pid):.0f} MB, load of the machine {os.getloadavg()[0]:.1f}"
    )
    print(
        f"conditions: {rate}/s, {len(requests)} workers every {INTERVAL_S:g} s, "
        f"{statistics.mean(map(len, requests)):.0f} bytes each, {CONNECTIONS} connections; "
        f"server on core {SERVER_CORE}, PostgreSQL and load on core {LOAD_CORE}"
    )
    print(
        f"versions: Python {platform.python_version()}, litestar {version('litestar')}, "
        f"uvicorn {version('uvicorn')}, psycopg {version('psycopg')}, {postgres}"
    )


def report(result: Result, seconds: int, lags: list[float]) -> None:
    """Print what the load has seen."""
    accepted = result.statuses["200"]
    print(f"accepted: {accepted / seconds:.0f}/s for {seconds} s; answers {dict(result.statuses)}")
    cuts = statistics.quantiles(result.latencies_ms, n=100)
    late = statistics.quantiles(result.late_ms, n=100)
    print(f"latency from when it was due: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms", end="")
    print(f" (the load itself was late by p50 {late[49]:.2f}, p99 {late[98]:.2f} ms)")
    lags = lags[20:]
    print(
        f"age of the newest heartbeat in the database: median {statistics.median(lags):.2f} s, "
        f"p99 {statistics.quantiles(lags, n=100)[98]:.2f} s, most {max(lags):.2f} s"
    )


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    directory = Path(tempfile.mkdtemp(prefix="inventiv-bench-"))
    directory.chmod(0o755)
    port = free_port()
    try:
        with EmbeddedPostgres(directory / "postgres") as database:
            server = subprocess.Popen(
                ["taskset", "-c", SERVER_CORE, str(Path(sys.executable).parent / "inventiv"),
                 "serve", "--port", str(port), "--data-dir", str(directory / "data")],
                env={
                    **{name: value for name, value in os.environ.items() if "INVENTIV" not in name},
                    "INVENTIV_DATABASE_URL": database.url,
                    "INVENTIV_JWT_SECRET": SECRET,
                    "INVENTIV_METRICS_TOKEN": "a token for measurements",
                },
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                asyncio.run(run(database.url, server, port, chosen.rate, chosen.seconds))
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(30)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
