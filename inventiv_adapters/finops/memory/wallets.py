"""Wallets, prices of tokens and charges, in memory."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_core.finops.entities.tokens import PricedThing, TokenCharge, TokenPrice
from inventiv_core.finops.entities.wallets import EntryKind, Month, Payer, WalletEntry
from inventiv_core.finops.ports.wallets import TokenRepository, WalletQueries, WalletRepository
from inventiv_core.finops.views.wallets import StatementLine, WalletRow
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.users import Plan, User
from inventiv_core.kernel.money import ZERO_EUR, Eur


def _owner(database: MemoryDatabase, payer: Payer) -> User | Organization | None:
    if payer.organization_id is not None:
        return database.table(Organization).get(payer.organization_id)
    return None if payer.user_id is None else database.table(User).get(payer.user_id)


def _row(owner: User | Organization | None) -> WalletRow | None:
    match owner:
        case User():
            return WalletRow(plan=owner.account_plan, balance_eur=owner.wallet_balance_eur)
        case Organization():
            return WalletRow(plan=owner.subscription_plan, balance_eur=owner.wallet_balance_eur)
        case None:
            return None


class MemoryWallets(WalletRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def lock(self, payer: Payer) -> WalletRow | None:
        return _row(_owner(self._database, payer))

    async def name_of(self, payer: Payer) -> str:
        owner = _owner(self._database, payer)
        match owner:
            case User():
                return owner.username
            case Organization():
                return owner.name
            case None:
                return ""

    async def post(self, entry: WalletEntry) -> None:
        owner = _owner(self._database, entry.payer)
        if owner is not None:
            self._put(
                replace(owner, wallet_balance_eur=owner.wallet_balance_eur + entry.amount_eur)
            )
        self._database.table(WalletEntry)[entry.id] = entry

    async def change_plan(self, payer: Payer, plan: Plan) -> None:
        owner = _owner(self._database, payer)
        match owner:
            case User():
                self._put(replace(owner, account_plan=plan))
            case Organization():
                self._put(replace(owner, subscription_plan=plan))
            case None:
                return

    def _put(self, owner: User | Organization) -> None:
        match owner:
            case User():
                self._database.table(User)[owner.id] = owner
            case Organization():
                self._database.table(Organization)[owner.id] = owner


class MemoryTokens(TokenRepository):
    """The repository."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add_price(self, price: TokenPrice) -> None:
        table = self._database.table(TokenPrice)
        place = (price.thing, price.valid_from)
        for id, known in list(table.items()):  # noqa: A001 - the key of the table
            if (known.thing, known.valid_from) == place:
                del table[id]
        table[price.id] = price

    async def prices(self, things: Collection[PricedThing]) -> Sequence[TokenPrice]:
        found = [
            price
            for price in self._database.table(TokenPrice).values()
            if price.thing in set(things)
        ]
        return sorted(found, key=lambda one: (one.thing.kind, one.thing.key, one.valid_from))

    async def add_charges(self, charges: Sequence[TokenCharge]) -> frozenset[UUID]:
        table = self._database.table(TokenCharge)
        new: set[UUID] = set()
        for one in charges:
            if one.usage.request_id not in table:
                table[one.usage.request_id] = one
                new.add(one.usage.request_id)
        return frozenset(new)


class MemoryWalletQueries(WalletQueries):
    """The read side."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def find(self, payer: Payer) -> WalletRow | None:
        owner = _owner(self._database, payer)
        if isinstance(owner, Organization) and owner.deleted_at is not None:
            return None
        return _row(owner)

    async def opening(self, payer: Payer, *, at: datetime) -> Eur:
        entries = self._database.table(WalletEntry).values()
        return sum(
            (entry.amount_eur for entry in entries if entry.payer == payer and entry.at < at),
            ZERO_EUR,
        )

    async def lines(self, payer: Payer, month: Month, *, limit: int) -> Sequence[StatementLine]:
        lines = [
            _line(EntryKind.TOP_UP, entry.at, amount=entry.amount_eur, note=entry.note)
            for entry in self._database.table(WalletEntry).values()
            if entry.payer == payer
            and month.start <= entry.at < month.end
            and entry.kind is EntryKind.TOP_UP
        ]
        lines += self._tokens(payer, month)
        lines.sort(key=lambda line: (line.at, line.model_id is None, line.model_id or ""))
        return lines[:limit]

    def _tokens(self, payer: Payer, month: Month) -> list[StatementLine]:
        by_day: defaultdict[tuple[datetime, str], list[TokenCharge]] = defaultdict(list)
        for one in self._database.table(TokenCharge).values():
            if one.usage.payer == payer and month.start <= one.charged_at < month.end:
                day = one.charged_at.replace(hour=0, minute=0, second=0, microsecond=0)
                by_day[day, one.usage.model_id].append(one)
        return [
            StatementLine(
                kind=EntryKind.TOKENS,
                at=day,
                model_id=model_id,
                note=None,
                requests=len(charges),
                input_tokens=sum(one.usage.input_tokens for one in charges),
                output_tokens=sum(one.usage.output_tokens for one in charges),
                amount_eur=-sum((one.amount_eur for one in charges), ZERO_EUR),
            )
            for (day, model_id), charges in by_day.items()
        ]

    async def token_prices(self, *, limit: int) -> Sequence[TokenPrice]:
        prices = self._database.table(TokenPrice).values()
        found = sorted(prices, key=lambda one: (one.valid_from, one.id), reverse=True)
        return found[:limit]


def _line(kind: EntryKind, at: datetime, *, amount: Eur, note: str | None) -> StatementLine:
    return StatementLine(
        kind=kind, at=at, model_id=None, note=note, requests=None, input_tokens=None,
        output_tokens=None, amount_eur=amount,
    )  # fmt: skip
