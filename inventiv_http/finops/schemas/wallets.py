"""Wallets and prices of tokens, on the wire. Amounts are euros, as JSON numbers."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

import msgspec
from msgspec import Meta

from inventiv_core.finops.entities.tokens import PricedKind, PricedThing, TokenPrice
from inventiv_core.finops.entities.wallets import Payer
from inventiv_core.finops.use_cases.wallets import NewPrice
from inventiv_core.finops.views.wallets import Statement, StatementLine, WalletRow
from inventiv_core.identity.access import Actor
from inventiv_core.identity.entities.users import Plan

Note = Annotated[str, Meta(max_length=500)]
Key = Annotated[str, Meta(min_length=1, max_length=500)]


class WalletBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a wallet, and on what plan its owner is."""

    organization_id: UUID | None
    """``None`` for the personal one."""
    plan: Plan
    wallet_balance_eur: float

    @classmethod
    def of(cls, wallet: WalletRow, organization_id: UUID | None) -> Self:
        """Show it."""
        return cls(
            organization_id=organization_id,
            plan=wallet.plan,
            wallet_balance_eur=float(wallet.balance_eur),
        )

    @classmethod
    def seen_by(cls, actor: Actor, wallet: WalletRow) -> Self:
        """Show the wallet of the workspace."""
        return cls.of(wallet, actor.organization_id)


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Names a user, or an organization."""

    user_id: UUID | None = None
    organization_id: UUID | None = None

    def payer(self) -> Payer:
        """Return whose wallet is meant."""
        return Payer.of(user_id=self.user_id, organization_id=self.organization_id)


class NewTopUp(Named, frozen=True, kw_only=True):
    """Money for a wallet."""

    amount_eur: Decimal
    """A number, or a text; no finer than a millionth of a euro."""
    note: Note | None = None


class ToppedUpBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a wallet after."""

    wallet_balance_eur: float


class NewPlan(Named, frozen=True, kw_only=True):
    """A plan for a user, or an organization."""

    plan: Plan


class LineBody(msgspec.Struct, frozen=True, kw_only=True):
    """What went in, or what one model's tokens have cost on one day."""

    kind: str
    at: datetime
    model_id: str | None
    note: str | None
    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    amount_eur: float

    @classmethod
    def of(cls, line: StatementLine) -> Self:
        """Show it."""
        return cls(
            kind=line.kind,
            at=line.at,
            model_id=line.model_id,
            note=line.note,
            requests=line.requests,
            input_tokens=line.input_tokens,
            output_tokens=line.output_tokens,
            amount_eur=float(line.amount_eur),
        )


class StatementBody(msgspec.Struct, frozen=True, kw_only=True):
    """One month of a wallet."""

    month: str
    opening_balance_eur: float
    closing_balance_eur: float
    lines: list[LineBody]

    @classmethod
    def of(cls, statement: Statement) -> Self:
        """Show it."""
        return cls(
            month=f"{statement.month.start:%Y-%m}",
            opening_balance_eur=float(statement.opening_eur),
            closing_balance_eur=float(statement.closing_eur),
            lines=[LineBody.of(line) for line in statement.lines],
        )


class NewTokenPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens cost from an instant on."""

    kind: PricedKind
    key: Key
    input_eur: Decimal
    output_eur: Decimal
    cached_input_eur: Decimal | None = None
    """The same as other input, if it is absent."""
    per_tokens: int = 1_000_000
    valid_from: datetime | None = None
    """From now on, if it is absent."""

    def price(self) -> NewPrice:
        """Return what is meant."""
        return NewPrice(
            thing=PricedThing(kind=self.kind, key=self.key),
            input_eur=self.input_eur,
            output_eur=self.output_eur,
            cached_input_eur=self.cached_input_eur,
            per_tokens=self.per_tokens,
            valid_from=self.valid_from,
        )


class TokenPriceBody(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens cost from an instant on."""

    id: UUID
    kind: PricedKind
    key: str
    input_eur: float
    output_eur: float
    cached_input_eur: float
    per_tokens: int
    valid_from: datetime

    @classmethod
    def of(cls, price: TokenPrice) -> Self:
        """Show it."""
        return cls(
            id=price.id,
            kind=price.thing.kind,
            key=price.thing.key,
            input_eur=float(price.input_eur),
            output_eur=float(price.output_eur),
            cached_input_eur=float(price.cached_input_eur),
            per_tokens=price.per_tokens,
            valid_from=price.valid_from,
        )
