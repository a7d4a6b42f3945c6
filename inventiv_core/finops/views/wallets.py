"""Wallets as people look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inventiv_core.finops.entities.wallets import Month
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.money import Eur


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRow:
    """What is in a wallet, and on what plan its owner is."""

    plan: Plan
    balance_eur: Eur


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """What went in, or what one model's tokens have cost on one day."""

    kind: str
    at: datetime
    """When it went in; of tokens, when the day began."""
    model_id: str | None
    note: str | None
    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    amount_eur: Eur


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One month of a wallet: the lines are the whole way from one balance to the other."""

    month: Month
    opening_eur: Eur
    lines: Sequence[StatementLine]

    @property
    def closing_eur(self) -> Eur:
        """What was in it at the end."""
        return sum((line.amount_eur for line in self.lines), self.opening_eur)
