"""Identifiers."""

import os
import time
from itertools import count
from threading import Lock
from uuid import UUID

_RANDOM_BITS = 74
_RANDOM = (1 << _RANDOM_BITS) - 1
_CHANCE_BITS = _RANDOM_BITS - 1
"""One less than there is room for: so a number can always count on."""
_CHANCE = (1 << _CHANCE_BITS) - 1
_BYTES = 10
_BATCH = 100
"""For how many the operating system is asked at a time."""
_MARKS = 0x7 << 76 | 0x2 << 62
"""Version and variant."""


class Uuid7:
    """UUIDs that sort by their time of birth (RFC 9562, version 7), strictly within a process.

    Within one millisecond, and when the clock is set back, the number counts on
    from the last one (method 2 of section 6.2 of the RFC).
    """

    def __init__(self) -> None:
        self._last = 0
        self._turn = Lock()
        self._chances: list[int] = []
        os.register_at_fork(after_in_child=self._chances.clear)

    def __call__(self) -> UUID:
        """Return a UUID greater than any before."""
        moment = (time.time_ns() // 1_000_000) << _RANDOM_BITS
        with self._turn:
            if not self._chances:
                self._chances += _some_chances()
            self._last = number = max(moment | self._chances.pop(), self._last + 1)
        random = number & _RANDOM
        upper, lower = random >> 62, random & _LOWER
        return UUID(int=number >> _RANDOM_BITS << 80 | upper << 64 | lower | _MARKS)


_LOWER = (1 << 62) - 1


def _some_chances() -> list[int]:
    taken = os.urandom(_BYTES * _BATCH)
    return [
        int.from_bytes(taken[start : start + _BYTES], "big") & _CHANCE
        for start in range(0, len(taken), _BYTES)
    ]


class SerialIds:
    """Counts 1, 2, 3, dressed as UUIDs: the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> UUID:
        return UUID(int=next(self._numbers))
