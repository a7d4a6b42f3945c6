"""Who hears at once of what is committed here. Needs nothing but Python."""

from collections.abc import Callable
from typing import TypeAlias

from inventiv_core.kernel.events import DomainEvent

Heard: TypeAlias = Callable[[DomainEvent], None]
"""Is told of an event as soon as it is committed here: sooner than by the bus, and for sure."""


def by_nobody(_: DomainEvent) -> None:
    """Nobody wants to know."""
