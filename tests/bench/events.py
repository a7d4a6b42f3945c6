"""Live events: many subscribers at one process, every event to each of them.

    python -m tests.bench.events --subscribers 5000 --rate 50 --seconds 10 --rounds 3

Starts PostgreSQL, Redis, ``inventiv orchestrate`` and one ``inventiv serve`` that leaves the
background work to it. All of them share one core; those who read, and whoever has things happen,
have another, for on one that is too busy to read nobody learns how long the server takes. Events
are committed one by one, as use cases do, and carry the moment of their birth in the id they are
about, so that whoever reads them knows how long they took.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, cast
from uuid import UUID

import httpx
from dependency_injector.providers import Object

from inventiv_adapters.kernel.clock import SystemClock
from inventiv_core.instances.events import InstanceChanged
from inventiv_http.container import PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres, redis
from tests.acceptance.server import Server, free_port
from tests.bench.machine import cpu_s, rss_bytes

PASSWORD = "for the benchmark only"
SECRET = "a secret that is long enough, for benchmarks only"
CONNECTING_AT_ONCE = 50
PATIENCE_S = 60.0
MS = 1_000_000

_IDS = re.compile(rb'"ids":\[([^]]*)\]')


# subscribers, in a process of their own


class Tally:
    """What all subscribers of the process have read."""

    def __init__(self) -> None:
        self.greeted = 0
        self.lost = 0
        self.events = 0
        self.pieces = 0
        self.latencies_ms: Counter[int] = Counter()
        self._known: dict[bytes, list[int]] = {}

    def read(self, data: bytes) -> None:
        """Count the events in whole frames; all subscribers get the same bytes."""
        born = self._known.get(data)
        if born is None:
            found = (ids.split(b",") for ids in _IDS.findall(data))
            born = [UUID(one.strip(b'"').decode()).int for ids in found for one in ids]
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[data] = born
        now = time.monotonic_ns()
        self.pieces += 1
        self.events += len(born)
        for moment in born:
            self.latencies_ms[(now - moment) // MS] += 1

    def forget(self) -> None:
        """Begin to count anew."""
        self.events, self.pieces, self.latencies_ms = 0, 0, Counter()


class Crowd:
    """So many subscribers, read without a framework: they are not what is measured."""

    def __init__(self, port: int, token: str, count: int) -> None:
        self.tally = Tally()
        self._request = (
            f"GET /events/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._port = port
        self._lines: dict[int, socket.socket] = {}
        self._rests: dict[int, bytes] = {}
        self._poll = select.epoll()
        self._room = memoryview(bytearray(65_536))
        while self.tally.greeted + self.tally.lost < count:
            while len(self._lines) < min(count, self.tally.greeted + CONNECTING_AT_ONCE):
                self._connect()
            self.read(within_s=1.0)

    def _connect(self) -> None:
        line = socket.create_connection(("127.0.0.1", self._port))
        line.setblocking(False)  # noqa: FBT003
        line.send(self._request)
        self._lines[line.fileno()] = line
        self._rests[line.fileno()] = b"HTTP"  # until it was greeted
        self._poll.register(line.fileno(), select.EPOLLIN)

    def read(self, *, within_s: float) -> None:
        """Read what has come."""
        for fd, _ in self._poll.poll(within_s):
            self._read(fd)

    def _read(self, fd: int) -> None:
        size = self._lines[fd].recv_into(self._room)
        if not size:
            self.tally.lost += 1
            self._poll.unregister(fd)
            self._lines[fd].close()
            return
        data = bytes(self._room[:size])
        rest = self._rests.get(fd)
        if rest is not None:
            data = rest + data
            if rest.startswith(b"HTTP"):
                if b"event: hello" not in data:
                    self._rests[fd] = data
                    return
                self.tally.greeted += 1
                data = data[data.index(b"event: hello") :]
        if data.endswith(b"\n\n\r\n"):  # the end of a frame, and of a chunk
            self._rests.pop(fd, None)
            self.tally.read(data)
        else:
            self._rests[fd] = data


def subscribe(port: int, token: str, count: int) -> None:
    """Connect, and answer to orders from standard input with lines of JSON."""
    os.nice(5)  # whoever else has to work on this core goes first
    crowd = Crowd(port, token, count)
    tally = crowd.tally
    while True:
        say(
            {
                "greeted": tally.greeted,
                "lost": tally.lost,
                "events": tally.events,
                "pieces": tally.pieces,
                "latencies_ms": sorted(tally.latencies_ms.items()),
            }
        )
        while not select.select([sys.stdin], [], [], 0)[0]:
            crowd.read(within_s=0.05)
        order = sys.stdin.readline().strip()
        if not order:
            return
        if order == "forget":
            tally.forget()


def say(answer: dict[str, Any]) -> None:
    """Answer whoever has started this process."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


# the measurement


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one round has shown."""

    sent: int
    rate: float
    """Events per second, as they really came."""
    delivered: float
    """Of all that should have arrived."""
    lost: int
    p50_ms: int
    p99_ms: int
    most_ms: int
    pieces: float
    """In how many each subscriber got them."""
    cpu: float
    """Of the server's core."""
    transactions: int
    """Of the database, whoever asked for them."""
    idle_kb: float = 0.0
    """What each subscriber added to the memory of the server before anything happened."""
    connected_s: float = 0.0


def transactions(url: str) -> int:
    """Return how many transactions there have been in the database."""
    time.sleep(1.1)  # they are counted with a delay
    query = """
        SELECT xact_commit + xact_rollback FROM pg_stat_database
        WHERE datname = current_database()
    """
    return int(postgres.rows(url, query)[0][0])


@contextmanager
def pinned(core: int) -> Generator[None]:
    """Have whatever is started here run on one core, where the machine allows that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} if core in before else before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Subscribers:
    """The crowd, in a process of its own."""

    def __init__(self, port: int, token: str, count: int) -> None:
        self.count = count
        words = [sys.executable, "-m", "tests.bench.events", "--subscribe", str(port), str(count)]
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "BENCH_TOKEN": token},
        )
        self.first = self._answer()

    def ask(self, order: str = "look") -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return cast("dict[str, Any]", json.loads(self._process.stdout.readline()))

    def leave(self) -> None:
        self._process.communicate()


async def happen(adapters: Any, owner: UUID, *, rate: float, seconds: float) -> int:
    """Commit one event after the other, at a steady rate; return how many."""
    total = round(rate * seconds)
    began = time.monotonic()
    for number in range(total):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        event = InstanceChanged(
            instance_id=UUID(int=time.monotonic_ns()),
            organization_id=owner,
            status="ready",
            occurred_at=SystemClock().now(),
        )
        async with adapters.unit_of_work()() as work:
            await work.outbox.add(event)
    return total


async def measured(
    url: str, owner: UUID, server: Server, crowd: Subscribers, asked: argparse.Namespace
) -> Round:
    """Have things happen, and see who hears of them."""
    assert server.process is not None
    pid = server.process.pid
    adapters = PostgresAdapters(settings=Object(Settings(database_url=url, jwt_secret=SECRET)))
    crowd.ask("forget")
    before = transactions(url)
    async with adapters.pool():
        worked_s, began_s = cpu_s(pid), time.monotonic()
        sent = await happen(adapters, owner, rate=asked.rate, seconds=asked.seconds)
        took_s = time.monotonic() - began_s
        cpu = (cpu_s(pid) - worked_s) / took_s
        deadline = time.monotonic() + PATIENCE_S
        seen = crowd.ask()
        while seen["events"] < sent * crowd.count and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            seen = crowd.ask()
    after = transactions(url)
    latencies = [(int(ms), int(count)) for ms, count in seen["latencies_ms"]]
    return Round(
        sent=sent,
        rate=sent / took_s,
        delivered=seen["events"] / (sent * crowd.count),
        lost=seen["lost"],
        p50_ms=percentile(latencies, 0.50),
        p99_ms=percentile(latencies, 0.99),
        pieces=seen["pieces"] / crowd.count,
        most_ms=max((ms for ms, _ in latencies), default=0),
        cpu=cpu,
        transactions=after - before,
    )


def percentile(counted: Sequence[tuple[int, int]], part: float) -> int:
    """Return the value below which that part of what was counted is."""
    wanted = part * sum(count for _, count in counted)
    so_far = 0
    for value, count in counted:
        so_far += count
        if so_far >= wanted:
            return value
    return 0


def signed_in(server: Server) -> tuple[str, UUID]:
    """Return a session's token, and the organization it is in."""
    url = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        answer = client.post("/auth/login", json={"email": "admin", "password": PASSWORD})
        me = client.get("/auth/me").json()
        return answer.cookies["inventiv_session"], UUID(me["current_organization_id"])


def run(asked: argparse.Namespace) -> dict[int, list[Round]]:
    """Start everything, measure, stop everything, and print what was seen."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(pinned(asked.load_core))
        with pinned(asked.rest_core):
            url = stack.enter_context(
                postgres.database(stack.enter_context(postgres.server(directory)))
            )
            redis_url = stack.enter_context(redis.server(directory))
        port = free_port()
        shared = {
            "DATABASE_URL": url,
            "REDIS_URL": redis_url,
            "JWT_SECRET": SECRET,
            "INVENTIV_ADMIN_PASSWORD": PASSWORD,
            "INVENTIV_PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        server = Server(directory / "api", {**shared, "INVENTIV_BACKGROUND": "false"}, port)
        worker = Server(directory / "worker", shared, words=("orchestrate",))
        with pinned(asked.server_core):
            server.launch()
        stack.callback(server.stop)
        server.start_is_over()
        with pinned(asked.rest_core):
            worker.start()
        stack.callback(worker.stop)
        token, owner = signed_in(server)
        rounds: dict[int, list[Round]] = {}
        for _ in range(asked.rounds):
            for count in filter(None, (asked.control, asked.subscribers)):
                measure = asyncio.run(one_round(url, owner, server, token, count, asked))
                rounds.setdefault(count, []).append(measure)
        report(asked, rounds)
        return rounds


async def one_round(
    url: str, owner: UUID, server: Server, token: str, count: int, asked: argparse.Namespace
) -> Round:
    """Connect so many, and measure."""
    assert server.process is not None
    before = rss_bytes(server.process.pid)
    began_s = time.monotonic()
    crowd = Subscribers(server.port, token, count)
    try:
        assert crowd.first["greeted"] == count, crowd.first
        connected_s = time.monotonic() - began_s
        idle_kb = (rss_bytes(server.process.pid) - before) / count / 1000
        seen = await measured(url, owner, server, crowd, asked)
        return replace(seen, idle_kb=idle_kb, connected_s=connected_s)
    finally:
        crowd.leave()


def report(asked: argparse.Namespace, rounds: dict[int, list[Round]]) -> None:
    """Print versions, conditions, each round, and medians."""
    packages = ("uvicorn", "uvloop", "httptools", "litestar", "msgspec", "psycopg", "redis")
    print("python", platform.python_version(), *(f"{name} {version(name)}" for name in packages))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; server on core {asked.server_core}, "
        f"subscribers on core {asked.load_core}, everything else on core {asked.rest_core}; "
        f"{asked.rate:g} events/s for "
        f"{asked.seconds:g} s, {asked.rounds} rounds, {asked.control} and "
        f"{asked.subscribers} subscribers by turns; load average {os.getloadavg()[0]:.1f}"
    )
    for count, some in rounds.items():
        for one in some:
            print(count, one)
    for count, some in rounds.items():
        print(summary(count, some))


def summary(count: int, rounds: Sequence[Round]) -> str:
    """Say what the rounds have in common."""
    least = min(one.delivered for one in rounds)
    transactions = median(one.transactions / one.sent for one in rounds)
    parts = (
        f"{count} subscribers: {least:.2%} delivered in the worst round",
        f"{sum(one.lost for one in rounds)} lines lost",
        f"p50 {median(one.p50_ms for one in rounds):.0f} ms",
        f"p99 {median(one.p99_ms for one in rounds):.0f} ms",
        f"server {median(one.cpu for one in rounds):.0%} of its core",
        f"{transactions:.1f} transactions per event",
        f"{max(one.idle_kb for one in rounds):.1f} kB per idle subscriber in the worst round",
        f"connected in {median(one.connected_s for one in rounds):.1f} s",
    )
    return ", ".join(parts)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument(
        "--control", type=int, default=50, help="how few, to compare with; 0: nobody"
    )
    parser.add_argument("--rate", type=float, default=50.0, help="events per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--rest-core", type=int, default=0, help="of PostgreSQL, Redis and work")
    parser.add_argument("--subscribe", type=int, nargs=2, metavar=("PORT", "COUNT"))
    asked = parser.parse_args()
    if asked.subscribe:
        port, count = asked.subscribe
        subscribe(port, os.environ["BENCH_TOKEN"], count)
    else:
        run(asked)


if __name__ == "__main__":
    main()
