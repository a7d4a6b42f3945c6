"""Accidents: a process that dies, or is overtaken, between any two steps of its work."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

from inventiv_adapters.cloud.memory import MemoryCloud
from inventiv_adapters.memory import MemoryUnitOfWork, MemoryWork
from inventiv_core.cloud.entities import (
    ActionOutcome,
    CreateOutcome,
    FindOutcome,
    ListOutcome,
    MachineOrder,
    MachineTag,
    WorkerSetup,
)
from inventiv_core.cloud.ports import CloudProvider, ForgetsSetups, ReinstallsMachines

Outcome = TypeVar("Outcome")
Accident = Callable[[], Awaitable[None]]


class Killed(Exception):
    """The process is gone; nothing of it runs any more."""


async def die() -> None:
    raise Killed


class Accidents:
    """Every place at which the work may be cut off, numbered as the work comes by."""

    def __init__(self) -> None:
        self.passed: list[bool] = []
        """Of each place that was passed: whether it was inside a unit of work."""
        self._plan: dict[int, Accident] = {}

    @property
    def outside(self) -> list[int]:
        """The places outside any unit of work, where others may get ahead."""
        return [number for number, inside in enumerate(self.passed) if not inside]

    def happen(self, accident: Accident, *, at: int) -> None:
        """Have ``accident`` happen when the place of that number is reached."""
        self._plan[at] = accident

    def happen_soon(self, accident: Accident, *, after: int) -> None:
        """Have ``accident`` happen after so many more places."""
        self.happen(accident, at=len(self.passed) + after)

    def forget(self) -> None:
        """Let nothing happen any more."""
        self._plan.clear()

    async def place(self, *, inside: bool = False) -> None:
        number = len(self.passed)
        self.passed.append(inside)
        accident = self._plan.pop(number, None)
        if accident is None:
            return
        if inside and accident is not die:
            self._plan[number + 1] = accident  # others wait until the unit of work has ended
            return
        await accident()


class MortalUnitOfWork:
    """Units of work that may be cut off before, at the end of, and after."""

    def __init__(self, unit_of_work: MemoryUnitOfWork, accidents: Accidents) -> None:
        self._unit_of_work = unit_of_work
        self._accidents = accidents

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[MemoryWork]:
        await self._accidents.place()
        async with self._unit_of_work() as work:
            yield work
            await self._accidents.place(inside=True)
        await self._accidents.place()


class MortalCloud(CloudProvider, ForgetsSetups, ReinstallsMachines):
    """A cloud whose caller may be cut off before a call and after it."""

    def __init__(self, cloud: MemoryCloud, accidents: Accidents) -> None:
        self._cloud = cloud
        self._accidents = accidents

    async def create(self, order: MachineOrder) -> CreateOutcome:
        return await self._around(lambda: self._cloud.create(order))

    async def find(self, tag: MachineTag, *, zone: str) -> FindOutcome:
        return await self._around(lambda: self._cloud.find(tag, zone=zone))

    async def start(self, machine_id: str, *, zone: str) -> ActionOutcome:
        return await self._around(lambda: self._cloud.start(machine_id, zone=zone))

    async def delete(self, machine_id: str, *, zone: str) -> ActionOutcome:
        return await self._around(lambda: self._cloud.delete(machine_id, zone=zone))

    async def list(self, installation_id: UUID) -> ListOutcome:
        return await self._around(lambda: self._cloud.list(installation_id))

    async def forget_setup(self, machine_id: str, *, zone: str) -> ActionOutcome:
        return await self._around(lambda: self._cloud.forget_setup(machine_id, zone=zone))

    async def reinstall(self, machine_id: str, *, zone: str, setup: WorkerSetup) -> ActionOutcome:
        return await self._around(lambda: self._cloud.reinstall(machine_id, zone=zone, setup=setup))

    async def _around(self, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
        await self._accidents.place()
        outcome = await call()
        await self._accidents.place()
        return outcome
