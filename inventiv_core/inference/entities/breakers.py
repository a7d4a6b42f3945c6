"""When to leave a worker alone that does not answer, and when to try it again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FAILURES: Final = 3
"""How many calls in a row must fail before a worker is left alone."""
FIRST_REST: Final = timedelta(seconds=1)
LONGEST_REST: Final = timedelta(seconds=5)
"""Whoever has no other worker is refused for so long, at most, though it is back."""


@dataclass(slots=True)
class Breaker:
    """What is known of a worker's health from the calls it got. Closed while it gets more.

    It opens after `FAILURES` in a row. After a rest, which doubles each time, it is half open:
    one call at a time may probe whether the worker is back (Nygard, "Release It!", 2007).
    """

    failures: int = 0
    """In a row, while it is closed."""
    opened: int = 0
    """How often in a row it has opened."""
    retry_at: datetime | None = None
    """From when on it may be probed; ``None`` while it is closed."""
    is_probed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the worker gets no calls but probes."""
        return self.retry_at is not None

    def allows(self, now: datetime) -> bool:
        """Tell whether the worker may get another call."""
        return self.retry_at is None or (not self.is_probed and now >= self.retry_at)

    def succeed(self) -> bool:
        """Note an answer. Return whether the worker has only now come back."""
        was_open = self.retry_at is not None
        if was_open or self.failures:
            self.failures, self.opened, self.retry_at = 0, 0, None
        return was_open

    def fail(self, now: datetime, *, was_probe: bool) -> None:
        """Note that a call has failed. Those from before it opened tell nothing new."""
        if self.is_open and not was_probe:
            return
        self.failures += 1
        if was_probe or self.failures >= FAILURES:
            self.retry_at = now + min(FIRST_REST * 2**self.opened, LONGEST_REST)
            self.opened = min(self.opened + 1, _OFTEN)
            self.failures = 0


_OFTEN: Final = 16
"""After so many doublings the rest is the longest for long."""
