"""What is not the same before and after a change."""

from collections.abc import Iterable
from typing import Any


def differing(
    before: object, after: object, names: Iterable[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of those fields that differ, before and after, for the books."""
    found = [name for name in names if getattr(before, name) != getattr(after, name)]
    return (
        {name: getattr(before, name) for name in found},
        {name: getattr(after, name) for name in found},
    )
