"""What tokens cost, and what was charged for those that were used."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.finops.entities.wallets import MICRO_EUR, Payer
from inventiv_core.finops.errors import TokenPriceInvalid
from inventiv_core.kernel.money import ZERO_EUR, Eur
from inventiv_core.models.entities import Price
from inventiv_core.models.entities import TokenUsage as UsedTokens

_UNITS: Final = frozenset({1_000, 1_000_000})
_MOST_EUR: Final = 1_000_000


class PricedKind(StrEnum):
    """What a price of tokens is for. The later ones go before the earlier."""

    MODEL = "model"
    """A model, by its public name."""
    OFFERING = "offering"
    """What an organization offers, by ``slug/code`` or id."""
    SHARE = "share"
    """What one organization lets another use, by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedThing:
    """What a price of tokens is for."""

    kind: PricedKind
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """What tokens cost from an instant on, until the next price of the same thing."""

    id: UUID
    thing: PricedThing
    input_eur: Eur
    output_eur: Eur
    cached_input_eur: Eur
    """For input that the engine had not to read again."""
    per_tokens: int
    """How many tokens the prices are for: 1000, or 1000000."""
    valid_from: datetime

    def __post_init__(self) -> None:
        """Refuse what is no price."""
        prices = (self.input_eur, self.output_eur, self.cached_input_eur)
        if self.per_tokens not in _UNITS or self.valid_from.tzinfo is None:
            raise TokenPriceInvalid
        if not all(price.is_finite() and 0 <= price < _MOST_EUR for price in prices):
            raise TokenPriceInvalid

    def charge(self, usage: "TokenUsage") -> Eur:
        """Return what the usage costs, rounded once, to a micro-euro, half to even."""
        cached = min(max(usage.cached_input_tokens, 0), max(usage.input_tokens, 0))
        whole = (
            (max(usage.input_tokens, 0) - cached) * self.input_eur
            + cached * self.cached_input_eur
            + max(usage.output_tokens, 0) * self.output_eur
        ) / self.per_tokens
        return whole.quantize(MICRO_EUR, rounding=ROUND_HALF_EVEN)


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class TokenUsage:
    """What one request has used, as it was metered."""

    request_id: UUID
    """The record's own: it is charged once, however often it comes."""
    user_id: UUID | None
    organization_id: UUID | None
    """Whose workspace it was; ``None`` for the personal one."""
    api_key_id: UUID | None
    instance_id: UUID | None
    model_id: str
    """The model's public name."""
    input_tokens: int
    """Those that were cached included."""
    output_tokens: int
    at: datetime
    cached_input_tokens: int = 0
    offering: str | None = None
    share: str | None = None
    agreed: Price | None = None
    """What its provider took at that moment: holds before any list of prices."""

    @property
    def counted(self) -> UsedTokens:
        """Only the numbers."""
        return UsedTokens(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_input_tokens=self.cached_input_tokens,
        )

    @property
    def payer(self) -> Payer | None:
        """Who pays: the workspace it was used in."""
        if self.organization_id is not None:
            return Payer.of(user_id=None, organization_id=self.organization_id)
        if self.user_id is None:
            return None
        return Payer.of(user_id=self.user_id, organization_id=None)

    @property
    def things(self) -> tuple[PricedThing, ...]:
        """What may have a price for this, what goes before others first."""
        keys = {
            PricedKind.SHARE: self.share,
            PricedKind.OFFERING: self.offering,
            PricedKind.MODEL: self.model_id,
        }
        return tuple(
            PricedThing(kind=kind, key=key) for kind, key in keys.items() if key is not None
        )


@dataclass(slots=True, kw_only=True)  # not frozen: one for each call, at half the price
class TokenCharge:
    """What was charged for one request; nothing, if no price held."""

    usage: TokenUsage
    price_id: UUID | None
    amount_eur: Eur
    charged_at: datetime


def price_of(usage: TokenUsage, prices: Iterable[TokenPrice]) -> TokenPrice | None:
    """Return the price that held: of the most particular thing that had one then."""
    begun = [price for price in prices if price.valid_from <= usage.at]
    for thing in usage.things if begun else ():
        held = [price for price in begun if price.thing == thing]
        if held:
            return max(held, key=lambda price: price.valid_from)
    return None


def charge(usage: TokenUsage, prices: Collection[TokenPrice], *, at: datetime) -> TokenCharge:
    """Charge for one request: what was agreed, or else what the list says."""
    if usage.agreed is not None:
        amount = usage.agreed.cost(usage.counted).quantize(MICRO_EUR, rounding=ROUND_HALF_EVEN)
        return TokenCharge(usage=usage, price_id=None, amount_eur=amount, charged_at=at)
    price = price_of(usage, prices) if prices else None
    return TokenCharge(
        usage=usage,
        price_id=None if price is None else price.id,
        amount_eur=ZERO_EUR if price is None else price.charge(usage),
        charged_at=at,
    )
