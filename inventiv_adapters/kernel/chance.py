"""Chance."""

import random


class SystemChance:
    """Dice that nobody can foresee."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def __call__(self) -> float:
        """Return a number from 0 (included) to 1 (excluded)."""
        return self._random.random()


class SeededChance:
    """Dice that fall the same way in every run."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def __call__(self) -> float:
        """Return a number from 0 (included) to 1 (excluded)."""
        return self._random.random()
