"""What may be used, as a process knows it."""

from dataclasses import dataclass, field

from inventiv_core.inference.entities.standings import Standings
from inventiv_core.models.views import GrantTable


def _nothing() -> GrantTable:
    return GrantTable((), ())


@dataclass(slots=True)
class Offerings:
    """Who may use what, in memory: asked at every call, and replaced as a whole.

    Not shared between processes; each refreshes its own.
    """

    grants: GrantTable = field(default_factory=_nothing)
    standings: Standings = field(default_factory=Standings)
