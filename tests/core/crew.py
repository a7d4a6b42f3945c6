"""Several orchestrators on one world, which go on one step at a time, as a test decides."""

from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, TypeVar

from inventiv_adapters.cloud.memory import FixedClouds, MemoryCloud
from inventiv_core.action_logs.entities import ActionStatus, ActionType
from inventiv_core.cloud.entities import (
    ActionOutcome,
    CreateOutcome,
    Machine,
    MachineOrder,
    MachineState,
    Unknown,
    WorkerSetup,
)
from inventiv_core.identity.access import PLATFORM
from inventiv_core.instances.entities import InstanceId, Lease
from inventiv_core.instances.errors import LeaseLost
from inventiv_core.kernel.clock import Clock
from inventiv_core.workers.entities import WorkerStatus
from tests.core.accidents import Accidents, Killed, MortalCloud, MortalUnitOfWork
from tests.core.world import SECOND, World

RENEWED_EVERY = 5 * SECOND
"""A third of a lease, as living processes do."""
_MOST_TURNS = 5_000

Result = TypeVar("Result")


class Fate(StrEnum):
    """What becomes of a machine, decided when it is rented."""

    WELL = "well"
    SLOW = "slow"
    """It boots for minutes."""
    NO_AGENT = "no_agent"
    """It runs, and nothing on it ever reports."""
    DISK_FULL = "disk_full"
    """Its agent reports, but the model never fits."""


class SlowCloud(MemoryCloud):
    """Machines that take their time to boot and to go, and orders that come late."""

    boot = 2 * SECOND
    slow_boot = 150 * SECOND
    going = 2 * SECOND

    def __init__(self, **tools: Any) -> None:
        super().__init__(**tools)
        self.fates: list[Fate] = []
        """Of the machines that will be rented next."""
        self.fate_of: dict[str, Fate] = {}
        self.delays: list[timedelta] = []
        """How late the next orders arrive, each after its answer was given up waiting for."""
        self.sent = 0
        """How many orders were sent, whatever came of them."""
        self._late: list[tuple[datetime, MachineOrder]] = []
        self._boots: dict[str, datetime] = {}
        self._goes: dict[str, datetime] = {}

    async def create(self, order: MachineOrder) -> CreateOutcome:
        self.sent += 1
        if not self.delays:
            return await super().create(order)
        self._late.append((self._clock.now() + self.delays.pop(0), order))
        return Unknown(detail="No answer came in time.")

    @property
    def changes_at(self) -> datetime | None:
        """When the next machine comes, is up, or is gone."""
        late = [at for at, _ in self._late]
        return min([*late, *self._boots.values(), *self._goes.values()], default=None)

    def catch_up(self) -> None:
        """Have everything happened that should have by now."""
        now = self._clock.now()
        arrived = [order for at, order in self._late if at <= now]
        self._late = [(at, order) for at, order in self._late if at > now]
        for order in arrived:
            self._create(order)
        for machine_id in _due(self._boots, now):
            if (machine := self.machines.get(machine_id)) is not None:
                up = replace(machine, state=MachineState.RUNNING, ip_address="127.0.0.1")
                self.machines[machine_id] = up
        for machine_id in _due(self._goes, now):
            self.machines.pop(machine_id, None)

    def _create(self, order: MachineOrder) -> CreateOutcome:
        created = super()._create(order)
        fate = self.fates.pop(0) if self.fates else Fate.WELL
        self.fate_of[list(self.machines)[-1]] = fate
        return created

    def _start(self, machine_id: str, zone: str) -> ActionOutcome:
        before = self.machines.get(machine_id)
        outcome = super()._start(machine_id, zone)
        if before is None or before.state is not MachineState.STOPPED:
            if before is not None:
                self.machines[machine_id] = before
            return outcome
        self._boot(before)
        return outcome

    def _reinstall(self, machine_id: str, zone: str, setup: WorkerSetup) -> ActionOutcome:
        outcome = super()._reinstall(machine_id, zone, setup)
        if (machine := self.machines.get(machine_id)) is not None:
            self._boot(machine)
        return outcome

    def _boot(self, machine: Machine) -> None:
        is_slow = self.fate_of.get(machine.id) is Fate.SLOW
        takes = self.slow_boot if is_slow else self.boot
        self.machines[machine.id] = replace(machine, state=MachineState.STARTING, ip_address=None)
        self._boots[machine.id] = self._clock.now() + takes

    def _delete(self, machine_id: str, zone: str) -> ActionOutcome:
        before = self.machines.get(machine_id)
        outcome = super()._delete(machine_id, zone)
        if before is not None:
            self.machines[machine_id] = replace(before, state=MachineState.STOPPING)
            self._boots.pop(machine_id, None)
            self._goes.setdefault(machine_id, self._clock.now() + self.going)
        return outcome


def _due(times: dict[str, datetime], now: datetime) -> list[str]:
    due = [machine_id for machine_id, at in times.items() if at <= now]
    for machine_id in due:
        del times[machine_id]
    return due


class Skewed(Clock):
    """A clock that is wrong."""

    def __init__(self, clock: Clock, error: timedelta) -> None:
        self._clock = clock
        self.error = error

    def now(self) -> datetime:
        return self._clock.now() + self.error


class Turns(Accidents):
    """Whoever comes to a place waits there for the next turn. Inside units of work nobody waits."""

    dies_at_the_end = False
    """Whether the unit of work that is under way will be undone at its end, with its process."""

    async def place(self, *, inside: bool = False) -> None:
        if not inside:
            await _Turn()
        elif self.dies_at_the_end:
            self.dies_at_the_end = False
            raise Killed


class _Turn:
    """Waits once."""

    def __await__(self) -> Generator[None]:
        yield


def at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of what never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    message = "It waits."
    raise AssertionError(message)


class Orchestrator:
    """One process: it claims, works, renews its lease, and sweeps; and may be killed anywhere."""

    def __init__(self, world: "Crew", *, clock: Clock) -> None:
        self.clock = clock
        self._turns = Turns()
        self._lease: Lease | None = None
        self._work: Coroutine[Any, Any, None] | None = None
        self._world = world
        self.is_stopped = False
        """Whether the system does not let it run; it does not know."""
        unit_of_work = MortalUnitOfWork(world.unit_of_work, self._turns)
        clouds = FixedClouds({world.market.provider.code: MortalCloud(world.cloud, self._turns)})
        self._claim = replace(world.claim, unit_of_work=unit_of_work, clock=clock)
        self._renew = replace(world.renew, unit_of_work=world.unit_of_work, clock=clock)
        own: dict[str, Any] = {"unit_of_work": unit_of_work, "clouds": clouds, "clock": clock}
        self._reconcile = replace(world.reconcile, **own)
        self._sweep = replace(world.sweep_machines, **own)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for something to do, or for the system."""
        return self._work is None or self.is_stopped

    def stop_or_go_on(self) -> None:
        """Be stopped by the system, or go on. Not while it orders: then all that helps is luck."""
        lease = self._lease
        self.is_stopped = not self.is_stopped and not any(
            log.status is ActionStatus.IN_PROGRESS
            for log in self._world.logs(ActionType.PROVIDER_CREATE)
            if lease is not None and log.instance_id == lease.instance_id
        )

    def step(self) -> None:
        """Go on to the next place; begin with a claim."""
        if self.is_stopped:
            return
        if self._work is None:
            self._work = self._claim_and_work()
        self._send()

    def begin_sweep(self) -> None:
        """Sweep next, unless there is something under way."""
        if self._work is None and not self.is_stopped:
            self._work = self._sweep_once()
            self._send()

    def die(self, *, at_the_end: bool) -> None:
        """Be killed here, or at the end of the next unit of work; another takes its place."""
        self._turns.dies_at_the_end = at_the_end
        self.is_stopped = False
        if not at_the_end:
            self._stop()

    def keep(self) -> None:
        """Renew the lease; stop the work if it is lost, as a process does."""
        if self._lease is None or self.is_stopped:
            return
        try:
            at_once(self._renew(self._lease, actor=PLATFORM))
        except LeaseLost:
            self._stop()

    def _stop(self) -> None:
        work, self._work, self._lease = self._work, None, None
        if work is not None:
            with suppress(Killed, StopIteration):
                work.throw(Killed())
            work.close()

    def _send(self) -> None:
        assert self._work is not None
        try:
            self._work.send(None)
        except StopIteration:
            self._work = self._lease = None
        except Killed:
            self._work = self._lease = None

    async def _claim_and_work(self) -> None:
        claimed = await self._claim(limit=1, actor=PLATFORM)
        for lease in claimed.leases:
            self._lease = lease
            await self._reconcile(lease, actor=PLATFORM)

    async def _sweep_once(self) -> None:
        await self._sweep(actor=PLATFORM)


class Crew(World):
    """A world whose machines have fates, and on which several orchestrators work."""

    cloud: SlowCloud

    def _wire(self) -> None:
        self.cloud = SlowCloud(clock=self.clock, new_id=self.new_id)
        super()._wire()
        self.watch: Callable[[], None] = lambda: None
        """Is called whenever time has passed: what must never be, even for a moment."""
        self.clouds = FixedClouds({self.market.provider.code: self.cloud})
        self.crew: list[Orchestrator] = []

    def hire(self, clocks: Iterable[Clock]) -> None:
        """Have one orchestrator for each clock."""
        self.crew = [Orchestrator(self, clock=clock) for clock in clocks]

    def pass_time(self, period: timedelta) -> None:
        """Let time pass while whoever works is at the place where it is."""
        end = self.clock.now() + period
        while self.clock.now() < end:
            self._advance(min(end - self.clock.now(), RENEWED_EVERY))
            for orchestrator in self.crew:
                orchestrator.keep()

    def live(self, period: timedelta, dice: Random) -> None:
        """Have everybody work in any order for so long; each thing is done when it is due."""
        end = self.clock.now() + period
        while True:
            self._work_until_idle(dice)
            if self.clock.now() >= end:
                return
            self._advance(min(end - self.clock.now(), RENEWED_EVERY))

    async def sweep(self) -> None:
        """Sweep once, with nobody in the way."""
        sweep = replace(self.sweep_machines, unit_of_work=self.unit_of_work, clouds=self.clouds)
        await sweep(actor=PLATFORM)

    def _work_until_idle(self, dice: Random) -> None:
        for _ in range(_MOST_TURNS):
            if all(each.is_waiting for each in self.crew) and not self._is_due():
                return
            dice.choice(self.crew).step()
        message = "The orchestrators are in a busy loop."
        raise AssertionError(message)

    def _is_due(self) -> bool:
        due = at_once(self._next_due())
        return due is not None and due <= timedelta(0)

    async def _next_due(self) -> timedelta | None:
        """Return how long until somebody finds something to do, by the clock that is ahead."""
        clocks = [each.clock for each in self.crew if not each.is_stopped]
        if not clocks:
            return None
        now = max(clock.now() for clock in clocks)
        async with self.unit_of_work() as work:
            return await work.leases.next_due(now=now)

    def _advance(self, at_most: timedelta) -> None:
        now = self.clock.now()
        due = at_once(self._next_due())
        pauses = [at_most]
        if due is not None and due > timedelta(0):
            pauses.append(due)
        if self.cloud.changes_at is not None:
            pauses.append(self.cloud.changes_at - now)
        self.clock.advance(max(min(pauses), timedelta(milliseconds=1)))
        self.database.outbox.clear()
        self.cloud.catch_up()
        at_once(self.beat())
        self.watch()

    def _reporting(self) -> list[Machine]:
        silent = {Fate.NO_AGENT}
        return [m for m in super()._reporting() if self.cloud.fate_of.get(m.id) not in silent]

    async def _report(self, machine: Machine, instance_id: InstanceId) -> None:
        sound = self.report
        if self.cloud.fate_of.get(machine.id) is Fate.DISK_FULL:
            self.report = replace(sound, status=WorkerStatus.STARTING)
        await super()._report(machine, instance_id)
        self.report = sound
