"""Attempts, counted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from inventiv_core.identity.entities.attempts import Attempts


class AttemptRepository(Protocol):
    """Counts attempts for all processes together."""

    async def count(self, key: str, *, at: datetime, window: timedelta) -> Attempts:
        """Count one more attempt, and return how many there are now.

        Atomic: of two at the same time, one is told the higher number. The window begins
        with the first attempt, and again with the first after its end.
        """
        ...

    async def take_back(self, key: str) -> None:
        """Count one attempt off, if there is any: it was a good one."""
        ...

    async def forgive(self, keys: Sequence[str]) -> None:
        """Begin at zero."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Drop what began before that instant; return how many keys."""
        ...
