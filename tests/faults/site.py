"""Two API processes and two orchestrators on one PostgreSQL and one Redis: all can fail."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from inventiv_adapters.cloud.mock.ledger import Ledger, Rental
from tests import disk, postgres, redis
from tests.acceptance.server import Server, environment, free_port
from tests.acceptance.test_several_processes import PASSWORD
from tests.faults.cloud import HOSTS
from tests.faults.network import Link, Place, State, Thread

LEASE_S = 2
SETTINGS = {
    "JWT_SECRET": "the same long secret for every process",
    "INVENTIV_ADMIN_PASSWORD": PASSWORD,
    "INVENTIV_LEASE_S": str(LEASE_S),
    "INVENTIV_SWEEP_INTERVAL_S": "1",
    "INVENTIV_MACHINE_DRAIN_S": "2",
    "INVENTIV_DRAIN_S": "3",
}


@dataclass
class Outage:
    """Something that was not as it should be, and from when to when, by the wall clock."""

    what: str
    began_at: float
    ended_at: float | None = None

    def touches(self, began_at: float, ended_at: float, *, grace_s: float = 0.0) -> bool:
        """Whether anything of that time was in it, or within ``grace_s`` of its end."""
        end = float("inf") if self.ended_at is None else self.ended_at + grace_s
        return self.began_at <= ended_at and began_at <= end


class Cloud:
    """The process that hosts the machines."""

    def __init__(self, directory: Path) -> None:
        """Take where its ledger is, and start it."""
        self.directory = directory
        self._process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-m", "tests.faults.cloud", str(directory)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect(HOSTS)

    def engines(self, state: State, instance_id: str = "*") -> None:
        """Change the links to the engine of an instance, or of all."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{state} {instance_id}\n")
        self._process.stdin.flush()
        self._expect(f"{state} {instance_id}")

    def _expect(self, line: str) -> None:
        assert self._process.stdout is not None
        for said in self._process.stdout:
            if said.strip() == line:
                return
        message = f"the cloud has ended instead of saying {line}"
        raise AssertionError(message)

    def rentals(self) -> list[Rental]:
        """Return every machine there ever was."""
        with Ledger(self.directory) as ledger:
            return ledger.rentals(include_deleted=True)

    def stop(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.kill()
        self._process.wait()


@dataclass
class Member:
    """One of our processes, and its links to what it needs."""

    name: str
    server: Server
    postgres: Link
    redis: Link

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.server.process is not None and self.server.process.poll() is not None

    def freeze(self) -> None:
        """Stop it where it is."""
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGCONT)


@dataclass
class Site:
    """Everything, and what was wrong with it when."""

    thread: Thread
    cloud: Cloud
    database: postgres.OwnServer
    redis: redis.RedisServer
    database_url: str
    """Of the database itself, past all links."""
    apis: list[Member] = field(default_factory=list[Member])
    orchestrators: list[Member] = field(default_factory=list[Member])
    outages: list[Outage] = field(default_factory=list[Outage])
    staying: list[str] = field(default_factory=list[str])
    """Instances that nobody gives back before the end."""
    links: list[Link] = field(default_factory=list[Link])
    has_small_disk: bool = False
    """Whether the usage of the first API process waits on a disk of its own, which can be full."""

    @property
    def members(self) -> list[Member]:
        """All of our processes."""
        return [*self.apis, *self.orchestrators]

    def add(self, name: str, home: Path, *, words: str, settings: dict[str, str]) -> Member:
        """Prepare a process that reaches all it needs through links of its own."""
        socket, name_of_database = postgres.socket_of(self.database_url)
        to_database, to_redis = self.link(socket), self.link(("127.0.0.1", self.redis.port))
        mine = {
            "DATABASE_URL": (
                f"postgresql://postgres@127.0.0.1:{to_database.port}/{name_of_database}"
                "?sslmode=disable&gssencmode=disable"
            ),
            "REDIS_URL": f"redis://127.0.0.1:{to_redis.port}",
        }
        server = Server(
            home,
            {**SETTINGS, **settings, **mine},
            port=free_port() if words == "serve" else 0,
            words=(words,),
            log_file=home.parent / f"{name}.log",
        )
        return Member(name, server, to_database, to_redis)

    def link(self, *places: Place, port: int = 0) -> Link:
        """Return a link to whoever listens there."""
        link = self.thread.run(Link(*places).listen(port))
        self.links.append(link)
        return link

    def close(self) -> None:
        """Cut everybody off, for good."""
        for link in self.links:
            self.thread.run(link.close())

    def become(self, state: State, *links: Link) -> None:
        """Change how some links are."""
        for link in links:
            self.thread.run(link.become(state))

    @contextmanager
    def outage(self, *whats: str) -> Generator[None]:
        """Note that something is wrong for as long as this is entered."""
        noted = [Outage(what, time.time()) for what in whats]
        self.outages += noted
        try:
            yield
        finally:
            for outage in noted:
                outage.ended_at = time.time()


@contextmanager
def running(directory: Path) -> Generator[Site]:
    """Run everything under a directory."""
    with ExitStack() as stack:
        thread = stack.enter_context(Thread())
        database = stack.enter_context(postgres.own(directory / "postgres"))
        own_redis = stack.enter_context(redis.own(directory))
        home = directory / "cloud"
        home.mkdir()
        cloud = Cloud(home / "mock-cloud")
        stack.callback(cloud.stop)
        site = Site(thread, cloud, database, own_redis, database.url)
        stack.callback(site.close)
        door = free_port()
        public = {"INVENTIV_PUBLIC_URL": f"http://127.0.0.1:{door}"}
        without = {**public, "INVENTIV_BACKGROUND": "false"}
        for number in (1, 2):
            name = f"api-{number}"
            site.apis.append(site.add(name, directory / name, words="serve", settings=without))
        for number in (1, 2):
            name = f"orchestrator-{number}"
            site.orchestrators.append(site.add(name, home, words="orchestrate", settings=public))
        places: list[Place] = [("127.0.0.1", api.server.port) for api in site.apis]
        site.link(*places, port=door)
        spool = site.apis[0].server.data_dir / "usage"
        site.has_small_disk = stack.enter_context(disk.small(spool))
        for member in site.members:
            member.server.launch()
            stack.callback(partial(_end, member))
        for member in site.members:
            member.server.start_is_over()
        yield site


def _end(member: Member) -> None:
    """Kill a process, if it runs: it may be stopped, and would never hear of it."""
    process = member.server.process
    if process is not None and process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
