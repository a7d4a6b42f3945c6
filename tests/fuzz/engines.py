"""What an engine, or whoever has taken its place, answers to the gateway."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from inventiv_adapters.inference.deadlines import Deadlines
from inventiv_adapters.inference.http1 import Http1Engines
from inventiv_core.inference.entities.routes import Route
from inventiv_core.inference.ports import EngineCall, EngineNotReached
from inventiv_core.instances.entities import InstanceId
from tests.builders import ACME, NOON, a_number
from tests.fuzz.relaying import pieces_of

Heard = tuple[int, str, bytes]
"""Status, content type and body."""

LONGEST: Final = 32 * 1024
"""Below what a head may have: how much of it comes at a time would make a difference."""
ROUTE: Final = Route(
    instance_id=InstanceId(a_number()),
    organization_id=ACME,
    model_id="acme/chat",
    base_url="http://127.0.0.1:9",
    queue_depth=0,
    fresh_at=NOON,
)
CALL: Final = EngineCall(path="/v1/chat/completions", body=b"{}", accept="*/*", request_id="1")


class Line(asyncio.Transport):
    """A line to an engine that says what it is given to say, and hangs up."""

    def __init__(
        self, protocol: Any, loop: asyncio.AbstractEventLoop, says: Sequence[bytes]
    ) -> None:
        super().__init__()
        self._protocol, self._loop = protocol, loop
        self._says = list(says)
        self._is_closing = self._is_paused = self._has_ended = False

    def write(self, data: Any) -> None:
        """Take the request, and begin to answer."""
        self._loop.call_soon(self._speak)

    def _speak(self) -> None:
        while self._says and not (self._is_paused or self._is_closing):
            self._protocol.data_received(self._says.pop(0))
        if not self._has_ended and not self._is_paused:
            self._has_ended = self._is_closing = True
            self._protocol.connection_lost(None)

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._loop.call_soon(self._speak)

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        self._is_closing = True
        self._loop.call_soon(self._speak)


class LinesOnly(asyncio.SelectorEventLoop):
    """A loop without a network."""

    says: Sequence[bytes] = ()

    async def create_connection(self, factory: Callable[[], Any], *_: Any, **__: Any) -> Any:  # type: ignore[override]
        protocol = factory()
        line = Line(protocol, self, self.says)
        protocol.connection_made(line)
        return line, protocol


def engine_answer(data: bytes) -> None:
    """An answer is understood, or is none; both soon, and however it is cut."""
    pieces = pieces_of(data[:LONGEST])
    assert heard(pieces) == heard([b"".join(pieces)])


def heard(says: Sequence[bytes]) -> Heard | None:
    """Return what is understood of an answer; nothing if it is none."""
    with asyncio.Runner(loop_factory=LinesOnly) as runner:
        loop: Any = runner.get_loop()
        loop.says = says
        return runner.run(_heard())


async def _heard() -> Heard | None:
    engines = Http1Engines(Deadlines())
    await engines.open()
    got: list[bytes] = []
    try:
        async with asyncio.timeout(5):
            reply = await engines.send(ROUTE, CALL)
            try:
                await reply.pour(got.append)
            finally:
                reply.close()
    except EngineNotReached:
        return None
    finally:
        await engines.close()
    return reply.status_code, reply.content_type, b"".join(got)
