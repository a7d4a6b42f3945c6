"""How well one process on one core looks after a fleet: `python -m tests.bench.reconciling`.

All of them serve, so each is due every half a minute, which is what an orchestrator does most. At
first all are due at once, as after an outage; then follows what is measured. Every question to the
cloud takes as long as ``--cloud-ms`` says. With a PostgreSQL of its own, or ``TEST_POSTGRES``.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from dependency_injector.providers import Object

from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_adapters.kernel.chance import SystemChance
from inventiv_core.cloud.entities import FindOutcome, Machine, MachineState, MachineTag
from inventiv_core.instances.entities import Lease
from inventiv_core.kernel.chance import Chance
from inventiv_core.orchestration.entities import Patience
from inventiv_http.background import Background
from inventiv_http.container import Application, PostgresAdapters
from inventiv_http.settings import Settings
from tests import postgres as real
from tests.bench.machine import database_of_its_own
from tests.builders import ACME, Market, given_teams

NINETY_NINTH = 98
SECRET = "long enough a secret for a measurement"

INSTANCES = """
    INSERT INTO instances
        (id, organization_id, provider_id, zone_id, instance_type_id, model_id, status,
         status_since, version, created_at, boot_started_at, ready_at, provider_instance_id,
         ip_address, deleted_by_provider, is_archived)
    SELECT lpad(to_hex(n), 32, '0')::uuid, %(owner)s, %(provider)s, %(zone)s, %(kind)s, %(model)s,
           'ready', now(), 1, now(), now(), now(), 'machine-' || n, '127.0.0.1', false, false
    FROM generate_series(1, %(rows)s) AS n
"""

WORKERS = """
    INSERT INTO workers (instance_id, status, model_id, vllm_port, registered_at, last_heartbeat_at)
    SELECT id, 'ready', %(model_id)s, 8000, now(), now() + interval '1 day' FROM instances
"""

LEASES = "INSERT INTO instance_leases (instance_id, due_at) SELECT id, now() FROM instances"


class DistantCloud(MemoryCloud):
    """A cloud that takes a while to answer whether a machine is there."""

    delay_s = 0.0

    async def find(self, tag: MachineTag, *, zone: str) -> FindOutcome:
        await asyncio.sleep(self.delay_s)
        return await super().find(tag, zone=zone)

    def _find(self, tag: MachineTag, zone: str) -> FindOutcome:
        """Find one at once: it is not our time that a cloud takes to look through its books."""
        self.machines, everything = {}, self.machines
        key = f"machine-{tag.instance_id.int}"
        self.machines = {key: everything[key]} if key in everything else {}
        found = super()._find(tag, zone)
        self.machines = everything
        return found


class Overheard(Chance):
    """Chance, and what of it was drawn last by whom."""

    def __init__(self) -> None:
        self._chance = SystemChance()
        self._drawn: ContextVar[float] = ContextVar("drawn", default=1.0)

    def __call__(self) -> float:
        drawn = self._chance()
        self._drawn.set(drawn)
        return drawn

    @property
    def drawn(self) -> float:
        """What the caller has drawn last."""
        return self._drawn.get()


@dataclass
class Looks:
    """Every look, when it was due, and when it began."""

    patience: Patience
    chance: Overheard
    reconcile: Callable[..., Awaitable[None]]
    due_s: dict[UUID, float] = field(default_factory=dict[UUID, float])
    late_s: list[float] = field(default_factory=list[float])
    """How late those were that were due after the one before."""
    took_s: list[float] = field(default_factory=list[float])

    async def __call__(self, lease: Lease, **options: Any) -> None:
        """Look, as the reconciler does."""
        began_s = time.perf_counter()
        due_s = self.due_s.get(lease.instance_id)
        if due_s is not None:
            self.late_s.append(began_s - due_s)
        await self.reconcile(lease, **options)
        ended_s = time.perf_counter()
        self.took_s.append(ended_s - began_s)
        wait = self.patience.spread(self.patience.watch, self.chance.drawn)
        self.due_s[lease.instance_id] = ended_s + wait.total_seconds()


async def build(adapters: PostgresAdapters, cloud: DistantCloud, instances: int) -> None:
    """Fill the database, and rent the machines."""
    market = Market()
    await given_teams(adapters.unit_of_work(), *market.everything)
    installation_id = await adapters.situation_queries().installation_id()
    ids = {
        "owner": ACME,
        "provider": market.provider.id,
        "zone": market.zone.id,
        "kind": market.kind.id,
        "model": market.model.id,
    }
    async with adapters.pool().connection() as connection:
        await connection.execute(INSTANCES, {**ids, "rows": instances})
        await connection.execute(WORKERS, {"model_id": market.model.model_id})
        await connection.execute(LEASES)
        await connection.execute("ANALYZE instances, workers, instance_leases")
    for number in range(1, instances + 1):
        machine = Machine(
            id=f"machine-{number}",
            zone=market.zone.code,
            instance_type=market.kind.code,
            tag=MachineTag(
                installation_id=installation_id,
                organization_id=ACME,
                instance_id=UUID(int=number),
            ),
            state=MachineState.RUNNING,
            ip_address="127.0.0.1",
            created_at=adapters.clock().now(),
        )
        cloud.machines[machine.id] = machine


async def run(url: str, directory: str, size: argparse.Namespace) -> None:
    """Build, work, and say how it went."""
    await real.load_schema(url)
    settings = Settings(database_url=url, data_dir=directory, jwt_secret=SECRET)
    adapters = PostgresAdapters(settings=Object(settings))
    cloud = DistantCloud(clock=adapters.clock(), new_id=adapters.new_id())
    cloud.delay_s = size.cloud_ms / 1000
    adapters.clouds.override(Object(FixedClouds({"mock": cloud})))
    patience = replace(adapters.patience(), watch=timedelta(seconds=size.watch_s))
    adapters.patience.override(Object(patience))
    application = Application(adapters=adapters)
    chance = Overheard()
    adapters.chance.override(Object(chance))
    looks = Looks(patience, chance, application.reconcile_instance())
    application.reconcile_instance.override(Object(looks))
    async with adapters.pool():
        await build(adapters, cloud, size.instances)
        background = Background(application, works=True, sweep_interval_s=settings.sweep_interval_s)
        began_s = time.perf_counter()
        async with background.running():
            while len(looks.due_s) < size.instances:
                await asyncio.sleep(0.01)
            print(
                f"{size.instances} that were due at once: {time.perf_counter() - began_s:.1f} s",
                flush=True,
            )
            await asyncio.sleep(patience.watch.total_seconds())
            looks.late_s.clear()
            looks.took_s.clear()
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            await asyncio.sleep(size.seconds)
            wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        await adapters.relay().close()
    report(looks, wall_s=wall_s, cpu_s=cpu_s)


def report(looks: Looks, *, wall_s: float, cpu_s: float) -> None:
    """Say what was found."""
    share, a_look_ms = 100 * cpu_s / wall_s, 1000 * cpu_s / len(looks.took_s)
    print(f"looks per second {len(looks.took_s) / wall_s:8.1f}")
    for name, taken_s in (("late", looks.late_s), ("took", looks.took_s)):
        p50_ms = statistics.median(taken_s) * 1000
        p99_ms = statistics.quantiles(taken_s, n=100)[NINETY_NINTH] * 1000
        print(f"{name:<16} p50 {p50_ms:8.1f} ms   p99 {p99_ms:8.1f} ms")
    print(f"processor        {share:8.1f} % of one core, {a_look_ms:.2f} ms a look")


def main() -> None:
    """Read the size from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cloud-ms", type=float, default=50)
    parser.add_argument("--watch-s", type=float, default=30, help="how often each is looked at")
    size = parser.parse_args()
    with database_of_its_own() as (directory, url):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # PostgreSQL runs where it likes
        asyncio.run(run(url, str(directory), size))


if __name__ == "__main__":
    main()
