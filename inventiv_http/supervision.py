"""Several processes behind one socket: started, started anew, replaced, and stopped.

The socket is the supervisor's. Whoever connects while a worker stops, or is not yet there,
waits in its queue, and is answered by another one.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog

from inventiv_http.settings import Settings

START_S: Final = 120.0
"""How long a worker may take until it answers."""
_END_S: Final = 15.0
"""How long a worker may take beside its requests to stop."""
_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_STABLE_S: Final = 10.0
"""A worker that has lived so long may die without others having to wait longer."""

log = structlog.get_logger(__name__)


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told. Descriptors are inherited."""

    settings: Settings
    listener: int
    ready: int
    """Where it says that it answers."""
    works: bool
    """Whether it also does the background work."""
    metrics_listener: int | None = None


class WorkerFailed(Exception):
    """A worker does not start: what it has said itself is above."""


class _Worker:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process, began_s: float) -> None:
        self.process = process
        self.began_s = began_s

    def tell_to_stop(self) -> None:
        with suppress(ProcessLookupError):
            self.process.terminate()

    async def gone(self, within_s: float) -> None:
        """Return when it has ended; after so long, end it."""
        try:
            await asyncio.wait_for(self.process.wait(), within_s)
        except TimeoutError:
            log.warning("worker_killed", pid=self.process.pid, because="it did not stop in time")
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


class Supervisor:
    """Keeps as many workers as there are to be. The first one does the background work."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        metrics_listeners: Sequence[socket.socket] = (),
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._metrics = metrics_listeners
        self._workers: list[_Worker | None] = [None] * settings.workers
        self._leaving: set[_Worker] = set()
        """Those that were replaced, and still answer to somebody."""
        self._stopping, self._replacing = asyncio.Event(), asyncio.Event()
        self._changing = asyncio.Lock()

    async def run(self, *, ready: Any) -> None:
        """Run until SIGTERM or SIGINT; ``ready`` is called when all workers answer.

        SIGHUP replaces all workers, one at a time: a new one answers before an old one stops.

        Raises:
            WorkerFailed: One of the first ones has not started.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._replacing.set)
        tasks: list[asyncio.Task[None]] = []
        try:
            if not await self._start_all():
                return
            ready()
            tasks = [asyncio.create_task(self._keep(slot)) for slot in range(len(self._workers))]
            tasks.append(asyncio.create_task(self._replace_when_told()))
            await self._stopping.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end_all()

    def _stop(self) -> None:
        if self._stopping.is_set():  # the second time: at once
            for worker in filter(None, self._workers):
                worker.tell_to_stop()
        self._stopping.set()

    async def _start_all(self) -> bool:
        """Start all workers at the same time; tell whether they are still wanted."""
        starting = [asyncio.create_task(self._start(slot)) for slot in range(len(self._workers))]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            for answer in asyncio.as_completed([_first(task, stopping) for task in starting]):
                await answer
                if self._stopping.is_set():
                    return False
        finally:
            everything: list[asyncio.Task[Any]] = [*starting, stopping]
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)
        return True

    async def _start(self, slot: int) -> None:
        """Put a new worker into a slot once it answers; whoever was there stays until then.

        Raises:
            WorkerFailed: It has ended, or does not answer in time.
        """
        reading, writing = os.pipe()
        try:
            assignment = self._assignment(slot, writing)
            inherited = (self._listener.fileno(), writing, assignment.metrics_listener)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "inventiv_http", "work"),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=[descriptor for descriptor in inherited if descriptor is not None],
                start_new_session=True,  # Ctrl-C is for the supervisor to hear
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        worker = _Worker(process, asyncio.get_running_loop().time())
        try:
            if process.stdin is not None:  # stays open: its end is the supervisor's
                process.stdin.write(msgspec.json.encode(assignment) + b"\n")
            answers = await asyncio.wait_for(_hear(reading), START_S)
        except TimeoutError:
            answers = False
        except BaseException:
            worker.tell_to_stop()
            await worker.gone(self._patience_s)
            raise
        if not answers:
            worker.tell_to_stop()
            await worker.gone(_END_S)
            message = f"A worker did not start; it has ended with {process.returncode}."
            raise WorkerFailed(message)
        self._workers[slot] = worker

    def _assignment(self, slot: int, ready: int) -> Assignment:
        return Assignment(
            settings=self._settings,
            listener=self._listener.fileno(),
            ready=ready,
            works=slot == 0 and self._settings.background,
            metrics_listener=self._metrics[slot].fileno() if self._metrics else None,
        )

    async def _keep(self, slot: int) -> None:
        """Start a worker anew whenever it dies, later and later if it does so at once."""
        pause_s = _PAUSE_S
        while True:
            worker = self._workers[slot]
            if worker is not None:
                code = await worker.process.wait()
                if self._workers[slot] is not worker:  # it was replaced
                    continue
                log.error("worker_died", pid=worker.process.pid, code=code)
                lived_s = asyncio.get_running_loop().time() - worker.began_s
                pause_s = _PAUSE_S if lived_s > _STABLE_S else min(2 * pause_s, _LONGEST_PAUSE_S)
                self._workers[slot] = None
            await asyncio.sleep(pause_s)
            async with self._changing:
                if self._workers[slot] is not None:
                    continue
                try:
                    await self._start(slot)
                except WorkerFailed as error:
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    log.error("worker_not_started", error=str(error))  # noqa: TRY400
                else:
                    log.info("worker_started_anew", slot=slot)

    async def _replace_when_told(self) -> None:
        while True:
            await self._replacing.wait()
            self._replacing.clear()
            async with self._changing:
                await self._replace_all()

    async def _replace_all(self) -> None:
        for slot in range(len(self._workers)):
            old = self._workers[slot]
            try:
                await self._start(slot)
            except WorkerFailed as error:
                log.error("workers_not_replaced", error=str(error))  # noqa: TRY400
                return
            if old is not None:
                self._leaving.add(old)
                old.tell_to_stop()
                await old.gone(self._patience_s)
                self._leaving.discard(old)
        log.info("workers_replaced")

    async def _end_all(self) -> None:
        workers = [worker for worker in (*self._workers, *self._leaving) if worker is not None]
        for worker in workers:
            worker.tell_to_stop()
        await asyncio.gather(*(worker.gone(self._patience_s) for worker in workers))

    @property
    def _patience_s(self) -> float:
        return self._settings.drain_s + _END_S


async def _first(task: asyncio.Task[None], other: asyncio.Task[Any]) -> None:
    """Return, or raise, as the task does, unless the other one ends before."""
    await asyncio.wait([task, other], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()


async def _hear(descriptor: int) -> bool:
    """Tell whether something is said before the other end is closed. Closes this end."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_reader(descriptor, heard.set)
    try:
        await heard.wait()
        return bool(os.read(descriptor, 1))
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
