"""Charging for tokens that were used."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from inventiv_core.finops.entities.tokens import PricedThing, TokenUsage, charge
from inventiv_core.finops.entities.wallets import EntryKind, Payer, WalletEntry
from inventiv_core.finops.ports.wallets import LedgerWork
from inventiv_core.identity.access import Actor, Permission
from inventiv_core.kernel.clock import Clock
from inventiv_core.kernel.ids import NewId
from inventiv_core.kernel.money import ZERO_EUR
from inventiv_core.kernel.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeUsage:
    """Charge for what was used: once for each request, whoever says it again.

    It was used already, so it is charged whatever is in the wallet, which may owe something
    then; who may use what is decided before, by its `Standing`.
    """

    unit_of_work: UnitOfWork[LedgerWork]
    clock: Clock
    new_id: NewId

    async def __call__(self, usages: Sequence[TokenUsage], *, actor: Actor) -> int:
        """Return how many requests were not charged for before."""
        actor.must(Permission.OPERATE)
        now = self.clock.now()
        async with self.unit_of_work() as work:
            prices = await work.tokens.prices(_listed(usages))
            charges = [charge(usage, prices, at=now) for usage in usages]
            new = await work.tokens.add_charges(charges)
            due: defaultdict[Payer, Decimal] = defaultdict(lambda: ZERO_EUR)
            for one in {one.usage.request_id: one for one in charges}.values():
                if one.amount_eur and one.usage.payer and one.usage.request_id in new:
                    due[one.usage.payer] += one.amount_eur
            for payer in sorted(due, key=lambda payer: payer.place):
                await self._debit(payer, due[payer], work, at=now)
        return len(new)

    async def _debit(
        self, payer: Payer, amount: Decimal, work: LedgerWork, *, at: datetime
    ) -> None:
        wallet = await work.wallets.lock(payer)
        if wallet is None:
            return  # who owed it is gone, and so is the wallet
        entry = WalletEntry(
            id=self.new_id(),
            payer=payer,
            kind=EntryKind.TOKENS,
            amount_eur=-amount,
            balance_eur=wallet.balance_eur - amount,
            note=None,
            at=at,
        )
        await work.wallets.post(entry)


def _listed(usages: Sequence[TokenUsage]) -> set[PricedThing]:
    """Return what lists of prices may have a price for: of many usages, they are few."""
    unlike = {(one.share, one.offering, one.model_id): one for one in usages if not one.agreed}
    return {thing for usage in unlike.values() for thing in usage.things}
