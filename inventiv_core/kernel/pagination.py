"""Bounds of lists."""

MAX_PAGE_ROWS = 1000
"""The most rows one answer may hold."""


def clamp(value: int, lowest: int, highest: int) -> int:
    """Return ``value``, or the bound it oversteps: paging parameters are never refused."""
    return max(lowest, min(value, highest))
