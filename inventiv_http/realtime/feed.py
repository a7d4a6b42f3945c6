"""The feed: one for all who read at this process, woken by what the bus brings."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Final
from uuid import UUID

import structlog

from inventiv_core.identity.access import PLATFORM
from inventiv_core.identity.events import AccessChanged
from inventiv_core.kernel.bus import Message
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.events import TenantEvent
from inventiv_core.realtime.entities import InOrder, Watch
from inventiv_core.realtime.use_cases import FollowEvents
from inventiv_http.realtime.frames import frames, goodbye, hello, keep_alive, moved, reset
from inventiv_http.realtime.readers import Part, Reader

KEEP_ALIVE_S = 15.0
"""The longest silence; a third of it is how late the end of a session may be noticed."""
COALESCE_S = 0.03
"""What happens within this time goes out together: commits come in bursts."""
LOOK_S = 3.0
"""How often to look into the log for what the bus has lost without a trace."""
AT_ONCE: Final = 500
"""The most events that go out together."""
SLICE: Final = 200
"""How many readers are written to before anybody else has a turn."""
REPLAYS_AT_ONCE: Final = 4
"""How many read what they missed at the same time: after a crash everybody comes back."""
_PAUSE_AFTER_ERROR_S = 1.0
_RETRIES_MS: Final = range(500, 3_000, 100)
"""When readers are to come back: not all at the same moment."""

log = structlog.get_logger(__name__)


class _Group:
    """Those who watch the same: what they get is encoded once."""

    def __init__(self, position: int) -> None:
        self.readers: set[Reader] = set()
        self.told = position
        self.spoken_s = _now_s()

    def say(self, body: bytes, position: int) -> tuple[Part, list[Reader]]:
        """Return what is to be written, and to whom."""
        self.told, self.spoken_s = position, _now_s()
        return Part(body), list(self.readers)


class Feed:
    """Hands events to readers, to each every event it wants, once and in order.

    It follows the bus and the log while somebody reads, and costs nothing while nobody does.
    One task writes to all readers, so that whatever a reader is told is in order.
    """

    def __init__(self, clock: Clock, follow_events: FollowEvents) -> None:
        self.replaying = asyncio.Semaphore(REPLAYS_AT_ONCE)
        self._clock = clock
        self._follow_events = follow_events
        self._readers: set[Reader] = set()
        self._of_user: dict[UUID | None, set[Reader]] = {}
        self._groups: dict[UUID | None, dict[Watch | None, _Group]] = {}
        self._order: InOrder | None = None
        self._position = 0
        self._pending: list[Message] = []
        self._news, self._gap = asyncio.Event(), asyncio.Event()
        self._looking = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        goodbyes = [Part(goodbye(retry_ms), is_last=True) for retry_ms in _RETRIES_MS]
        self._goodbyes = cycle(goodbyes)
        self._is_closed = False

    @property
    def readers(self) -> int:
        """How many read now."""
        return len(self._readers)

    @property
    def position(self) -> int:
        """The number of the last event that was written, or is just being, to whoever wants it."""
        return self._position

    def hear(self, message: Message) -> None:
        """Take a message from the bus."""
        if self._order is None:
            return
        self._accept(self._order, self._order.take(message))
        if self._order.has_gap:
            self._gap.set()

    def close(self) -> None:
        """Let all readers go: the server is stopping."""
        self._is_closed = True
        self._let_go(self._readers)

    def encode(self, messages: Sequence[Message], *, until: int) -> bytes:
        """Return events as they are written to whoever then knows everything ``until`` there."""
        return frames(messages, until=until, now=self._clock.now())

    def goodbye(self) -> Part:
        """Return the last part of an answer."""
        return next(self._goodbyes)

    async def enter(self, reader: Reader) -> None:
        """Count ``reader`` in, and return once the feed knows where the log stands.

        From now on the reader ends when the access of its user changes.
        """
        self._readers.add(reader)
        self._of_user.setdefault(reader.user_id, set()).add(reader)
        reader.has_ended = self._is_closed
        if self._order is None:
            await self._begin()

    async def reach(self, id: int) -> bool:
        """Return once that event is told here, too; false if the log has never come so far."""
        while id > self._position:
            if self._order is None or id > self._order.last:
                await self._look(at_least=id)
            if self._order is None or id > self._order.last:
                return False
            await asyncio.sleep(COALESCE_S)  # it is about to be told
        return True

    def greet(self, reader: Reader) -> None:
        """Say hello to ``reader``, who from now on gets what happens."""
        position = None if reader.watch is None else self._position
        self._join(reader, hello(position))

    def start_over(self, reader: Reader) -> None:
        """Tell ``reader`` that what it missed is not known; from now on it gets what happens."""
        self._join(reader, reset(self._position))

    def go_on(self, reader: Reader, *, known: int) -> None:
        """Give to ``reader``, who has missed nothing up to `position`, what happens from now on.

        It was told no number after ``known``: it hears of this one, lest it ask again.
        """
        self._join(reader, moved(self._position) if known < self._position else b"")

    def _join(self, reader: Reader, greeting: bytes = b"") -> None:
        if reader.has_ended:
            return
        groups = self._groups.setdefault(_owner(reader), {})
        if reader.watch not in groups:
            groups[reader.watch] = _Group(self._position)
        groups[reader.watch].readers.add(reader)
        reader.is_live = True
        if greeting:
            reader.push(Part(greeting))

    def leave(self, reader: Reader) -> None:
        """Forget ``reader``; after the last one, the log is no longer followed."""
        self._readers.discard(reader)
        theirs = self._of_user.get(reader.user_id, set())
        theirs.discard(reader)
        if not theirs:
            self._of_user.pop(reader.user_id, None)
        groups = self._groups.get(_owner(reader), {})
        group = groups.get(reader.watch)
        if group is not None:
            group.readers.discard(reader)
            if not group.readers:
                del groups[reader.watch]
        if not groups:
            self._groups.pop(_owner(reader), None)
        if not self._readers:
            self._stop()

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks, self._order, self._pending = [], None, []

    def _let_go(self, readers: Iterable[Reader]) -> None:
        for reader in list(readers):
            reader.end(self.goodbye())

    # following the bus and the log

    async def _begin(self) -> None:
        async with self._looking:
            if self._order is not None:
                return
            here = await self._follow_events(None, actor=PLATFORM)
            self._order, self._position = InOrder(here.until), here.until
            self._tasks = [
                asyncio.create_task(self._tell_all(), name="feed"),
                asyncio.create_task(self._keep_up(), name="feed follows the log"),
            ]

    def _accept(self, order: InOrder, messages: list[Message]) -> None:
        """Take what is next."""
        for message in messages:
            if isinstance(message.event, AccessChanged):
                self._let_go(self._of_user.get(message.event.user_id, ()))
            elif isinstance(message.event, TenantEvent):
                self._pending.append(message)
        if self._pending:
            self._news.set()
        else:
            self._position = order.last

    async def _keep_up(self) -> None:
        """Look into the log whenever something is missing, and every few seconds."""
        while True:
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - the database is away: the bus may still work
                log.warning("feed_cannot_look", error=repr(error))
                await asyncio.sleep(_PAUSE_AFTER_ERROR_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._gap.wait()
            self._gap.clear()

    async def _look(self, *, at_least: int = 0) -> None:
        """Take what the log has, unless that event is known by now: then somebody else looked."""
        async with self._looking:
            order = self._order
            while order is not None and not (0 < at_least <= order.last):
                page = await self._follow_events(order.last, actor=PLATFORM)
                if order is not self._order:
                    return
                if not page.is_whole:
                    self._lose_track(page.newest)
                    return
                self._accept(order, order.fill(page))
                if page.until >= page.newest:
                    return
                while len(self._pending) > AT_ONCE:  # noqa: ASYNC110 - told before more is read
                    await asyncio.sleep(COALESCE_S)

    def _lose_track(self, newest: int) -> None:
        """Begin anew: what is missing is not in the log any more, or it is another log.

        Readers come back, and are told what that means for them.
        """
        log.warning("feed_lost_track", newest=newest)
        self._order, self._position, self._pending = InOrder(newest), newest, []
        self._let_go(self._readers)

    # writing

    async def _tell_all(self) -> None:
        tick_at_s = _now_s() + KEEP_ALIVE_S / 3
        while True:
            if not self._pending:
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(tick_at_s):
                        await self._news.wait()
            try:
                if self._pending:
                    await asyncio.sleep(COALESCE_S)
                    await self._tell()
                if _now_s() >= tick_at_s:
                    tick_at_s = _now_s() + KEEP_ALIVE_S / 3
                    await self._tick()
            except Exception:
                log.exception("feed_failed")  # whoever missed something comes back and asks for it
                self._let_go(self._readers)

    async def _tell(self) -> None:
        """Write what has happened to those who want it."""
        happened, self._pending = self._pending[:AT_ONCE], self._pending[AT_ONCE:]
        if not happened:
            return
        order = self._order
        until = happened[-1].id if self._pending or order is None else order.last
        self._position = until
        said: list[tuple[Part, list[Reader]]] = []
        for owner, messages in _by_owner(happened).items():
            for watch, group in self._groups.get(owner, {}).items():
                wanted = [m for m in messages if watch is not None and watch.wants(m.event)]
                if wanted:
                    said.append(group.say(self.encode(wanted, until=until), until))
        await self._write(said)

    async def _tick(self) -> None:
        """Keep lines alive on which nothing was said, and end those whose session has expired."""
        now = self._clock.now()
        self._let_go(reader for reader in self._readers if reader.expires_at <= now)
        silent_since_s = _now_s() - KEEP_ALIVE_S / 2
        plain, moved = keep_alive(), keep_alive(self._position)
        await self._write(
            [
                group.say(
                    plain if group.told == self._position or watch is None else moved,
                    self._position,
                )
                for groups in self._groups.values()
                for watch, group in groups.items()
                if group.spoken_s <= silent_since_s
            ]
        )

    async def _write(self, said: Iterable[tuple[Part, list[Reader]]]) -> None:
        """Write to everybody, and let others have a turn in between."""
        since = 0
        for piece, readers in said:
            for reader in readers:
                reader.push(piece)
                since += 1
                if since % SLICE == 0:
                    await asyncio.sleep(0)


def _by_owner(messages: Iterable[Message]) -> dict[UUID | None, list[Message]]:
    found: dict[UUID | None, list[Message]] = {}
    for message in messages:
        if isinstance(message.event, TenantEvent):
            found.setdefault(message.event.organization_id, []).append(message)
    return found


def _owner(reader: Reader) -> UUID | None:
    return None if reader.watch is None else reader.watch.organization_id


def _now_s() -> float:
    return asyncio.get_running_loop().time()
