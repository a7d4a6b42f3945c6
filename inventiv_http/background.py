"""Background work: a front end like HTTP, whose requests are the passing of time and events.

Any number of processes may run it. What must be done once is claimed, in the database.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog

from inventiv_core.commands.entities import COMMAND_LEASE, Command
from inventiv_core.commands.errors import CommandLost
from inventiv_core.commands.events import CommandTriggered
from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.events import MailQueued
from inventiv_core.identity.use_cases.mails import Posted
from inventiv_core.inference.entities.gauges import LEASE
from inventiv_core.inference.events import LimitsChanged
from inventiv_core.instances.entities import Lease
from inventiv_core.instances.errors import LeaseLost
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.models.events import GrantsChanged
from inventiv_core.orchestration.events import MassLossDoubted
from inventiv_core.settings.events import GlobalSettingChanged
from inventiv_core.workers.use_cases.heartbeats import Roster
from inventiv_http.container import Application
from inventiv_http.kernel.metrics import Metrics

_AT_ONCE: Final = 32
"""Instances that one process works on at the same time."""
_IDLE: Final = timedelta(seconds=2)
_HOURLY_S: Final = 3600.0
_HEARTBEATS_S: Final = 0.5
"""How late it may be stored how workers are. With `_ROUTES_S` it bounds how old the router's
knowledge of their queues is."""
_USAGE_S: Final = 0.1
"""How late it may be stored what was used: more at once takes less, and too much is felt."""
_SAMPLES_S: Final = 1.0
_ROUTES_S: Final = 1.0
_BUDGETS_S: Final = 1.0
"""How long a budget may be counted from nothing of which something was used before."""
_HOLDS_S: Final = LEASE.total_seconds() / 3
_SUMS_S: Final = 10.0
_MODELS_S: Final = 10.0
_FLEET_S: Final = 15.0
_USES_S: Final = 10.0
"""How late the time of last use of a session may be stored."""
_HOURS_S: Final = 60.0
"""How often it is seen to that hours that are over are closed."""
_MAILS_S: Final = 5.0
"""How late a mail may be that nobody has told of, or that is tried again."""
_COMMANDS_S: Final = 5.0
"""How late a command may be that nobody has told of, or whose process has died."""
_COMMAND_AT_MOST_S: Final = 600.0
_PAUSE_AFTER_ERROR_S: Final = 1.0
_REST_S: Final = 0.1
"""News may come by the dozen in a second: what it wakes does not read everything each time."""
_RELAY_REST_S: Final = 0.02
"""Events come in bursts, and each time costs half a dozen statements."""
_CANCEL_AGAIN_S: Final = 1.0

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Periodic:
    """Work that is done again and again."""

    name: str
    job: Job
    every_s: float
    wake: asyncio.Event | None = None
    """Set to have it done sooner."""


class Background:
    """What a process does without being asked."""

    def __init__(self, application: Application, *, works: bool, sweep_interval_s: float) -> None:
        self._application = application
        self._works = works
        self._orchestrates: bool = not application.adapters.orchestrator_is_external()
        """Whether it is we who look after machines, and nobody else."""
        self._sweep_interval_s = sweep_interval_s
        self._due = asyncio.Event()
        self._routes = asyncio.Event()
        self._mails = asyncio.Event()
        self._commands = asyncio.Event()
        self._free = _AT_ONCE
        self._metrics: Metrics = application.adapters.metrics()
        self._roster: Roster = application.adapters.roster()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Do the work for as long as this is entered."""
        unsubscribe = self._application.adapters.bus().subscribe(self._hear)
        await self._refresh_once()
        tasks = [
            asyncio.create_task(self._repeat(periodic), name=periodic.name)
            for periodic in self._table()
        ]
        if self._works:
            tasks.append(asyncio.create_task(self._relay(), name="relay"))
        if self._works and self._orchestrates:
            tasks.append(asyncio.create_task(self._reconcile(), name="reconcile"))
        try:
            yield
        finally:
            unsubscribe()
            await _stop(tasks)
            with suppress(Exception):  # the last second's usage: otherwise it waits on disk
                await self._application.flush_usage()(actor=PLATFORM)
            with suppress(Exception):
                await self._application.flush_heartbeats()(actor=PLATFORM)
            with suppress(Exception):
                await self._application.flush_measurements()(actor=PLATFORM)

    def _table(self) -> list[Periodic]:
        everywhere = [
            Periodic("routes", self._as_platform("refresh_routes"), _ROUTES_S, self._routes),
            Periodic("budgets", self._as_platform("seed_budgets"), _BUDGETS_S),
            Periodic("holds", self._as_platform("renew_holds"), _HOLDS_S),
            Periodic("usage", self._as_platform("flush_usage"), _USAGE_S),
            Periodic("heartbeats", self._as_platform("flush_heartbeats"), _HEARTBEATS_S),
            Periodic("samples", self._as_platform("flush_measurements"), _SAMPLES_S),
            Periodic("uses", self._as_platform("store_uses"), _USES_S),
        ]
        if not self._works:
            return everywhere
        orchestrating = [
            Periodic("sweep", self._as_platform("sweep_machines"), self._sweep_interval_s)
        ]
        return [
            *everywhere,
            *(orchestrating if self._orchestrates else ()),
            Periodic("sums", self._as_platform("roll_up_measurements"), _SUMS_S),
            Periodic("room", self._as_platform("keep_measurements"), _HOURLY_S),
            Periodic("models", self._as_platform("note_runtime_models"), _MODELS_S),
            Periodic("fleet", self._count_fleet, _FLEET_S),
            Periodic("leaks", self._count_leaks, self._sweep_interval_s),
            Periodic("workbench", self._as_platform("sweep_workbench"), _HOURLY_S),
            Periodic("commands", self._run_commands, _COMMANDS_S, self._commands),
            Periodic("mails", self._send_mails, _MAILS_S, self._mails),
            Periodic("hours", self._as_platform("close_hours"), _HOURS_S),
            Periodic("resets", self._as_platform("forget_password_resets"), _HOURLY_S),
            Periodic("old mails", self._as_platform("forget_mails"), _HOURLY_S),
            Periodic("sessions", self._as_platform("forget_sessions"), _HOURLY_S),
            Periodic("events", self._as_platform("forget_events"), _HOURLY_S),
            Periodic("keys", self._as_platform("forget_idempotency_keys"), _HOURLY_S),
            Periodic("plans", self._as_platform("forget_plans"), _HOURLY_S),
            Periodic("old commands", self._as_platform("forget_commands"), _HOURLY_S),
        ]

    def _as_platform(self, name: str) -> Job:
        use_case = self._application.providers[name]()
        return lambda: use_case(actor=PLATFORM)

    async def _count_leaks(self) -> None:
        self._metrics.leaks(await self._application.count_leaks()(actor=PLATFORM))

    async def _count_fleet(self) -> None:
        self._metrics.fleet(await self._application.count_fleet()(actor=PLATFORM))

    def _hear(self, message: Message) -> None:
        self._application.adapters.effective_settings().hear(message)
        if isinstance(message.event, GlobalSettingChanged | GrantsChanged | LimitsChanged):
            self._routes.set()
        self._roster.learn_of(message.event)
        if isinstance(message.event, MassLossDoubted):
            log.error(
                "mass_loss_doubted",
                doubt=message.event.doubt,
                provider=message.event.provider_code,
                lost=message.event.lost,
                fleet=message.event.fleet,
                eur_per_hour=str(message.event.eur_per_hour),
            )
        if isinstance(message.event, InstanceChanged):
            self._due.set()
            self._routes.set()
        elif isinstance(message.event, MailQueued):
            self._mails.set()
        elif isinstance(message.event, CommandTriggered):
            self._commands.set()

    async def _send_mails(self) -> None:
        """Send what is due, and tell the operator of what could not be sent."""
        posted: Posted = await self._application.send_mails()(actor=PLATFORM)
        for trouble in posted.troubles:
            log.warning(
                "mail_given_up" if trouble.is_given_up else "mail_delayed",
                mail=str(trouble.mail.id),
                kind=trouble.mail.kind,
                attempts=trouble.attempts,
                reason=trouble.reason,
            )

    async def _run_commands(self) -> None:
        """Carry out one command after the other, until none is left."""
        claim = self._application.claim_command()
        carry_out = (
            self._application.run_command()
            if self._orchestrates
            else self._application.hand_over_command()
        )
        while (command := await claim(actor=PLATFORM)) is not None:
            log.info("command_begun", command=str(command.id), kind=command.kind)
            async with asyncio.timeout(_COMMAND_AT_MOST_S):
                await _while_kept(
                    carry_out(command, actor=PLATFORM),
                    self._keep_command(command),
                )

    async def _keep_command(self, command: Command) -> None:
        """Keep a command until it is lost: then the work on it stops, too."""
        renew = self._application.renew_command()
        while True:
            await asyncio.sleep(COMMAND_LEASE.total_seconds() / 3)
            try:
                await renew(command, actor=PLATFORM)
            except CommandLost:
                return
            except Exception as error:  # noqa: BLE001 - as long as it has not run out, it is ours
                log.warning("background_failed", job="renew", error=repr(error))

    async def _refresh_once(self) -> None:
        """Know the routes before the first request comes; without a database, know none."""
        try:
            await self._application.refresh_routes()(actor=PLATFORM)
            await self._application.seed_budgets()(actor=PLATFORM)
        except Exception as error:  # noqa: BLE001 - the server starts all the same, and tries again
            log.warning("background_failed", job="routes", error=repr(error))

    async def _repeat(self, periodic: Periodic) -> None:
        while True:
            began_s = _now_s()
            await self._guarded(periodic.name, periodic.job)
            await _sleep(periodic.every_s, periodic.wake)
            await asyncio.sleep(began_s + _REST_S - _now_s())

    async def _relay(self) -> None:
        relay = self._application.adapters.relay()
        relay_events = self._as_platform("relay_events")
        while True:
            delivered = await self._guarded("relay", relay_events)
            if delivered:
                await asyncio.sleep(_RELAY_REST_S)
            else:
                await _guarded("relay", lambda: relay.wait(at_most=_IDLE))

    async def _reconcile(self) -> None:
        claim = self._application.claim_instances()
        async with asyncio.TaskGroup() as group:
            while True:
                self._due.clear()
                if self._free == 0:
                    await _sleep(_IDLE.total_seconds(), self._due)
                    continue
                free, began_s = self._free, _now_s()
                claimed = await self._guarded("claim", partial(claim, limit=free, actor=PLATFORM))
                if claimed is None:
                    continue
                for lease in claimed.leases:
                    self._free -= 1
                    group.create_task(self._work_on(lease))
                if not claimed.leases:
                    pause = min(claimed.next_due or _IDLE, _IDLE)
                    await _sleep(max(pause.total_seconds(), 0.01), self._due)
                    await asyncio.sleep(began_s + _REST_S - _now_s())

    async def _work_on(self, lease: Lease) -> None:
        """Work on one instance, and keep the right to as long as that takes."""
        work = self._guarded(
            "reconcile", lambda: self._application.reconcile_instance()(lease, actor=PLATFORM)
        )
        try:
            await _while_kept(work, self._renew(lease))
        finally:
            self._free += 1
            self._due.set()

    async def _guarded(self, name: str, job: Job) -> Any:
        """Do a job, count it, and survive it."""
        result = None
        began_s = time.perf_counter()

        async def measured() -> Any:
            nonlocal result
            is_done = False
            try:
                result = await job()
                is_done = True
            finally:
                taken_s = time.perf_counter() - began_s
                self._metrics.job(name, taken_s, is_done=is_done, result=result)
            return result

        return await _guarded(name, measured)

    async def _renew(self, lease: Lease) -> None:
        """Renew a lease until it is lost: then the work on it stops, too."""
        renew = self._application.renew_lease()
        patience = self._application.adapters.patience()
        while True:
            await asyncio.sleep(patience.lease.total_seconds() / 3)
            try:
                await renew(lease, actor=PLATFORM)
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 - as long as it has not run out, it is ours
                log.warning("background_failed", job="renew", error=repr(error))


async def _guarded(name: str, job: Job) -> Any:
    """Do a job; a failure is logged and slows down, but never ends, what repeats it."""
    try:
        return await job()
    except Exception as error:
        log.warning("background_failed", job=name, error=repr(error), exc_info=error)
        await asyncio.sleep(_PAUSE_AFTER_ERROR_S)
        return None


async def _while_kept(work: Coroutine[Any, Any, None], keep: Coroutine[Any, Any, None]) -> None:
    """Do the work for as long as the right to do it is kept."""
    tasks = asyncio.create_task(work), asyncio.create_task(keep)
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _stop(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks until they are done: what they call may swallow a cancellation."""
    remaining = set(tasks)
    while remaining:
        for task in remaining:
            task.cancel()
        _, remaining = await asyncio.wait(remaining, timeout=_CANCEL_AGAIN_S)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def _sleep(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # wait_for of Python 3.11 may swallow a cancellation
            await wake.wait()
    wake.clear()
