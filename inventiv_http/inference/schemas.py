"""Limits on the wire. Money is JSON numbers, in euros."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from inventiv_core.identity.access import ApiKeyId, OrganizationId, UserId
from inventiv_core.inference.entities.limits import VALUES, Issuer, Limit
from inventiv_core.inference.use_cases.limits import Limited
from inventiv_core.kernel.money import Eur


class _Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be used. What is absent stays as it is; null is no limit."""

    requests_per_minute: int | UnsetType | None = UNSET
    tokens_per_minute: int | UnsetType | None = UNSET
    concurrent_calls: int | UnsetType | None = UNSET
    tokens_per_day: int | UnsetType | None = UNSET
    """Of UTC, as months are."""
    tokens_per_month: int | UnsetType | None = UNSET
    eur_per_day: float | UnsetType | None = UNSET
    eur_per_month: float | UnsetType | None = UNSET

    def changes(self) -> dict[str, Any]:
        """Return the numbers that are named."""
        named = {name: getattr(self, name) for name in VALUES}
        return {
            name: Decimal(repr(value)) if isinstance(value, float) else value
            for name, value in named.items()
            if value is not UNSET
        }


class LimitRequest(_Numbers, frozen=True, kw_only=True):
    """The body of ``PUT /organizations/current/limits``: whom to limit, and to what.

    Without anybody, it is all of the organization together.
    """

    user_id: UUID | None = None
    api_key_id: UUID | None = None
    model: str | None = None
    """What is sent as ``model``: a name of the catalog, or ``slug/code``."""

    def limited(self) -> Limited:
        """Return whom to limit."""
        return Limited(
            user_id=None if self.user_id is None else UserId(self.user_id),
            api_key_id=None if self.api_key_id is None else ApiKeyId(self.api_key_id),
            model=self.model,
        )


class PlatformLimitRequest(_Numbers, frozen=True, kw_only=True):
    """The body of ``PUT /limits``."""

    organization_id: UUID | None = None
    """Null is the default: for each workspace by itself."""
    model: str | None = None

    def organization(self) -> OrganizationId | None:
        """Return what to limit."""
        return None if self.organization_id is None else OrganizationId(self.organization_id)


class LimitBody(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be used."""

    id: UUID
    set_by: Issuer
    organization_id: UUID | None
    """Null is the platform's default: for each workspace by itself."""
    user_id: UUID | None
    api_key_id: UUID | None
    model: str | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_calls: int | None
    tokens_per_day: int | None
    tokens_per_month: int | None
    eur_per_day: float | None
    eur_per_month: float | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, limit: Limit) -> Self:
        """Show a limit."""
        return cls(
            id=limit.id,
            set_by=limit.issuer,
            organization_id=limit.organization_id,
            user_id=limit.user_id,
            api_key_id=limit.api_key_id,
            model=limit.model,
            requests_per_minute=limit.requests_per_minute,
            tokens_per_minute=limit.tokens_per_minute,
            concurrent_calls=limit.concurrent_calls,
            tokens_per_day=limit.tokens_per_day,
            tokens_per_month=limit.tokens_per_month,
            eur_per_day=_number(limit.eur_per_day),
            eur_per_month=_number(limit.eur_per_month),
            created_at=limit.created_at,
            updated_at=limit.updated_at,
        )


def _number(amount: Eur | None) -> float | None:
    return None if amount is None else float(amount)
