"""Wallets in both worlds: what goes in, what is charged, and what statements say of it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from inventiv_core.finops.entities.tokens import PricedKind, PricedThing, TokenPrice, TokenUsage
from inventiv_core.finops.entities.wallets import Month, Payer
from inventiv_core.finops.use_cases.charging import ChargeUsage
from inventiv_core.finops.use_cases.wallets import ChangePlan, TopUpWallet
from inventiv_core.identity.access import GLOBAL_PERMISSIONS, PLATFORM, Actor
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.idempotency import IdempotencyKey
from inventiv_core.models.entities import Price
from tests.adapters.finops.accounts import numbered
from tests.adapters.two_worlds import InBothWorlds
from tests.builders import ACME, ALICE, NOON, OTHER, a_number, an_actor

ADMIN = Actor(
    user_id=an_actor().user_id, organization_id=None, permissions=GLOBAL_PERMISSIONS
)  # fmt: skip
PAYERS = (
    Payer.of(user_id=None, organization_id=ACME),
    Payer.of(user_id=None, organization_id=OTHER),
    Payer.of(user_id=ALICE, organization_id=None),
    Payer.of(user_id=UUID(int=404), organization_id=None),  # is nobody
)
DECADE = timedelta(days=3_650)
payers = st.sampled_from(PAYERS)
amounts = st.sampled_from(["0.000001", "1", "12.34", "999999999.999999"]).map(Decimal)
rates = st.sampled_from(["0", "0.000001", "0.333333", "15"]).map(Decimal)
tokens = st.sampled_from([0, 1, 7, 1_000, 123_456])
things = st.builds(PricedThing, kind=st.sampled_from(PricedKind), key=st.sampled_from(["m", "o"]))
jumps = st.sampled_from([
    timedelta(microseconds=1), timedelta(hours=7), timedelta(days=20), -timedelta(days=2),
])  # fmt: skip


class Purses(InBothWorlds):
    """Money goes in and out, prices and plans change, the clock jumps, everything comes twice."""

    usages: list[TokenUsage]

    @initialize()
    def open(self) -> None:
        self.begin()
        self.usages = []

    def use(self, kind: Callable[..., Any], *words: Any, **said: Any) -> Any:
        """Have a use case carried out in both worlds, with the same ids."""
        number = a_number().int

        async def run(adapters: Any) -> object:
            done = kind(
                unit_of_work=adapters.unit_of_work(), clock=self.clock, new_id=numbered(number)
            )
            return await done(*words, **said)

        return self.both(run)

    @rule(payer=payers, amount=amounts, key=st.none() | st.sampled_from(["a", "b"]))
    def top_up(self, payer: Payer, amount: Decimal, key: str | None) -> None:
        once = None if key is None else IdempotencyKey(key=key, fingerprint=f"{payer}{amount}")
        self.use(TopUpWallet, payer, amount, note=key, actor=ADMIN, key=once)

    @rule(payer=payers, plan=st.sampled_from(Plan))
    def subscribe(self, payer: Payer, plan: Plan) -> None:
        self.use(ChangePlan, payer, plan, actor=ADMIN)

    @rule(thing=things, rate=rates, per=st.sampled_from([1_000, 1_000_000]), since=jumps)
    def price(self, thing: PricedThing, rate: Decimal, per: int, since: timedelta) -> None:
        price = TokenPrice(
            id=a_number(), thing=thing, input_eur=rate, output_eur=2 * rate,
            cached_input_eur=rate / 2, per_tokens=per, valid_from=self.clock.now() - since,
        )  # fmt: skip
        self.work(lambda work: work.tokens.add_price(price))

    @rule(
        payer=payers,
        counts=st.tuples(tokens, tokens, tokens),
        offering=st.none() | st.just("o"),
        agreed=st.none() | rates,
        again=st.integers(0, 3),
    )
    def charge(
        self,
        payer: Payer,
        counts: tuple[int, int, int],
        offering: str | None,
        agreed: Decimal | None,
        again: int,
    ) -> None:
        """Tell of one more request, and of some that were told before."""
        price = None
        if agreed is not None:
            price = Price(input_per_1m_tokens_eur=agreed, output_per_1m_tokens_eur=agreed)
        self.usages.append(
            TokenUsage(
                request_id=a_number(), user_id=payer.user_id or ALICE,
                organization_id=payer.organization_id, api_key_id=None, instance_id=None,
                model_id="m", input_tokens=counts[0], output_tokens=counts[1],
                cached_input_tokens=counts[2], at=self.clock.now(), offering=offering,
                agreed=price,
            )
        )  # fmt: skip
        told = self.usages[-1 - again :]
        assert self.use(ChargeUsage, told, actor=PLATFORM) == 1

    @rule(by=jumps)
    def jump(self, by: timedelta) -> None:
        self.clock.advance(by)

    @invariant()
    def a_balance_is_the_sum_of_all_that_went_by(self) -> None:
        for payer in PAYERS:
            wallet = self.both(lambda adapters, payer=payer: adapters.wallet_queries().find(payer))  # type: ignore[misc]
            balances = [
                self.both(
                    lambda adapters, payer=payer, at=at: adapters.wallet_queries().opening(
                        payer, at=at
                    )  # type: ignore[misc]
                )
                for at in (NOON - DECADE, NOON + DECADE)
            ]
            assert balances == [0, 0 if wallet is None else wallet.balance_eur]

    @rule(payer=payers)
    def read_the_statement(self, payer: Payer) -> None:
        """Lines lead from one balance to the next."""
        month = Month.of(None, now=self.clock.now())
        lines = self.both(lambda adapters: adapters.wallet_queries().lines(payer, month, limit=99))
        opening, closing = (
            self.both(
                lambda adapters, at=at: adapters.wallet_queries().opening(payer, at=at)  # type: ignore[misc]
            )
            for at in (month.start, month.end)
        )
        if payer is not PAYERS[-1]:  # who is nobody is charged, and has no wallet for it
            assert opening + sum(line.amount_eur for line in lines) == closing

    @rule(of=st.none() | st.sets(st.sampled_from([ACME, OTHER, ALICE])), limit=st.integers(0, 3))
    def stand(self, of: Any, limit: int) -> None:
        self.both(lambda adapters: adapters.offering_queries().standings(of, limit=limit))
