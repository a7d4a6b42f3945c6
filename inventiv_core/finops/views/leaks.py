"""Read models of what costs money and nobody wants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventiv_core.finops.entities.leaks import Leak
from inventiv_core.kernel.money import Eur


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakTotal:
    """All that has leaked at one provider."""

    provider_code: str
    eur: Eur
    """What it has cost, ever: it never becomes less."""
    open: int
    """How many machines cost at this moment."""
    eur_per_hour: Eur
    """What those cost in an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaked:
    """What has leaked, at one moment."""

    at: datetime
    totals: Sequence[LeakTotal]
    leaks: Sequence[Leak]
    """The newest, those first that still cost."""
