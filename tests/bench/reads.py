"""How close a list comes to the database itself.

    python -m tests.bench.reads --rounds 5 --seconds 4

``GET /instances`` of an organization that has a hundred, signed in by a session, against pgbench
that runs the very statement the list is read with, prepared. In turns: the server, and pgbench,
on one core; PostgreSQL, and whoever calls the server, on the other. So a ratio of 1 would mean
that HTTP, authentication, tenancy and JSON cost nothing that pgbench does not cost.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from uuid import UUID

import httpx
import psycopg

from inventiv_adapters.embedded.server import EmbeddedPostgres
from inventiv_adapters.instances.postgres import _LIST
from inventiv_core.kernel.pagination import MAX_PAGE_ROWS
from tests import postgres
from tests.acceptance.server import free_port
from tests.bench.machine import cpu_s, rss_mb, tree_cpu_s, until_ready

ROWS = 100
PASSWORD = "for the benchmark only"
WANTED = 0.75

_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_PARAMETER = re.compile(r"%\((\w+)\)s")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)

_INSTANCES = """
    INSERT INTO instances
        (id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
         status_since, version, provider_instance_id, ip_address, created_at, boot_started_at,
         ready_at, deleted_by_provider, is_archived)
    SELECT lpad(to_hex(n), 32, '0')::uuid, %(owner)s, p.id, z.id, t.id, m.id, 'ready', now(), 1,
           'machine-' || n, '127.0.0.1', now() - interval '1 day' - n * interval '1 second',
           now() - interval '1 day', now() - interval '1 day', false, false
    FROM generate_series(1, %(rows)s) AS n, models m
    CROSS JOIN LATERAL (SELECT id FROM providers WHERE code = 'mock') p
    CROSS JOIN LATERAL (SELECT id FROM zones WHERE provider_id = p.id LIMIT 1) z
    CROSS JOIN LATERAL (SELECT id FROM instance_types WHERE provider_id = p.id LIMIT 1) t
    WHERE m.model_id = 'mock-echo-model'
"""
_WORKERS = """
    INSERT INTO workers (instance_id, status, worker_id, model_id, vllm_port, health_port,
        queue_depth, gpu_utilization, registered_at, last_heartbeat_at)
    SELECT id, 'ready', id, 'mock-echo-model', 8000, 8080, 1, 55.5, now(), now() FROM instances
"""
_RENTALS = """
    INSERT INTO rentals (id, organization_id, instance_id, provider_id, zone_id, instance_type_id,
        machine_id, started_at)
    SELECT id, organization_id, id, provider_id, zone_id, instance_type_id, provider_instance_id,
           boot_started_at FROM instances
"""
_VOLUMES = """
    INSERT INTO instance_volumes (id, instance_id, provider_volume_id, volume_type, size_gb,
        is_boot, status, created_at, reconciled_at)
    SELECT id, id, 'disk', 'block', 100, true, 'attached', now(), now() FROM instances
"""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round has measured, in lists a second."""

    ours: float
    pgbench: float
    p50_ms: float
    """How long one list took, as whoever called saw it."""
    server_ms: float
    """Processor time of the server for each list."""
    postgres_ms: float
    """Processor time of PostgreSQL for each run of the statement by pgbench."""

    @property
    def ratio(self) -> float:
        return self.ours / self.pgbench

    @property
    def ratio_alone(self) -> float:
        """The ratio that processor times allow, if nobody else were on the cores."""
        return self.postgres_ms / max(self.server_ms, self.postgres_ms)


def fill(url: str, owner: UUID) -> None:
    """Give an organization its instances, with workers, rentals and disks."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_INSTANCES, {"owner": owner, "rows": ROWS})
        for statement in (_WORKERS, _RENTALS, _VOLUMES):
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")


@contextmanager
def serving(url: str, directory: Path, core: int) -> Generator[tuple[int, int]]:
    """Run a server on a core of its own; yield its port and its process."""
    port = free_port()
    settings = {
        "INVENTIV_DATABASE_URL": url,
        "INVENTIV_JWT_SECRET": "a secret that is long enough, for benchmarks only",
        "INVENTIV_ADMIN_PASSWORD": PASSWORD,
        "INVENTIV_BACKGROUND": "false",
    }
    known = {name: value for name, value in os.environ.items() if "INVENTIV" not in name}
    with (directory / "log").open("w") as log:
        server = subprocess.Popen(
            ["taskset", "-c", str(core), str(Path(sys.executable).parent / "inventiv"),
             "serve", "--port", str(port), "--data-dir", str(directory / "data")],
            env={**known, **settings}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        asyncio.run(until_ready(port))
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(60)


def sign_in(port: int) -> tuple[str, UUID]:
    """Return a session, and in which organization it is."""
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        client.post("/auth/login", json={"email": "admin", "password": PASSWORD}).raise_for_status()
        me = client.get("/auth/me").json()
        return client.cookies["inventiv_session"], UUID(me["current_organization_id"])


async def _call(port: int, request: bytes, until_s: float, took_ms: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began_s := time.perf_counter()) < until_s:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            raise RuntimeError(head.decode())
        await reader.readexactly(int(length[1]))
        took_ms.append((time.perf_counter() - began_s) * 1000)
    writer.close()


async def call(port: int, token: str, clients: int, seconds: float) -> tuple[float, float]:
    """Return how many lists came in a second, and how long one took (p50, in milliseconds)."""
    request = (
        f"GET /instances HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
    took_ms: list[float] = []
    began_s = time.perf_counter()
    await asyncio.gather(
        *(_call(port, request, began_s + seconds, took_ms) for _ in range(clients))
    )
    return len(took_ms) / (time.perf_counter() - began_s), median(took_ms)


def pgbench(url: str, script: Path, owner: UUID, clients: int, seconds: float, core: int) -> float:
    """Return how many times a second the statement can be run."""
    values = {
        "owner": owner,
        "archived": "false",
        "limit": MAX_PAGE_ROWS,
        "now": datetime.now(UTC).isoformat(),
    }
    done = subprocess.run(
        ["taskset", "-c", str(core), str(EmbeddedPostgres.program("pgbench")), "-n",
         "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(max(1, round(seconds))),
         "-f", str(script), *(f"-D{name}={value}" for name, value in values.items()), url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = _TPS.search(done.stdout)
    if found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return float(found[1])


@contextmanager
def pinned(core: int) -> Generator[None]:
    """Stay on one core, and so does whatever is started meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(size: argparse.Namespace) -> list[Round]:
    """Measure in rounds, and print."""
    with pinned(size.load_core), tempfile.TemporaryDirectory(prefix="inventiv-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with (
            EmbeddedPostgres(directory / "postgres") as database,
            serving(database.url, directory, size.server_core) as (port, pid),
        ):
            token, owner = sign_in(port)
            fill(database.url, owner)
            must_be_all(port, token)
            script = directory / "list.sql"
            script.write_text(_PARAMETER.sub(r":\1", " ".join(_LIST.split())) + ";\n")
            postmaster = int((directory / "postgres/postmaster.pid").read_text().split()[0])
            rounds: list[Round] = []
            for number in range(size.rounds + 1):
                before = cpu_s(pid)
                ours, p50_ms = asyncio.run(call(port, token, size.clients, size.seconds))
                spent = cpu_s(pid) - before
                before = with_children_s(postmaster)
                theirs = pgbench(
                    database.url, script, owner, size.clients, size.seconds, size.server_core
                )
                queried = with_children_s(postmaster) - before
                measured = Round(
                    ours=ours,
                    pgbench=theirs,
                    p50_ms=p50_ms,
                    server_ms=1000 * spent / (ours * size.seconds),
                    postgres_ms=1000 * queried / (theirs * size.seconds),
                )
                if number:  # the first one warms up
                    rounds.append(measured)
            report(size, rounds, database.url, rss_mb(pid))
    return rounds


def with_children_s(pid: int) -> float:
    """Return the processor time of a process and its children, also those that have ended."""
    time.sleep(0.5)  # those that were left end by themselves
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended_s = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return tree_cpu_s(pid) + ended_s


def must_be_all(port: int, token: str) -> None:
    """See that a list has all rows, and that nobody gets it without a session."""
    url, headers = f"http://127.0.0.1:{port}/instances", {"Authorization": f"Bearer {token}"}
    rows = json.loads(httpx.get(url, headers=headers, trust_env=False).content)
    refused = httpx.get(url, trust_env=False).status_code
    if (len(rows), refused) != (ROWS, 401):
        message = f"{len(rows)} rows of {ROWS}, and {refused} without a session"
        raise RuntimeError(message)


def report(size: argparse.Namespace, rounds: list[Round], url: str, memory_mb: float) -> None:
    """Print medians and conditions."""
    ratios = sorted(each.ratio for each in rounds)
    print(
        f"lists of {ROWS} a second, medians of {len(rounds)} rounds: "
        f"ours {median(r.ours for r in rounds):.0f} (p50 {median(r.p50_ms for r in rounds):.1f} ms)"
        f", pgbench {median(r.pgbench for r in rounds):.0f}"
    )
    print(
        f"ratio {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), wanted {WANTED:g}; "
        f"by processor time alone {median(r.ratio_alone for r in rounds):.2f}: server "
        f"{median(r.server_ms for r in rounds):.2f} ms, PostgreSQL "
        f"{median(r.postgres_ms for r in rounds):.2f} ms for each; {memory_mb:.0f} MB"
    )
    [(server,)] = postgres.rows(url, "SHOW server_version")
    print(
        f"conditions: {size.clients} clients, {size.seconds:g} s a round; server and pgbench on "
        f"core {size.server_core}, PostgreSQL and load on core {size.load_core}; "
        f"load of the machine {os.getloadavg()[0]:.1f}"
    )
    print(
        f"versions: Python {platform.python_version()}, litestar {version('litestar')}, "
        f"msgspec {version('msgspec')}, psycopg {version('psycopg')}, PostgreSQL {server}"
    )


def main() -> None:
    """Read the size from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
