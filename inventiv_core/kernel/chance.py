"""Chance, as a port: the core never throws dice by itself."""

from typing import Protocol


class Chance(Protocol):
    """Draws numbers nobody can foresee, or, in tests, numbers that repeat."""

    def __call__(self) -> float:
        """Return a number from 0 (included) to 1 (excluded), evenly spread."""
        ...
