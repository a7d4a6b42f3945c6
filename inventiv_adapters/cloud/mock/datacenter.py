"""Where the machines of the mock cloud stand.

What these need is imported with the first one: who uses another cloud need not carry it along.
"""

from __future__ import annotations

import asyncio
import fcntl
import traceback
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

import structlog

from inventiv_adapters.cloud.mock.behaviour import FaultKind, MockBehaviour
from inventiv_adapters.cloud.mock.ledger import Ledger, Rental, RentalState, boots_at
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId

if TYPE_CHECKING:
    import httpx

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Datacenter:
    """Makes the ledger come true: machines boot, report, serve and go away, as it says.

    Only one process at a time does so for a ledger; any other waits to take over.
    After a crash the same machines are there again, on the same ports, as if they had
    gone on running. Either ``await run()``, or use it as an asynchronous context.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        behaviour: MockBehaviour,
        clock: Clock,
        new_id: NewId,
        poll_s: float = 0.2,
        retry_s: float = 1.0,
    ) -> None:
        """Take how often to look into the ledger, and whether another process has left."""
        self._ledger = ledger
        self._behaviour = behaviour
        self._clock = clock
        self._new_id = new_id
        self._poll_s = poll_s
        self._retry_s = retry_s
        self._dice = behaviour.dice()
        self._woken = asyncio.Event()
        self._machines: dict[str, asyncio.Task[None]] = {}
        self._started_at: dict[str, datetime | None] = {}
        """When each of them was started: what was started since runs another life."""
        self._client: httpx.AsyncClient | None = None
        self._running: asyncio.Task[None] | None = None
        self.is_host = False
        """Whether it is this datacenter that makes the ledger come true."""

    def wake(self) -> None:
        """Look into the ledger now. To be called on the event loop."""
        self._woken.set()

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run_or_say_why_not())
        return self

    async def __aexit__(self, *_: object) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            [outcome] = await asyncio.gather(running, return_exceptions=True)
            if isinstance(outcome, Exception):
                raise outcome

    async def run(self) -> None:
        """Host the machines until cancelled; they stay in the ledger."""
        async with self._turn():
            try:
                while True:
                    await self._round()
                    await self._pause()
            finally:
                await self._switch_off(list(self._machines))
                await self._hang_up()

    async def _run_or_say_why_not(self) -> None:
        """Run where nobody looks at the outcome before the end."""
        try:
            await self.run()
        except Exception as error:
            _log.error("mock datacenter broke down", trouble=_story(error))
            raise

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """Wait until no other process hosts this ledger, and keep the others out."""
        directory = self._ledger.directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (directory / "datacenter.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    await asyncio.sleep(self._retry_s)
                else:
                    break
            self.is_host = True
            try:
                yield  # the system takes the lock back with the file, however we end
            finally:
                self.is_host = False

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _round(self) -> None:
        """Compare the machines with the ledger, and make them agree."""
        import sqlite3  # noqa: PLC0415 - as the ledger does

        try:
            rentals = await asyncio.to_thread(self._ledger.rentals)
            hosted = {rental.id: rental for rental in rentals if self._stands(rental)}
            await self._switch_off(
                [
                    known
                    for known in self._machines
                    if known not in hosted or hosted[known].started_at != self._started_at[known]
                ]
            )
            for rental in rentals:
                if rental.id not in hosted and self._is_due_to_go(rental):
                    await asyncio.to_thread(self._ledger.remove, rental.id, at=self._clock.now())
        except sqlite3.OperationalError as error:  # busy for long, or out of disk: it may pass
            _log.warning("mock ledger does not answer", trouble=str(error))
            return
        for rental in hosted.values():
            self._switch_on(rental)

    def _stands(self, rental: Rental) -> bool:
        """Return whether the machine is there, booting or running."""
        is_on = rental.state in {RentalState.STARTING, RentalState.RUNNING}
        return is_on and not self._vanishes(rental)

    def _vanishes(self, rental: Rental) -> bool:
        lasts = timedelta(seconds=self._behaviour.vanish_after_s)
        has_run_its_time = self._clock.now() >= boots_at(rental, self._behaviour) + lasts
        return (
            FaultKind.VANISH in rental.fates
            and rental.state is RentalState.RUNNING
            and has_run_its_time
        )

    def _is_due_to_go(self, rental: Rental) -> bool:
        if rental.state is RentalState.STOPPING and rental.stopping_at is not None:
            takes = timedelta(seconds=self._behaviour.delete_s)
            return self._clock.now() >= rental.stopping_at + takes
        return self._vanishes(rental)

    def _switch_on(self, rental: Rental) -> None:
        """Run the machine if it does not; if it broke down, again."""
        from inventiv_adapters.cloud.mock.machine import MockMachine  # noqa: PLC0415 - see above

        task = self._machines.get(rental.id)
        if task is not None:
            if not task.done():
                return
            _report(rental.id, task)
        machine = MockMachine(
            rental,
            ledger=self._ledger,
            behaviour=self._behaviour,
            clock=self._clock,
            new_id=self._new_id,
            client=self._dialled(),
            dice=self._dice,
        )
        self._machines[rental.id] = asyncio.create_task(machine.run())
        self._started_at[rental.id] = rental.started_at

    def _dialled(self) -> httpx.AsyncClient:
        """Return what all machines call with."""
        import httpx  # noqa: PLC0415 - see above

        from inventiv_adapters.cloud.mock.agent import TIMEOUT_S  # noqa: PLC0415

        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=TIMEOUT_S,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
                trust_env=False,  # a proxy has no place between here and here
            )
        return self._client

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _switch_off(self, machine_ids: Iterable[str]) -> None:
        """Close the machines, all at once; return when their ports are free."""
        tasks = {machine_id: self._machines[machine_id] for machine_id in machine_ids}
        for task in tasks.values():
            if not task.cancelling():
                task.cancel()
        if tasks:  # if we are cancelled here, they are still known, and waited for at the end
            await asyncio.wait(tasks.values())
        for machine_id, task in tasks.items():
            del self._machines[machine_id], self._started_at[machine_id]
            _report(machine_id, task)


def _report(machine_id: str, task: asyncio.Task[None]) -> None:
    """Log why a machine broke down, if it did."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("mock machine broke down", machine_id=machine_id, trouble=_story(error))


def _story(error: BaseException) -> str:
    """Return the traceback as text: a logger that shows local variables would show tokens."""
    return "".join(traceback.format_exception(error))
