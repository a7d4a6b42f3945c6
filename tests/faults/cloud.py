"""The simulated cloud as a process of its own: no fault of ours is one of its machines.

``python -m tests.faults.cloud DIRECTORY`` hosts the machines of a ledger. Their engines are
reached through links, which a line of the standard input changes: ``STATE INSTANCE``.
"""

import asyncio
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from inventiv_adapters.cloud.mock import datacenter, machine
from inventiv_adapters.cloud.mock.agent import Agent
from inventiv_adapters.cloud.mock.behaviour import MockBehaviour
from inventiv_adapters.cloud.mock.engine import Engine
from inventiv_adapters.cloud.mock.ledger import Ledger
from inventiv_adapters.cloud.mock.loopback import IP_ADDRESS, port_of, reserve
from inventiv_adapters.cloud.mock.machine import MockMachine
from inventiv_adapters.kernel.clock import SystemClock
from inventiv_adapters.kernel.ids import Uuid7
from tests.faults.network import Link, State

EVERYBODY = "*"
HOSTS = "hosts"
"""What it prints once machines can be rented."""

BEHAVIOUR = MockBehaviour(boot_s=0.2, install_s=0.2, load_s=0.2, delete_s=0.2, token_delay_s=0.02)

_links: defaultdict[str, list[Link]] = defaultdict(list)


class LinkedMachine(MockMachine):
    """A machine whose agent says that the engine is where the link is."""

    async def run(self) -> None:
        with reserve(None) as free:
            self._port = port_of(free)
        self._opening: asyncio.Task[Link] | None = None
        try:
            await super().run()
        finally:
            if self._opening is not None:
                link = await self._opening
                _links[str(self._rental.tag.instance_id)].remove(link)
                await link.close()

    def _agent(self, engine: Engine, *, engine_port: int, health_port: int) -> Agent:
        link = Link((IP_ADDRESS, engine_port))
        _links[str(self._rental.tag.instance_id)].append(link)
        self._opening = asyncio.create_task(link.listen(self._port))
        return super()._agent(engine, engine_port=self._port, health_port=health_port)


async def _obey() -> None:
    """Change links as the standard input says, until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        state, whose = line.split()
        for instance_id, links in list(_links.items()):
            if whose in {EVERYBODY, instance_id}:
                for link in list(links):
                    await link.become(State(state))
        sys.stdout.write(f"{line.strip()}\n")
        sys.stdout.flush()


async def _host(directory: Path) -> None:
    machine.MockMachine = LinkedMachine  # type: ignore[misc]
    with Ledger(directory) as ledger:
        center = datacenter.Datacenter(
            ledger, behaviour=BEHAVIOUR, clock=SystemClock(), new_id=Uuid7(), poll_s=0.05
        )
        async with center:
            while not center.is_host:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            sys.stdout.write(f"{HOSTS}\n")
            sys.stdout.flush()
            await _obey()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_host(Path(sys.argv[1])))
