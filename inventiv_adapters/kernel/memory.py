"""A database that forgets: the promises of Postgres, kept in dictionaries."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar
from uuid import UUID

from inventiv_core.kernel.bus import Bus, Listener, Message, Relay
from inventiv_core.kernel.events import DomainEvent, Outbox
from inventiv_core.kernel.pagination import Identified, Window

Row = TypeVar("Row")
Known = TypeVar("Known", bound=Identified)

INSTALLATION_ID = UUID("00000000-0000-7000-8000-00000000face")
"""The installation that a database in memory belongs to: it cannot outlive a test anyway."""

_RELAYED_AT_ONCE = 500


def within(window: Window, rows: Iterable[Known]) -> list[Known]:
    """Return those of ``rows`` that a page shows, sorted."""
    ordered = sorted(rows, key=window.place, reverse=window.descending)
    if (after := window.after) is not None:
        limit = (after.value, after.id)
        ordered = [
            row
            for row in ordered
            if (window.place(row) < limit if window.descending else window.place(row) > limit)
        ]
    return ordered[window.offset : window.offset + window.limit]


class MemoryDatabase:
    """Tables of frozen rows: copying a table copies no row."""

    def __init__(self) -> None:
        self._tables: defaultdict[type[Any], dict[UUID, Any]] = defaultdict(dict)
        self.outbox: list[Message] = []
        self.events_added = 0
        self.committed = asyncio.Event()

    def table(self, row: type[Row]) -> dict[UUID, Row]:
        """Return every ``row`` there is, by id."""
        return self._tables[row]

    def draft(self) -> Self:
        """Return a copy to work on, with an outbox of its own."""
        draft = type(self)()
        for entity, rows in self._tables.items():
            draft.table(entity).update(rows)
        draft.events_added = self.events_added
        return draft

    def accept(self, draft: Self) -> None:
        """Make ``draft`` the truth, all at once."""
        self._tables = draft._tables
        if draft.outbox:
            self.outbox += draft.outbox
            self.events_added = draft.events_added
            self.committed.set()


class MemoryOutbox(Outbox):
    """Events wait in a list."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, event: DomainEvent) -> None:
        self._database.events_added += 1
        self._database.outbox.append(Message(id=self._database.events_added, event=event))


class MemoryRelay(Relay):
    """Takes events from the list."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def deliver(self, publish: Callable[[Sequence[Message]], Awaitable[None]]) -> int:
        waiting = self._database.outbox[:_RELAYED_AT_ONCE]
        if waiting:
            await publish(waiting)
            self._database.outbox = [
                message for message in self._database.outbox if message not in waiting
            ]
        return len(waiting)

    async def wait(self, *, at_most: timedelta) -> None:
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await self._database.committed.wait()
        except TimeoutError:
            return
        self._database.committed.clear()

    async def forget(self, *, before: datetime) -> int:
        del before
        return 0  # what was published is gone already


class MemoryBus(Bus):
    """Reaches the listeners of this process, and only those."""

    def __init__(self) -> None:
        self._listeners: dict[object, Listener] = {}

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Let all listeners go."""
        self._listeners.clear()

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            for listener in list(self._listeners.values()):
                listener(message)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        key = object()
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None
