"""Limits and budgets, the same in memory and in Postgres."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from inventiv_core.identity.access import ApiKeyId, OrganizationId
from inventiv_core.inference.entities.gauges import Gauge
from inventiv_core.inference.entities.limits import Issuer, Limit
from tests.adapters.inference.test_contract import a_usage
from tests.adapters.two_worlds import InBothWorlds
from tests.builders import ACME, ALICE, OTHER, a_price, an_actor
from tests.core.inference.limits import a_limit

owners = st.sampled_from([ACME, OTHER])
some = st.integers(0, 9)


class Gatehouse(InBothWorlds):
    """Limits that are set, changed and taken away, and budgets that are spent."""

    KEY = ApiKeyId(UUID(int=0xEE))

    limits: list[Limit]

    @initialize()
    def open(self) -> None:
        self.begin()
        self.limits = []

    @rule(
        owner=owners, by_platform=st.booleans(), for_all=st.booleans(), user=st.booleans(),
        key=st.booleans(), model=st.sampled_from([None, "a", "b"]), most=st.integers(1, 3),
        eur=st.none() | st.sampled_from([Decimal(1), Decimal("0.000001")]),
    )  # fmt: skip
    def limit(
        self, owner: OrganizationId, model: str | None, most: int, eur: Decimal | None, *,
        by_platform: bool, for_all: bool, user: bool, key: bool,
    ) -> None:  # fmt: skip
        limit = a_limit(
            owner=None if by_platform and for_all else owner,
            issuer=Issuer.PLATFORM if by_platform else Issuer.ORGANIZATION,
            user=ALICE if user else None,
            key=self.KEY if key else None,
            model=model,
            concurrent_calls=most,
            eur_per_month=eur,
        )
        stored = self.work(lambda work: work.limits.put(limit))
        self.limits = [one for one in self.limits if one.id != stored.id] + [stored]

    @precondition(lambda self: self.limits)
    @rule(which=some, owner=st.none() | owners, issuer=st.sampled_from(Issuer))
    def remove(self, which: int, owner: OrganizationId | None, issuer: Issuer) -> None:
        limit = self.limits[which % len(self.limits)]

        async def run(work: Any) -> object:
            found = await work.limits.get(limit.id, issuer=issuer, owner=owner)
            if found is not None:
                await work.limits.remove(found.id)
            return found

        if self.work(run) is not None:
            self.limits.remove(limit)

    @rule(
        owner=st.none() | owners, model=st.sampled_from("ab"), key=st.booleans(),
        tokens=st.integers(0, 9), cached=st.none() | st.integers(0, 12), priced=st.booleans(),
    )  # fmt: skip
    def use(
        self, owner: OrganizationId | None, model: str, tokens: int, cached: int | None, *,
        key: bool, priced: bool,
    ) -> None:  # fmt: skip
        usage = a_usage(
            occurred_at=self.clock.now(),
            organization_id=owner,
            api_key_id=self.KEY if key else None,
            model_id=model,
            input_tokens=tokens,
            cached_tokens=cached,
            total_tokens=tokens + 2,
            price=a_price("0.3", "1.7", cached="0.1") if priced else None,
        )
        self.work(lambda work: work.usage.add([usage]))

    @invariant()
    def limits_and_what_is_left_are_the_same(self) -> None:
        queries = (
            lambda adapters: adapters.limit_queries().all(),
            lambda adapters: adapters.limit_queries().of(ACME, limit=3),
            lambda adapters: adapters.limit_queries().of_platform(limit=3),
            lambda adapters: adapters.limit_queries().spent(self.gauges()),
        )
        for query in queries:
            self.both(query)
        for issuer in Issuer:
            self.work(
                lambda work, issuer=issuer: work.limits.count(issuer=issuer, owner=OTHER)  # type: ignore[misc]
            )

    def gauges(self) -> list[Gauge]:
        callers = [an_actor(), an_actor(organization=OTHER), an_actor(None)]
        now = self.clock.now()
        found = (
            gauge for limit in self.limits for who in callers for gauge in limit.gauges(who, now)
        )
        return [gauge for gauge in found if gauge.is_budget]
