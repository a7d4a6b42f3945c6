"""Wallets in every world: what is charged once, and balances that are the sum of what went by."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from inventiv_core.finops.entities.tokens import PricedKind, PricedThing, TokenPrice, TokenUsage
from inventiv_core.finops.entities.wallets import Month, Payer
from inventiv_core.finops.errors import WalletNotFound
from inventiv_core.finops.use_cases.charging import ChargeUsage
from inventiv_core.finops.use_cases.wallets import ChangePlan, TopUpWallet
from inventiv_core.finops.views.wallets import Statement, WalletRow
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, PLATFORM
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.idempotency import IdempotencyKey, IdempotencyKeyReused
from inventiv_http.container import PostgresAdapters
from tests.builders import ACME, ALICE, NOON, OTHER, a_number, an_actor, given_teams

ADMIN = replace(an_actor(), permissions=GLOBAL_PERMISSIONS)
ACMES = Payer.of(user_id=None, organization_id=ACME)
OTHERS = Payer.of(user_id=None, organization_id=OTHER)
ALICES = Payer.of(user_id=ALICE, organization_id=None)
JANUARY = Month.of("2026-01", now=NOON)


def a_usage(**facts: Any) -> TokenUsage:
    usage = TokenUsage(
        request_id=a_number(),
        user_id=ALICE,
        organization_id=ACME,
        api_key_id=None,
        instance_id=None,
        model_id="acme/model",
        input_tokens=1_000,
        output_tokens=500,
        at=NOON,
    )
    return replace(usage, **facts)


def a_price(**facts: Any) -> TokenPrice:
    price = TokenPrice(
        id=a_number(),
        thing=PricedThing(kind=PricedKind.MODEL, key="acme/model"),
        input_eur=Decimal(1),
        output_eur=Decimal(2),
        cached_input_eur=Decimal("0.5"),
        per_tokens=1_000_000,
        valid_from=NOON - timedelta(days=1),
    )
    return replace(price, **facts)


class Desk:
    """Who keeps the wallets."""

    def __init__(self, adapters: Any) -> None:
        self.adapters = adapters
        common = {
            "unit_of_work": adapters.unit_of_work(),
            "clock": adapters.clock(),
            "new_id": adapters.new_id(),
        }
        self.charge_usage = ChargeUsage(**common)
        self.top_up_wallet = TopUpWallet(**common)
        self.change_plan = ChangePlan(**common)

    async def charge(self, *usages: TokenUsage) -> int:
        return await self.charge_usage(usages, actor=PLATFORM)

    async def top_up(self, payer: Payer, amount: str, key: IdempotencyKey | None = None) -> Decimal:
        return await self.top_up_wallet(payer, Decimal(amount), note=None, actor=ADMIN, key=key)

    async def price(self, *prices: TokenPrice) -> None:
        async with self.adapters.unit_of_work()() as work:
            for price in prices:
                await work.tokens.add_price(price)

    async def wallet(self, payer: Payer) -> WalletRow:
        wallet: WalletRow = await self.adapters.wallet_queries().find(payer)
        statement = await self.statement(payer, JANUARY)
        assert statement.closing_eur == wallet.balance_eur
        return wallet

    async def balance(self, payer: Payer) -> Decimal:
        return (await self.wallet(payer)).balance_eur

    async def statement(self, payer: Payer, month: Month) -> Statement:
        queries = self.adapters.wallet_queries()
        return Statement(
            month=month,
            opening_eur=await queries.opening(payer, at=month.start),
            lines=await queries.lines(payer, month, limit=99),
        )


@pytest.fixture
async def desk(adapters: Any) -> Desk:
    await given_teams(adapters.unit_of_work())
    return Desk(adapters)


async def test_a_request_is_charged_once_to_the_workspace_it_was_made_in(desk: Desk) -> None:
    await desk.price(a_price())
    usage, personal = a_usage(), a_usage(organization_id=None, input_tokens=3)
    assert await desk.charge(usage, personal) == 2
    assert await desk.charge(usage) == 0
    assert await desk.charge(personal, usage, a_usage()) == 1
    assert await desk.balance(ACMES) == Decimal("-0.004")
    assert await desk.balance(ALICES) == Decimal("-0.001003")
    assert await desk.balance(OTHERS) == 0


async def test_the_most_particular_price_that_held_is_charged(desk: Desk) -> None:
    share = PricedThing(kind=PricedKind.SHARE, key="share")
    await desk.price(
        a_price(),
        a_price(thing=share, input_eur=Decimal(9), valid_from=NOON + timedelta(hours=1)),
    )
    await desk.charge(a_usage(share="share"))
    assert await desk.balance(ACMES) == Decimal("-0.002")
    await desk.charge(a_usage(share="share", at=NOON + timedelta(hours=1)))
    assert await desk.balance(ACMES) == Decimal("-0.012")


async def test_what_has_no_price_is_free_and_stays_so(desk: Desk) -> None:
    usage = a_usage()
    assert await desk.charge(usage) == 1
    await desk.price(a_price())
    assert await desk.charge(usage) == 0
    assert await desk.balance(ACMES) == 0


async def test_a_price_of_the_same_instant_is_replaced(desk: Desk) -> None:
    await desk.price(a_price(), a_price(input_eur=Decimal(4)))
    [price] = await desk.adapters.wallet_queries().token_prices(limit=9)
    assert price.input_eur == 4


async def test_money_goes_in_once_for_each_key(desk: Desk) -> None:
    key = IdempotencyKey(key="k", fingerprint="f")
    assert await desk.top_up(ACMES, "10.000001", key) == Decimal("10.000001")
    assert await desk.top_up(ACMES, "10.000001", key) == Decimal("10.000001")
    assert await desk.top_up(ACMES, "5") == Decimal("15.000001")
    with pytest.raises(IdempotencyKeyReused):
        await desk.top_up(ACMES, "1", IdempotencyKey(key="k", fingerprint="other"))
    assert await desk.balance(ACMES) == Decimal("15.000001")


async def test_there_must_be_somebody_to_give_it_to(desk: Desk) -> None:
    nobody = Payer.of(user_id=a_number(), organization_id=None)
    with pytest.raises(WalletNotFound):
        await desk.top_up(nobody, "1")


async def test_plans_change_and_balances_do_not(desk: Desk) -> None:
    await desk.top_up(ALICES, "1")
    await desk.change_plan(ALICES, Plan.SUBSCRIBER, actor=ADMIN)
    assert await desk.wallet(ALICES) == WalletRow(plan=Plan.SUBSCRIBER, balance_eur=Decimal(1))
    assert (await desk.wallet(ACMES)).plan is Plan.FREE


async def test_a_statement_goes_from_one_balance_to_the_next(desk: Desk) -> None:
    await desk.price(a_price())
    await desk.top_up(ACMES, "10")
    await desk.charge(a_usage(), a_usage(), a_usage(model_id="free"))
    desk.adapters.clock().advance(timedelta(days=31))
    await desk.charge(a_usage())
    january = await desk.statement(ACMES, JANUARY)
    assert [
        (line.kind, line.at, line.model_id, line.requests, line.amount_eur)
        for line in january.lines
    ] == [
        ("tokens", datetime(2026, 1, 1, tzinfo=UTC), "acme/model", 2, Decimal("-0.004")),
        ("tokens", datetime(2026, 1, 1, tzinfo=UTC), "free", 1, Decimal(0)),
        ("top_up", NOON, None, None, Decimal(10)),
    ]
    february = await desk.statement(ACMES, Month.of("2026-02", now=NOON))
    assert february.opening_eur == january.closing_eur == Decimal("9.996")
    assert february.closing_eur == Decimal("9.994")


async def test_two_connections_never_lose_a_charge_or_a_top_up(postgres: PostgresAdapters) -> None:
    await given_teams(postgres.unit_of_work())
    desk = Desk(postgres)
    await desk.price(a_price())
    usages = [a_usage(organization_id=(ACME, None)[number % 2]) for number in range(40)]
    twice = [desk.charge(*usages[start : start + 8]) for start in (0, 4, 8, 16, 20, 24, 32, 0)]
    payers = (ACMES, ALICES) * 5
    topping = asyncio.gather(*(desk.top_up(payer, "1") for payer in payers))
    assert sum(await asyncio.gather(*twice)) == 40
    await topping
    assert await desk.balance(ACMES) == 5 - 20 * Decimal("0.002")
    assert await desk.balance(ALICES) == 5 - 20 * Decimal("0.002")
