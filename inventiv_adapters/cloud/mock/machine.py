"""One machine of the mock cloud, from the moment it is switched on."""

import asyncio
from datetime import datetime, timedelta
from random import Random

import httpx

from inventiv_adapters.cloud.mock.agent import Agent
from inventiv_adapters.cloud.mock.behaviour import SKEW, FaultKind, MockBehaviour
from inventiv_adapters.cloud.mock.engine import Engine
from inventiv_adapters.cloud.mock.ledger import Ledger, Rental, boots_at
from inventiv_adapters.cloud.mock.loopback import IP_ADDRESS, port_of, reserve
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId

_GLANCE_S = 0.2
"""How long to sleep at most before looking at the clock again: it may have been set."""


class MockMachine:
    """A machine that lives by the clock: what it does now follows from when it was started.

    One that is switched on again in the middle of its life goes on where it would be by now.
    """

    def __init__(
        self,
        rental: Rental,
        *,
        ledger: Ledger,
        behaviour: MockBehaviour,
        clock: Clock,
        new_id: NewId,
        client: httpx.AsyncClient,
        dice: Random,
    ) -> None:
        """Take the rental as the ledger has it."""
        self._rental = rental
        self._ledger = ledger
        self._behaviour = behaviour
        self._clock = clock
        self._new_id = new_id
        self._client = client
        self._dice = dice

    async def run(self) -> None:
        """Live until cancelled, or until the ledger says that the machine is not to run."""
        rental = self._rental
        running_at = boots_at(rental, self._behaviour)
        reports_at = running_at + timedelta(seconds=self._behaviour.install_s)
        serves_at = reports_at + timedelta(seconds=self._behaviour.load_s)

        await self._until(running_at)
        with reserve(rental.engine_port) as engine_port, reserve(rental.health_port) as health_port:
            is_wanted = await asyncio.to_thread(
                self._ledger.run,
                rental.id,
                ip_address=IP_ADDRESS,
                engine_port=port_of(engine_port),
                health_port=port_of(health_port),
            )
            if not is_wanted:
                return
            if FaultKind.NO_AGENT in rental.fates:
                await _for_ever()
            await self._until(reports_at)
            engine = self._engine()
            agent = self._agent(
                engine, engine_port=port_of(engine_port), health_port=port_of(health_port)
            )
            async with agent.serving_on(health_port), asyncio.TaskGroup() as tasks:
                tasks.create_task(agent.run())
                await self._until(serves_at)
                if FaultKind.DISK_FULL in rental.fates:
                    await _for_ever()
                async with engine.serving_on(engine_port):
                    await _for_ever()

    def _engine(self) -> Engine:
        return Engine(
            model_id=self._rental.setup.model_id,
            token_delay_s=self._behaviour.token_delay_s,
            max_running_requests=self._behaviour.max_running_requests,
            clock=self._own_clock(),
            new_id=self._new_id,
            key=self._rental.setup.engine_key,
        )

    def _agent(self, engine: Engine, *, engine_port: int, health_port: int) -> Agent:
        return Agent(
            self._rental.setup,
            worker_id=self._new_id(),
            engine=engine,
            ip_address=IP_ADDRESS,
            engine_port=engine_port,
            health_port=health_port,
            client=self._client,
            clock=self._own_clock(),
            dice=self._dice,
            is_disk_full=FaultKind.DISK_FULL in self._rental.fates,
            keep_token=self._keep_token,
        )

    def _own_clock(self) -> Clock:
        """Return the clock as the machine's software sees it."""
        is_skewed = FaultKind.CLOCK_SKEW in self._rental.fates
        return _Ahead(self._clock) if is_skewed else self._clock

    async def _keep_token(self, token: str) -> None:
        await asyncio.to_thread(self._ledger.keep_token, self._rental.id, token)

    async def _until(self, instant: datetime) -> None:
        while (left_s := (instant - self._clock.now()).total_seconds()) > 0:  # noqa: ASYNC110 - a clock
            await asyncio.sleep(min(left_s, _GLANCE_S))


class _Ahead(Clock):
    """A clock that is wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now() + SKEW


async def _for_ever() -> None:
    await asyncio.Event().wait()
