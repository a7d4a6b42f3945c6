"""Which worker a call belongs to, when it is not all the same: by its session, or its beginning."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MASK: Final = 2**64 - 1


def _nothing() -> bytes:
    return b""


@dataclass(slots=True, kw_only=True, eq=False)  # not frozen: one for each call, at half the price
class Affinity:
    """What calls that should meet at the same worker have in common."""

    session: str | None = None
    """What the caller calls a conversation; ``None`` when nothing is said of it."""
    beginning: Callable[[], bytes] = _nothing
    """Returns how the prompt begins: an engine that has read that before is quicker.

    Asked for only where there is a choice."""


ANYWHERE: Final = Affinity()


def key_of(text: bytes) -> int:
    """Return 64 bits that are the same for the same text, in every process."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def score(key: int, seed: int) -> int:
    """Return how much a key wants a worker: it belongs to the one with the highest score.

    Rendezvous hashing (Thaler and Ravishankar, 1996): when a worker goes, only its own keys
    move, and when one comes, they move only to it. Mixed as in SplitMix64 (Steele et al., 2014).
    """
    mixed = (key ^ seed) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)
