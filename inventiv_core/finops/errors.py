"""What can go wrong with wallets and prices."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from inventiv_core.kernel.errors import Invalid, NotFound


@dataclass(eq=False, kw_only=True)
class WalletNotFound(NotFound):
    """There is no such user, or organization."""

    user_id: UUID | None
    organization_id: UUID | None


class PayerAmbiguous(Invalid):
    """A wallet is a user's or an organization's: name one of them."""


@dataclass(eq=False, kw_only=True)
class AmountInvalid(Invalid):
    """An amount is more than nothing, less than a billion euros, and no finer than a millionth."""

    amount_eur: Decimal


class MonthInvalid(Invalid):
    """A month is written as YYYY-MM."""


class TokenPriceInvalid(Invalid):
    """Prices are at least 0, for 1000 or 1000000 tokens, from an instant with an offset on."""
