"""Identifiers."""

import os
import time
from itertools import count
from threading import Lock
from uuid import UUID, SafeUUID

_MOMENT_BITS = 80
"""What of a number is below its milliseconds."""
_CHANCE = 0xFFF << 64 | (1 << 61) - 1
"""What of that is drawn. One bit less than there is room for: so a number can always count on."""
_BYTES = 10
_BATCH = 100
"""For how many the operating system is asked at a time."""
_MARKS = 0x7 << 76 | 0x2 << 62
"""Version and variant, between what is drawn."""


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
        moment = time.time_ns() // 1_000_000 << _MOMENT_BITS
        with self._turn:
            if not self._chances:
                self._chances += _some_chances()
            self._last = number = max(moment | self._chances.pop(), self._last + 1)
        return _uuid(number)


_put = object.__setattr__
_UNKNOWN = SafeUUID.unknown


def _uuid(number: int) -> UUID:
    """Return ``UUID(int=number)`` of a number in range, at half the price: one for each call."""
    made = UUID.__new__(UUID)
    _put(made, "int", number)  # as its own ``__init__`` does, for want of another way
    _put(made, "is_safe", _UNKNOWN)
    return made


def _some_chances() -> list[int]:
    taken = os.urandom(_BYTES * _BATCH)
    return [
        int.from_bytes(taken[start : start + _BYTES], "big") & _CHANCE | _MARKS
        for start in range(0, len(taken), _BYTES)
    ]


class SerialIds:
    """Counts 1, 2, 3, dressed as UUIDs: the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> UUID:
        return UUID(int=next(self._numbers))
