"""Organizations and who belongs to them."""

from dataclasses import dataclass
from datetime import datetime

from inventiv_core.identity.access import OrganizationId, Role, UserId
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.money import ZERO_EUR, Eur


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A team: what it rents is its own, and nobody else's to see."""

    id: OrganizationId
    name: str
    slug: str
    """Lower case, unique; the first part of ``slug/code``."""
    created_by_user_id: UserId | None
    """``None`` when that user is gone."""
    created_at: datetime
    subscription_plan: Plan = Plan.FREE
    wallet_balance_eur: Eur = ZERO_EUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What one user is in one organization."""

    organization_id: OrganizationId
    user_id: UserId
    role: Role
    created_at: datetime
