"""A database that forgets: the promises of Postgres, kept in dictionaries."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar
from uuid import UUID, uuid5

from inventiv_core.kernel.bus import Bus, Listener, Message, Relay
from inventiv_core.kernel.events import DomainEvent, Outbox
from inventiv_core.kernel.idempotency import (
    IDEMPOTENCY_LIFETIME,
    IdempotencyKey,
    IdempotencyKeyReused,
    IdempotencyRepository,
)
from inventiv_core.kernel.pagination import Identified, Window
from inventiv_core.kernel.seeding import SeedRecord

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
        self.log: list[Message] = []
        """What was numbered, without gaps, and has not been forgotten."""
        self.numbered = 0
        self.published = 0
        self.is_publishing = False
        self.committed = asyncio.Event()

    def table(self, row: type[Row]) -> dict[UUID, Row]:
        """Return every ``row`` there is, by id."""
        return self._tables[row]

    def tables(self) -> Iterator[tuple[type[Any], dict[UUID, Any]]]:
        """Yield every kind of row, with all there are."""
        yield from self._tables.items()

    def draft(self) -> Self:
        """Return a copy to work on, with an outbox of its own."""
        draft = type(self)()
        for entity, rows in self.tables():
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


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A request that had a key."""

    fingerprint: str
    began_at: datetime
    result: str | None = None


class MemoryIdempotency(IdempotencyRepository):
    """The keys."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(_Remembered)

    async def begin(self, key: IdempotencyKey, *, scope: UUID, at: datetime) -> str | None:
        known = self._table.get(uuid5(scope, key.key))
        if known is None or known.began_at <= at - IDEMPOTENCY_LIFETIME:
            self._table[uuid5(scope, key.key)] = _Remembered(key.fingerprint, at)
            return None
        if known.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused(key=key.key)
        return known.result

    async def finish(self, key: IdempotencyKey, *, scope: UUID, result: str) -> None:
        row = uuid5(scope, key.key)
        self._table[row] = replace(self._table[row], result=result)

    async def forget(self, *, before: datetime) -> int:
        old = [row for row, known in self._table.items() if known.began_at < before]
        for row in old:
            del self._table[row]
        return len(old)


@dataclass(frozen=True, slots=True)
class _Seeded:
    kind: str
    key: str


class MemorySeedRecord(SeedRecord):
    """What was there from the start."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._table = database.table(_Seeded)

    async def remember(self, kind: str, keys: Collection[str]) -> frozenset[str]:
        known = {seeded.key for seeded in self._table.values() if seeded.kind == kind}
        new = set(keys) - known
        for key in new:
            self._table[uuid5(INSTALLATION_ID, f"{kind} {key}")] = _Seeded(kind, key)
        return frozenset(new)


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
        database = self._database
        self._number()
        if database.is_publishing:
            return 0
        waiting = [message for message in database.log if message.id > database.published]
        waiting = waiting[:_RELAYED_AT_ONCE]
        if waiting:
            database.is_publishing = True
            try:
                await publish(waiting)
            finally:
                database.is_publishing = False
            database.published = waiting[-1].id
        return len(waiting)

    def _number(self) -> None:
        database = self._database
        for message in database.outbox[:_RELAYED_AT_ONCE]:
            database.numbered += 1
            database.log.append(Message(id=database.numbered, event=message.event))
        del database.outbox[:_RELAYED_AT_ONCE]

    async def wait(self, *, at_most: timedelta) -> None:
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await self._database.committed.wait()
        except TimeoutError:
            return
        self._database.committed.clear()

    async def forget(self, *, before: datetime) -> int:
        log, kept = self._database.log, 0
        while (
            kept < len(log)
            and log[kept].id <= self._database.published
            and log[kept].event.occurred_at < before
        ):
            kept += 1
        del log[:kept]
        return kept


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
