"""What the reconciler tells of beside its work."""

from dataclasses import dataclass
from enum import StrEnum

from inventiv_core.kernel.events import DomainEvent
from inventiv_core.kernel.money import Eur


class Doubt(StrEnum):
    """What is hard to believe."""

    VANISHED = "vanished"
    """So many machines, says the provider, are not there any more."""
    STRAYS = "strays"
    """So many machines, say our own books, are nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MassLossDoubted(DomainEvent):
    """More machines seem to be lost than can be chance: nothing is concluded, nothing deleted.

    Either somebody makes a mistake, then it passes; or it is true, then an operator ends the
    instances, or allows for more losses at once.
    """

    doubt: Doubt
    provider_code: str | None
    """Whose machines, as far as it is known."""
    lost: int
    fleet: int
    """How many machines there are or were, the lost ones included."""
    eur_per_hour: Eur | None = None
    """What strays cost in an hour for as long as it is doubted, as far as prices are known."""
