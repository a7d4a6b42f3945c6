"""Exact amounts: bytes are integers, and every amount says how it came about."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GB: Final = 1_000_000_000
"""Bytes in a decimal gigabyte: what vendors and the catalog count memory in."""
GIB: Final = 1 << 30
"""Bytes in a binary gibibyte: what engines and drivers report memory in."""


class Unit(StrEnum):
    """What an amount is counted in."""

    PARAMETERS = "parameters"
    BYTES = "bytes"
    BYTES_PER_TOKEN = "bytes_per_token"  # noqa: S105 - of text
    GB = "gb"
    """Decimal gigabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of an estimate."""

    name: str
    formula: str
    """How the value came about, with the numbers in it."""
    value: int
    unit: Unit


def ceil_div(dividend: int, divisor: int) -> int:
    """Return the quotient, rounded up."""
    return -(-dividend // divisor)


def as_gb(size_bytes: int) -> str:
    """Write an amount of memory for people, in decimal gigabytes, rounded up to a tenth."""
    tenths = ceil_div(size_bytes * 10, GB)
    return f"{tenths // 10}.{tenths % 10} GB"
