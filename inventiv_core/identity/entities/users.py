"""Users."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inventiv_core.identity.access import PlatformRole, UserId
from inventiv_core.kernel.money import ZERO_EUR, Eur


class Plan(StrEnum):
    """What a user, or an organization, has subscribed to."""

    FREE = "free"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who may sign in."""

    id: UserId
    username: str
    """Lower case, unique."""
    email: str
    """Lower case, unique."""
    password_hash: str
    role: PlatformRole
    first_name: str | None
    last_name: str | None
    created_at: datetime
    updated_at: datetime
    account_plan: Plan = Plan.FREE
    wallet_balance_eur: Eur = ZERO_EUR
