"""How long engines may take, and the watch that is kept over one answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


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


class Watch:
    """Ends an answer that takes too long. One timer for all its pieces, and none for each."""

    def __init__(self, deadlines: Deadlines, began: float, *, expire: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle_s = deadlines.idle_s
        self._end = began + deadlines.total_s
        self._expire = expire
        self._waits_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.reason: str | None = None
        """Why the answer was ended, if it was."""

    def wait(self) -> None:
        """The next piece is waited for from now on."""
        self._waits_since = self._loop.time()
        if self._timer is None:
            due = min(self._waits_since + self._idle_s, self._end)
            self._timer = self._loop.call_at(due, self._look)

    def rest(self) -> None:
        """Nothing is waited for."""
        self._waits_since = None

    def stop(self) -> None:
        """End the watch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._end:
            self.reason = "the answer takes too long"
        elif self._waits_since is not None and now >= self._waits_since + self._idle_s:
            self.reason = "the engine has fallen silent"
        if self.reason is not None:
            self._timer = None
            self._expire()
            return
        since = now if self._waits_since is None else self._waits_since
        self._timer = self._loop.call_at(min(since + self._idle_s, self._end), self._look)
