"""The bus: tells whoever listens, in this process and in others. Never the only way to know."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from inventiv_core.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event on its way. Delivered at least once: listeners are idempotent by ``id``."""

    id: int
    """Where the event stands in the outbox."""
    event: DomainEvent


Listener: TypeAlias = Callable[[Message], None]
"""Must return at once: it runs between other listeners, on the loop that reads the bus."""


class Bus(Protocol):
    """Fans messages out."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Hand ``messages`` to every listener of every process that listens now, in order."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each message from now on; call what is returned to stop it."""
        ...


class Relay(Protocol):
    """Takes events from the outbox to the bus, after their commit."""

    async def deliver(self, publish: Callable[[Sequence[Message]], Awaitable[None]]) -> int:
        """Publish what waits, oldest first, at most a few hundred; return how many it was.

        What ``publish`` refuses stays in the outbox. Several relays share the work.
        """
        ...

    async def wait(self, *, at_most: timedelta) -> None:
        """Return when something may be waiting, or after ``at_most``."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Drop what was published and occurred before that instant; return how many."""
        ...
