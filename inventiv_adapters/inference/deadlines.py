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
    """Ends an answer that takes too long. One timer for all of it, and none for each piece.

    ``expire`` is told why. At first, the beginning of the answer is waited for.
    """

    def __init__(
        self, deadlines: Deadlines, began: float, *, expire: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle_s = deadlines.idle_s
        self._end = began + deadlines.total_s
        self._expire = expire
        self._due: float | None = began + deadlines.first_byte_s
        """When what is waited for must be there; ``None`` while nothing is."""
        self._has_begun = False
        self._timer: asyncio.TimerHandle | None = self._loop.call_at(
            min(self._due, self._end), self._look
        )

    def wait(self) -> None:
        """The next piece is waited for from now on."""
        self._due = self._loop.time() + self._idle_s

    def rest(self) -> None:
        """Nothing is waited for."""
        self._has_begun = True
        self._due = None

    def stop(self) -> None:
        """End the watch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._end:
            self._expire("the answer takes too long")
        elif self._due is not None and now >= self._due:
            self._expire(
                "the engine has fallen silent" if self._has_begun else "the engine does not answer"
            )
        else:
            due = now + self._idle_s if self._due is None else self._due
            self._timer = self._loop.call_at(min(due, self._end), self._look)
            return
        self._timer = None
