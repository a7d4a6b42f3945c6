"""Activations on the wire."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from inventiv_core.activations.entities import ActivationPolicy, Activations


class ActivationsBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for an instance, since when."""

    instance_id: UUID
    tech_activated_by: UUID | None
    tech_activated_at: datetime | None
    eco_activated_by: UUID | None
    eco_activated_at: datetime | None
    is_operational: bool
    """Activated from both sides."""

    @classmethod
    def of(cls, activations: Activations) -> Self:
        """Show them."""
        return cls(
            instance_id=activations.instance_id,
            tech_activated_by=activations.tech_activated_by,
            tech_activated_at=activations.tech_activated_at,
            eco_activated_by=activations.eco_activated_by,
            eco_activated_at=activations.eco_activated_at,
            is_operational=activations.is_operational,
        )


class ActivationPolicyBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an organization wants of its instances before they get calls."""

    requires_double_activation: bool

    @classmethod
    def of(cls, policy: ActivationPolicy) -> Self:
        """Show what was chosen."""
        return cls(requires_double_activation=policy.requires_double_activation)

    def wanted(self) -> ActivationPolicy:
        """Return what is chosen."""
        return ActivationPolicy(requires_double_activation=self.requires_double_activation)
