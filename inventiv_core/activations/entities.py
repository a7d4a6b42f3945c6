"""An activation: somebody's word that an instance may serve, from one of two sides."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from inventiv_core.identity.access import UserId
from inventiv_core.instances.entities import AT_REST, InstanceId, InstanceStatus

TOO_LATE: Final = AT_REST | {InstanceStatus.TERMINATING}
"""Nothing will serve any more."""


class Side(StrEnum):
    """What somebody answers for."""

    TECHNICAL = "technical"
    """That it works, and is set up as it should be."""
    ECONOMIC = "economic"
    """That it is worth its price."""


class ActivationAct(StrEnum):
    """What is entered in the books about activations."""

    INSTANCE_TECH_ACTIVATED = "INSTANCE_TECH_ACTIVATED"
    INSTANCE_TECH_DEACTIVATED = "INSTANCE_TECH_DEACTIVATED"
    INSTANCE_ECO_ACTIVATED = "INSTANCE_ECO_ACTIVATED"
    INSTANCE_ECO_DEACTIVATED = "INSTANCE_ECO_DEACTIVATED"
    ACTIVATION_POLICY_CHANGED = "ACTIVATION_POLICY_CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activations:
    """Who has activated one instance, and when: from each side, the first who did."""

    instance_id: InstanceId
    tech_activated_by: UserId | None = None
    tech_activated_at: datetime | None = None
    eco_activated_by: UserId | None = None
    eco_activated_at: datetime | None = None

    @property
    def is_operational(self) -> bool:
        """Whether it is activated from both sides."""
        return self.has(Side.TECHNICAL) and self.has(Side.ECONOMIC)

    def has(self, side: Side) -> bool:
        """Tell whether it is activated from that side."""
        match side:
            case Side.TECHNICAL:
                return self.tech_activated_at is not None
            case Side.ECONOMIC:
                return self.eco_activated_at is not None

    def activate(self, side: Side, *, by: UserId, at: datetime) -> Self:
        """Say that somebody answers for it. Whoever did so first, stays."""
        return self if self.has(side) else self._set(side, by, at)

    def withdraw(self, side: Side) -> Self:
        """Say that nobody answers for it any more."""
        return self._set(side, None, None)

    def of(self, side: Side) -> dict[str, Any]:
        """Return who and when, from one side."""
        match side:
            case Side.TECHNICAL:
                names = ("tech_activated_by", "tech_activated_at")
            case Side.ECONOMIC:
                names = ("eco_activated_by", "eco_activated_at")
        return {name: getattr(self, name) for name in names}

    def _set(self, side: Side, by: UserId | None, at: datetime | None) -> Self:
        match side:
            case Side.TECHNICAL:
                return replace(self, tech_activated_by=by, tech_activated_at=at)
            case Side.ECONOMIC:
                return replace(self, eco_activated_by=by, eco_activated_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationPolicy:
    """What an organization wants of its instances before they get calls."""

    requires_double_activation: bool = False
    """Only what is activated from both sides serves."""

    def lets_serve(self, activations: Activations | None) -> bool:
        """Tell whether an instance with these activations gets calls."""
        is_operational = activations is not None and activations.is_operational
        return is_operational or not self.requires_double_activation
