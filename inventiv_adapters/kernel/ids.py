"""Identifiers."""

import os
import time
from itertools import count
from threading import Lock
from uuid import UUID

_RANDOM_BITS = 74
_RANDOM_BYTES = 10


class Uuid7:
    """UUIDs that sort by their time of birth (RFC 9562, version 7), strictly within a process.

    Within one millisecond, and when the clock is set back, the number counts on
    from the last one (method 2 of section 6.2 of the RFC).
    """

    def __init__(self) -> None:
        self._last = 0
        self._turn = Lock()

    def __call__(self) -> UUID:
        """Return a UUID greater than any before."""
        moment = (time.time_ns() // 1_000_000) << _RANDOM_BITS
        chance = int.from_bytes(os.urandom(_RANDOM_BYTES), "big") >> (
            _RANDOM_BYTES * 8 - _RANDOM_BITS + 1
        )
        with self._turn:
            self._last = max(moment | chance, self._last + 1)
            number = self._last
        milliseconds, random = number >> _RANDOM_BITS, number & ((1 << _RANDOM_BITS) - 1)
        upper, lower = random >> 62, random & ((1 << 62) - 1)
        return UUID(int=milliseconds << 80 | 0x7 << 76 | upper << 64 | 0x2 << 62 | lower)


class SerialIds:
    """Counts 1, 2, 3, dressed as UUIDs: the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> UUID:
        return UUID(int=next(self._numbers))
