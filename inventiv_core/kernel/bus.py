"""The bus: tells whoever listens, in this process and in others. Never the only way to know."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self, TypeAlias
from uuid import UUID

from inventiv_core.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event on its way. Delivered at least once: listeners are idempotent by ``id``."""

    id: int
    """Where the event stands in the log: the next one has the next number, none is left out."""
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
        """Number what waits, and publish it in order, at most a few hundred; return how many.

        A number is given once and for all, before anybody hears of it. What ``publish``
        refuses stays in the outbox, under its number. Of several relays one publishes at a
        time, and the others return 0.
        """
        ...

    async def wait(self, *, at_most: timedelta) -> None:
        """Return when something may be waiting, or after ``at_most``."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Drop what was published and occurred before that instant; return how many.

        The log loses its oldest part only: nothing is dropped that comes after what is kept.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A piece of the log, from a point on."""

    messages: Sequence[Message]
    """In order, without those that a newer version has written and this one does not know."""
    until: int
    """Everything after the point, up to this number, has been read."""
    newest: int
    """The number of the last event in the log, whoever it is about."""
    is_whole: bool
    """Whether the log still has everything after the point, and has come as far as the point."""

    @classmethod
    def found(
        cls,
        messages: Sequence[Message],
        *,
        after: int,
        until: int,
        oldest: int | None,
        newest: int,
    ) -> Self:
        """Return what was found ``after`` a number, in a log from ``oldest`` to ``newest``.

        ``oldest`` is ``None`` if nothing is kept. A stretch that is not whole has no messages.
        """
        has_all_since = newest if oldest is None else oldest - 1
        is_whole = has_all_since <= after <= newest
        return cls(
            messages=messages if is_whole else (),
            until=max(after, min(until, newest)) if is_whole else after,
            newest=newest,
            is_whole=is_whole,
        )


class EventLog(Protocol):
    """What was numbered, whether or not the bus has brought it anywhere; kept for a while."""

    async def newest(self) -> int:
        """Return the number of the last event; 0 if there never was one."""
        ...

    async def after(self, id: int, *, limit: int) -> Stretch:
        """Return what comes after a number, of everybody, at most ``limit`` events."""
        ...

    async def after_in(self, organization_id: UUID, id: int, *, until: int, limit: int) -> Stretch:
        """Like `after`, for the events of one organization, and up to a number."""
        ...
