"""Looking into wallets, topping them up, and pricing tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from inventiv_core.finops.entities.tokens import PricedThing, TokenPrice
from inventiv_core.finops.entities.wallets import (
    EntryKind,
    Month,
    Payer,
    WalletEntry,
    top_up_amount,
)
from inventiv_core.finops.errors import WalletNotFound
from inventiv_core.finops.events import CreditsAdded
from inventiv_core.finops.ports.wallets import LedgerWork, WalletQueries
from inventiv_core.finops.views.wallets import Statement, WalletRow
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.identity.entities.acts import Act, Subject
from inventiv_core.identity.entities.users import Plan
from inventiv_core.identity.use_cases.acts import enter
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.unit_of_work import UnitOfWork

_MOST_LINES: Final = 10_000
_MOST_PRICES: Final = 500


class FinopsAct(StrEnum):
    """What people do about money."""

    WALLET_TOPPED_UP = "WALLET_TOPPED_UP"
    PLAN_CHANGED = "PLAN_CHANGED"
    TOKEN_PRICE_SET = "TOKEN_PRICE_SET"  # noqa: S105 - a kind, not a password


def wallet_of(actor: Actor) -> Payer:
    """Return the wallet of the workspace that the actor is in."""
    user_id = actor.must_be_user(Permission.VIEW_WALLET)
    if actor.organization_id is not None:
        return Payer.of(user_id=None, organization_id=actor.organization_id)
    return Payer.of(user_id=user_id, organization_id=None)


def _missing(payer: Payer) -> WalletNotFound:
    return WalletNotFound(user_id=payer.user_id, organization_id=payer.organization_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWallet:
    """Look into the wallet of the workspace."""

    wallet_queries: WalletQueries

    async def __call__(self, *, actor: Actor) -> WalletRow:
        """Return what is in it, and the plan."""
        payer = wallet_of(actor)
        wallet = await self.wallet_queries.find(payer)
        if wallet is None:
            raise _missing(payer)
        return wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatement:
    """See a month of the wallet of the workspace."""

    wallet_queries: WalletQueries
    clock: Clock

    async def __call__(self, month: str | None, *, actor: Actor) -> Statement:
        """Return the month that is written so, or the present one; or raise `MonthInvalid`."""
        payer = wallet_of(actor)
        wanted = Month.of(month, now=self.clock.now())
        return Statement(
            month=wanted,
            opening_eur=await self.wallet_queries.opening(payer, at=wanted.start),
            lines=await self.wallet_queries.lines(payer, wanted, limit=_MOST_LINES),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpWallet:
    """Put money into a wallet."""

    unit_of_work: UnitOfWork[LedgerWork]
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        payer: Payer,
        amount_eur: Decimal,
        *,
        note: str | None,
        actor: Actor,
        key: IdempotencyKey | None = None,
    ) -> Decimal:
        """Return the balance after. The same ``key`` puts it in once.

        Raises:
            AmountInvalid: Nothing, too much, or finer than a micro-euro.
            WalletNotFound: There is no such user or organization.
        """
        actor.must(Permission.MANAGE_BILLING)
        amount, now = top_up_amount(amount_eur), self.clock.now()
        scope = payer.organization_id or payer.user_id or UUID(int=0)
        async with self.unit_of_work() as work:
            if key is not None:
                known = await work.idempotency.begin(key, scope=scope, at=now)
                if known is not None:
                    return Decimal(known)
            wallet = await work.wallets.lock(payer)
            if wallet is None:
                raise _missing(payer)
            entry = WalletEntry(
                id=self.new_id(),
                payer=payer,
                kind=EntryKind.TOP_UP,
                amount_eur=amount,
                balance_eur=wallet.balance_eur + amount,
                note=note,
                at=now,
            )
            await work.wallets.post(entry)
            await enter(await self._act(entry, wallet, work, actor), work)
            await work.outbox.add(
                CreditsAdded(
                    event_id=entry.id,
                    organization_id=payer.organization_id,
                    user_id=payer.user_id,
                    amount_eur=amount,
                    balance_eur=entry.balance_eur,
                    occurred_at=now,
                )
            )
            if key is not None:
                await work.idempotency.finish(key, scope=scope, result=str(entry.balance_eur))
        return entry.balance_eur

    async def _act(
        self, entry: WalletEntry, wallet: WalletRow, work: LedgerWork, actor: Actor
    ) -> Act:
        return Act(
            id=self.new_id(),
            kind=FinopsAct.WALLET_TOPPED_UP,
            actor=actor,
            organization_id=entry.payer.organization_id,
            subject=await _subject(entry.payer, work),
            at=entry.at,
            before={"wallet_balance_eur": str(wallet.balance_eur)},
            after={"wallet_balance_eur": str(entry.balance_eur)},
            facts={"amount_eur": str(entry.amount_eur), "note": entry.note},
        )


async def _subject(payer: Payer, work: LedgerWork) -> Subject:
    name = await work.wallets.name_of(payer)
    if payer.organization_id is not None:
        return Subject(kind="organization", id=payer.organization_id, name=name)
    return Subject(kind="user", id=payer.user_id or UUID(int=0), name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan:
    """Put a user, or an organization, on another plan."""

    unit_of_work: UnitOfWork[LedgerWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, payer: Payer, plan: Plan, *, actor: Actor) -> WalletRow:
        """Return how they stand then, or raise `WalletNotFound`."""
        actor.must(Permission.MANAGE_BILLING)
        async with self.unit_of_work() as work:
            wallet = await work.wallets.lock(payer)
            if wallet is None:
                raise _missing(payer)
            if wallet.plan is not plan:
                await work.wallets.change_plan(payer, plan)
                act = Act(
                    id=self.new_id(),
                    kind=FinopsAct.PLAN_CHANGED,
                    actor=actor,
                    organization_id=payer.organization_id,
                    subject=await _subject(payer, work),
                    at=self.clock.now(),
                    before={"plan": wallet.plan},
                    after={"plan": plan},
                )
                await enter(act, work)
            return replace(wallet, plan=plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrice:
    """What tokens are to cost."""

    thing: PricedThing
    input_eur: Decimal
    output_eur: Decimal
    cached_input_eur: Decimal | None
    """The same as other input, if there is none."""
    per_tokens: int
    valid_from: datetime | None
    """From now on, if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTokenPrice:
    """Say what tokens cost from an instant on."""

    unit_of_work: UnitOfWork[LedgerWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, new: NewPrice, *, actor: Actor) -> TokenPrice:
        """Store the price. What was charged already stays as it was charged."""
        actor.must(Permission.MANAGE_BILLING)
        now = self.clock.now()
        price = TokenPrice(
            id=self.new_id(),
            thing=new.thing,
            input_eur=new.input_eur,
            output_eur=new.output_eur,
            cached_input_eur=(
                new.input_eur if new.cached_input_eur is None else new.cached_input_eur
            ),
            per_tokens=new.per_tokens,
            valid_from=new.valid_from or now,
        )
        async with self.unit_of_work() as work:
            await work.tokens.add_price(price)
            act = Act(
                id=self.new_id(),
                kind=FinopsAct.TOKEN_PRICE_SET,
                actor=actor,
                organization_id=None,
                subject=Subject(kind=price.thing.kind, id=price.id, name=price.thing.key),
                at=now,
                after={
                    "input_eur": str(price.input_eur),
                    "output_eur": str(price.output_eur),
                    "cached_input_eur": str(price.cached_input_eur),
                    "per_tokens": price.per_tokens,
                    "valid_from": price.valid_from.isoformat(),
                },
            )
            await enter(act, work)
        return price


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTokenPrices:
    """List what tokens cost, and have cost."""

    wallet_queries: WalletQueries

    async def __call__(self, *, actor: Actor) -> Sequence[TokenPrice]:
        """Return the newest first."""
        actor.must(Permission.MANAGE_BILLING)
        return await self.wallet_queries.token_prices(limit=_MOST_PRICES)
