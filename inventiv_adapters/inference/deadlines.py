"""How long engines may take, and the watch that is kept over one answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from inventiv_core.inference.ports import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long engines may take, in seconds."""

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    """From the call to the beginning of the answer: it may have to wait for its turn."""
    idle_s: float = 300.0
    """Between two pieces of an answer."""
    total_s: float = 3600.0
    """From the call to the end of the answer."""


_LOOKS: Final = 10
"""How often an answer is looked at, at least, before it is too late."""
_LONGEST_S: Final = 1.0
_SHORTEST_S: Final = 0.005


class Watches:
    """Looks at all answers that are under way, now and then: none has a timer of its own."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        shortest_s = min(deadlines.first_byte_s, deadlines.idle_s, deadlines.total_s)
        self._pause_s = max(_SHORTEST_S, min(_LONGEST_S, shortest_s / _LOOKS))
        self._watches: set[Watch] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def add(self, watch: "Watch") -> None:
        """Look at one more, until it is discarded."""
        self._watches.add(watch)
        if self._timer is None:
            self._timer = self.loop.call_later(self._pause_s, self._look)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that all of this is in, asked for once."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def discard(self, watch: "Watch") -> None:
        """Look at it no more."""
        self._watches.discard(watch)

    def _look(self) -> None:
        now = self.loop.time()
        for watch in list(self._watches):
            watch.look(now)
        again = bool(self._watches)
        self._timer = self.loop.call_later(self._pause_s, self._look) if again else None


class Watch:
    """Ends an answer that takes too long: one after the other, on the same connection.

    ``expire`` is told why. At first, the beginning of the answer is waited for.
    """

    __slots__ = ("_due", "_end", "_expire", "_has_begun", "_watches")

    def __init__(self, watches: Watches, *, expire: Callable[[str], None]) -> None:
        self._watches = watches
        self._expire = expire
        self._end = 0.0
        self._due: float | None = None
        """When what is waited for must be there; ``None`` while nothing is."""
        self._has_begun = False

    def begin(self, began: float) -> None:
        """Keep watch over an answer that is waited for since then."""
        deadlines = self._watches.deadlines
        self._end = began + deadlines.total_s
        self._due = began + deadlines.first_byte_s
        self._has_begun = False
        self._watches.add(self)

    def wait(self) -> None:
        """The next piece is waited for from now on."""
        self._due = self._watches.loop.time() + self._watches.deadlines.idle_s

    def awaited(self, sink: Sink) -> Sink:
        """Return a sink that waits for the next piece after each."""

        def passing(piece: bytes) -> Awaitable[None] | None:
            self.wait()
            return sink(piece)

        return passing

    def rest(self) -> None:
        """Nothing is waited for."""
        self._has_begun = True
        self._due = None

    def stop(self) -> None:
        """End the watch."""
        self._watches.discard(self)

    def look(self, now: float) -> None:
        """End the answer, if it is late."""
        if now >= self._end:
            self._expire("the answer takes too long")
        elif self._due is not None and now >= self._due:
            self._expire(
                "the engine has fallen silent" if self._has_begun else "the engine does not answer"
            )
        else:
            return
        self.stop()
