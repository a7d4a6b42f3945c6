"""What the router needs to know, as the database has it; and what callers are shown of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventiv_core.inference.entities.routes import Route, ServableModel


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSnapshot:
    """All models that may be asked for, and all workers that can answer now."""

    models: Sequence[ServableModel]
    routes: Sequence[Route]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model that answers right now, by the name that somebody may use."""

    name: str
    fresh_at: datetime
    """When a worker of it was last heard of."""
