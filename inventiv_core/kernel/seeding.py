"""What was there from the start: put there once, and then left to the administrators."""

from collections.abc import Collection
from typing import Protocol


class SeedRecord(Protocol):
    """Remembers what was put there from the start, whatever has become of it since."""

    async def remember(self, kind: str, keys: Collection[str]) -> frozenset[str]:
        """Remember things of one kind by their keys; return those that were not known before."""
        ...
