"""What rented machines, or whoever has their token, say to the server."""

import asyncio
import json
from functools import cache
from typing import Any, Final

from dependency_injector.providers import Object

from inventiv_core.instances.entities import InstanceStatus
from inventiv_core.workers.use_cases.tokens import new_token
from inventiv_http.app import create_app
from inventiv_http.container import Application, MemoryAdapters
from tests.builders import NOON, Market, given
from tests.conftest import SETTINGS, under_control
from tests.http.access.calls import Answer, call

PATHS: Final = ("/internal/worker/register", "/internal/worker/heartbeat")
EXPECTED: Final = frozenset({200, 400, 401, 413, 422})


class Site:
    """A server with one rented machine, whose token is known."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        memory = MemoryAdapters(settings=Object(SETTINGS), **under_control())
        self.app = create_app(Application(adapters=memory))
        market = Market()
        instance = market.instance(status=InstanceStatus.INSTALLING, ip_address="192.0.2.1")
        token, kept = new_token(instance.id, 1, memory.worker_tokens(), at=NOON)

        async def furnish() -> None:
            await given(memory.unit_of_work(), *market.everything, instance)
            async with memory.unit_of_work()() as work:
                await work.worker_tokens.put(kept)

        self.runner.run(furnish())
        self._database, self._start = memory.database(), memory.database().draft()
        self._headers = {"authorization": f"Bearer {token}"}
        self._named = b'{"instance_id":"%s",' % str(instance.id).encode()

    def ask(self, path: str, said: bytes, *, names_itself: bool) -> Answer:
        """Return the answer to what the machine says, as if nothing had been said before."""
        self._database.accept(self._start.draft())
        body = self._named + said if names_itself else said
        called = call(self.app, "POST", path, headers=dict(self._headers), body=body)
        return self.runner.run(called)


@cache
def site() -> Site:
    """Return the one for this process."""
    return Site()


def worker_message(data: bytes) -> None:
    """A message is taken or refused, in words that agents understand."""
    choice = data[0] if data else 0
    answer = site().ask(PATHS[choice % 2], data[1:], names_itself=bool(choice & 2))
    assert answer.status in EXPECTED, answer
    said: Any = json.loads(answer.text)
    assert answer.status == 200 or said["error"], answer
