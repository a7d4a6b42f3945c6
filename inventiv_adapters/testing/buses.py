"""What `Bus` promises, for whoever writes an adapter.

    class TestMyBus(BusContract):
        @pytest.fixture
        async def bus(self) -> AsyncGenerator[Bus]:
            async with my_bus() as bus:
                yield bus

Each test gets a ``bus`` that is open, and that nobody listens to.
"""

import asyncio
from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from inventiv_adapters.testing.times import NOON
from inventiv_core.instances.events import InstanceChanged
from inventiv_core.kernel.bus import Bus, Message

PATIENCE_S = 10.0

_numbers = count(0xB05)


def a_message() -> Message:
    """Return a message that is unlike any other."""
    number = UUID(int=next(_numbers))
    event = InstanceChanged(
        instance_id=number, organization_id=UUID(int=0xACE), status="ready", occurred_at=NOON
    )
    return Message(id=number.int, event=event)


class Ear:
    """Hears messages, and can be waited for."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self._changed = asyncio.Event()

    def __call__(self, message: Message) -> None:
        """Hear it."""
        self.heard.append(message)
        self._changed.set()

    async def until(self, message: Message) -> None:
        """Return when ``message`` has been heard."""
        async with asyncio.timeout(PATIENCE_S):
            while message not in self.heard:
                self._changed.clear()
                await self._changed.wait()


@pytest.mark.asyncio
class BusContract:
    """To be inherited by a class that is named ``Test…`` and has a fixture ``bus``."""

    async def test_every_listener_hears_every_message_in_order(self, bus: Bus) -> None:
        ears = [Ear(), Ear()]
        for ear in ears:
            bus.subscribe(ear)
        messages = [a_message() for _ in range(5)]
        await bus.publish(messages[:3])
        await bus.publish([])
        await bus.publish(messages[3:])
        for ear in ears:
            await ear.until(messages[-1])
            assert ear.heard == messages

    async def test_whoever_has_stopped_listening_hears_no_more(self, bus: Bus) -> None:
        early, late = Ear(), Ear()
        stop: Callable[[], None] = bus.subscribe(early)
        bus.subscribe(late)
        first, second = a_message(), a_message()
        await bus.publish([first])
        await late.until(first)
        stop()
        stop()
        await bus.publish([second])
        await late.until(second)
        assert early.heard == [first]

    async def test_a_listener_that_listens_twice_hears_twice_and_stops_once(self, bus: Bus) -> None:
        ear, witness = Ear(), Ear()
        stop: Callable[[], None] = bus.subscribe(ear)
        bus.subscribe(ear)
        stop()
        bus.subscribe(witness)
        message = a_message()
        await bus.publish([message])
        await witness.until(message)
        assert ear.heard == [message]

    async def test_a_listener_may_stop_while_it_hears(self, bus: Bus) -> None:
        stops: list[Callable[[], None]] = []
        witness = Ear()
        heard: list[Message] = []

        def once(message: Message) -> None:
            heard.append(message)
            stops[0]()

        stops.append(bus.subscribe(once))
        bus.subscribe(witness)
        messages = [a_message(), a_message()]
        await bus.publish(messages)
        await witness.until(messages[-1])
        assert (heard, witness.heard) == (messages[:1], messages)
