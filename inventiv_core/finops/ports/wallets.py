"""Wallets, prices of tokens, and charges."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from inventiv_core.finops.entities.tokens import PricedThing, TokenCharge, TokenPrice
from inventiv_core.finops.entities.wallets import Month, Payer, WalletEntry
from inventiv_core.finops.views.wallets import StatementLine, WalletRow
from inventiv_core.identity.entities.users import Plan
from inventiv_core.identity.ports.acts import ActWork
from inventiv_core.kernel.idempotency import IdempotentWork
from inventiv_core.kernel.money import Eur


class WalletRepository(Protocol):
    """All wallets. A balance is always the sum of the wallet's entries."""

    async def lock(self, payer: Payer) -> WalletRow | None:
        """Return a wallet, and let nobody else change it until the work ends."""
        ...

    async def name_of(self, payer: Payer) -> str:
        """Return what its owner is called."""
        ...

    async def post(self, entry: WalletEntry) -> None:
        """Store an entry of a locked wallet, and its balance."""
        ...

    async def change_plan(self, payer: Payer, plan: Plan) -> None:
        """Put the owner of a locked wallet on another plan."""
        ...


class TokenRepository(Protocol):
    """Prices of tokens, and what was charged for them."""

    async def add_price(self, price: TokenPrice) -> None:
        """Store a price; one of the same thing from the same instant on is replaced by it."""
        ...

    async def prices(self, things: Collection[PricedThing]) -> Sequence[TokenPrice]:
        """Return all prices of those things."""
        ...

    async def add_charges(self, charges: Sequence[TokenCharge]) -> frozenset[UUID]:
        """Store those that are not stored yet; return their request ids. One statement."""
        ...


class WalletQueries(Protocol):
    """Wallets as people look at them."""

    async def find(self, payer: Payer) -> WalletRow | None:
        """Return a wallet."""
        ...

    async def opening(self, payer: Payer, *, at: datetime) -> Eur:
        """Return what was in a wallet just before an instant."""
        ...

    async def lines(self, payer: Payer, month: Month, *, limit: int) -> Sequence[StatementLine]:
        """List what went in and out in a month, oldest first; tokens by day (UTC) and model."""
        ...

    async def token_prices(self, *, limit: int) -> Sequence[TokenPrice]:
        """List prices of tokens, newest first."""
        ...


class LedgerWork(ActWork, IdempotentWork, Protocol):
    """What one atomic piece of work on wallets may touch."""

    @property
    def wallets(self) -> WalletRepository: ...
    @property
    def tokens(self) -> TokenRepository: ...
