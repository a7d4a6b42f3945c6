"""Wallets: who pays, and what went in and out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from inventiv_core.finops.errors import (
    AmountInvalid,
    MonthInvalid,
    PayerAmbiguous,
)
from inventiv_core.identity.access import OrganizationId, UserId
from inventiv_core.kernel.money import Eur

MICRO_EUR: Final = Decimal("0.000001")
_MOST_EUR: Final = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Whose wallet it is: a user's, in the personal workspace, or an organization's."""

    user_id: UserId | None
    organization_id: OrganizationId | None

    @classmethod
    def of(cls, *, user_id: UUID | None, organization_id: UUID | None) -> Self:
        """Return one of the two, or raise `PayerAmbiguous`."""
        if (user_id is None) == (organization_id is None):
            raise PayerAmbiguous
        return cls(
            user_id=None if user_id is None else UserId(user_id),
            organization_id=None if organization_id is None else OrganizationId(organization_id),
        )

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands among all: the order of locking, so that nobody waits in a circle."""
        return str(self.organization_id or ""), str(self.user_id or "")


class EntryKind(StrEnum):
    """Why a balance has changed."""

    TOP_UP = "top_up"
    TOKENS = "tokens"
    """Tokens that were used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletEntry:
    """One change of a balance. Never changed itself: the balance is the sum of all."""

    id: UUID
    payer: Payer
    kind: EntryKind
    amount_eur: Eur
    """Positive if it went in, negative if it went out; no finer than a micro-euro."""
    balance_eur: Eur
    """What was in the wallet then."""
    note: str | None
    at: datetime


def top_up_amount(amount: Decimal) -> Eur:
    """Return an amount that may be put into a wallet, or raise `AmountInvalid`."""
    if not amount.is_finite() or not MICRO_EUR <= amount < _MOST_EUR:
        raise AmountInvalid(amount_eur=amount)
    if amount != amount.quantize(MICRO_EUR):
        raise AmountInvalid(amount_eur=amount)
    return amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, text: str | None, *, now: datetime) -> Self:
        """Return the month that is written so, or the present one; or raise `MonthInvalid`."""
        try:
            start = now if text is None else datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
            start = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            year, month = divmod(start.year * 12 + start.month, 12)
            return cls(start=start, end=start.replace(year=year, month=month + 1))
        except ValueError as error:
            raise MonthInvalid from error
