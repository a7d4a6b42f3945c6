"""What the router needs to know, as the database has it."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventiv_core.inference.entities.routes import Route, ServableModel


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSnapshot:
    """All models that may be asked for, and all workers that can answer now."""

    models: Sequence[ServableModel]
    routes: Sequence[Route]
