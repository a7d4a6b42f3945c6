"""Costs in both worlds: by the books in one, and by arithmetic alone in the other."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from inventiv_core.finops.entities.rentals import ONE_MINUTE, floor
from inventiv_core.finops.use_cases.closing import CloseHours
from inventiv_core.finops.use_cases.rentals import begin_rental, conclude_rentals
from inventiv_core.finops.views.costs import MinuteFilter, Span, bin_width
from inventiv_core.identity.access import PLATFORM, OrganizationId
from inventiv_core.instances.entities import Instance
from tests.adapters.finops.agreement import Looking
from tests.adapters.two_worlds import InBothWorlds
from tests.builders import ACME, OTHER, Market, a_number, an_instance_type

some = st.integers(min_value=0, max_value=3)
owners = st.sampled_from([ACME, OTHER, None])
rates = st.none() | st.sampled_from(["0.0000", "0.7500", "1.3999", "60.0000"]).map(Decimal)
jumps = st.sampled_from([
    timedelta(microseconds=1), timedelta(seconds=59), timedelta(minutes=7), timedelta(hours=1),
    timedelta(hours=5, minutes=3), timedelta(days=2, hours=1), timedelta(days=9),
    -timedelta(minutes=20), -timedelta(hours=30),
])  # fmt: skip
"""Clocks do run backwards sometimes."""
spans = st.sampled_from([1, 60, 90, 1_440, 1_500, 10_080, 43_200, 525_600])


class Accounts(InBothWorlds):
    """Machines of two types come and go, prices change, hours are closed, the clock jumps."""

    instances: list[Instance]
    kinds: list[Any]

    @initialize()
    def open(self) -> None:
        self.clock.advance(timedelta(minutes=17, seconds=3, microseconds=11))
        self.kinds = [self.market.kind, an_instance_type(self.market.provider, code="L40S")]
        other = Market(code="other")
        self.instances = [
            self.market.instance(owner=ACME, at=self.clock.now()),
            self.market.instance(
                owner=ACME, at=self.clock.now(), instance_type_id=self.kinds[1].id
            ),
            self.market.instance(owner=OTHER, at=self.clock.now()),
            other.instance(owner=ACME, at=self.clock.now(), model_id=self.market.model.id),
        ]
        self.begin(self.kinds[1], *other.everything[:5], *self.instances)
        self.machines = count()

    @rule(which=some, ago=jumps, volumes_gb=st.sampled_from([0, 70, 1_330]))
    def rent(self, which: int, ago: timedelta, volumes_gb: int) -> None:
        now, name, number = self.clock.now(), f"machine-{next(self.machines)}", a_number().int

        async def run(work: Any) -> None:
            await begin_rental(
                self.instances[which], name, work, created_at=now - ago, at=now,
                new_id=numbered(number), volumes_gb=volumes_gb,
            )  # fmt: skip

        self.work(run)

    @rule(which=some)
    def give_up(self, which: int) -> None:
        now, number = self.clock.now(), a_number().int
        self.work(
            lambda work: conclude_rentals(
                self.instances[which], work, at=now, new_id=numbered(number)
            )
        )

    @rule(which=st.integers(0, 1), rate=rates, volumes=rates)
    def price(self, which: int, rate: Decimal | None, volumes: Decimal | None) -> None:
        self.kinds[which] = kind = replace(
            self.kinds[which], cost_per_hour=rate, volume_cost_per_gb_month=volumes
        )
        at = self.clock.now()
        self.work(lambda work: work.catalog.save_instance_type(kind, at=at))

    @rule(by=jumps)
    def jump(self, by: timedelta) -> None:
        self.clock.advance(by)

    @rule()
    def close(self) -> None:
        number = a_number().int

        async def run(adapters: Any) -> object:
            close_hours = CloseHours(
                unit_of_work=adapters.unit_of_work(), clock=self.clock, new_id=numbered(number)
            )
            return await close_hours(actor=PLATFORM)

        self.both(run)

    @rule(
        owner=owners,
        minutes=spans,
        points=st.sampled_from([30, 180, 400]),
        cuts=st.lists(st.integers(0, 525_600), max_size=3),
    )
    def look(
        self, owner: OrganizationId | None, minutes: int, points: int, cuts: list[int]
    ) -> None:
        """Look at it in every way: they agree with each other, and both worlds do."""
        self.close()  # what is late is known when the books were last looked at
        self.both(
            lambda adapters: Looking(adapters, self.clock, owner).compare(
                minutes=minutes, points=points, cuts=cuts
            )
        )

    @rule(
        owner=owners,
        minutes=spans,
        most=st.sampled_from([30, 180, 400]),
        dearest=st.integers(1, 4),
    )
    def read(self, owner: OrganizationId | None, minutes: int, most: int, dearest: int) -> None:
        self.close()
        end = floor(self.clock.now(), ONE_MINUTE)
        span = Span(start=end - minutes * ONE_MINUTE, end=end)
        self.both(
            lambda adapters: _rows(adapters.cost_queries().spent(owner, span, instances=dearest))
        )
        self.both(
            lambda adapters: adapters.cost_queries().series(
                owner, span, width=bin_width(span, most)
            )
        )

    @rule(owner=owners, limit=some)
    def summarize(self, owner: OrganizationId | None, limit: int) -> None:
        self.close()
        now = self.clock.now()
        self.both(
            lambda adapters: _sorted(
                adapters.cost_queries().summary(
                    owner, now=now, end=floor(now, ONE_MINUTE), windows=(1, 60, 43_200),
                    instances=limit,
                )
            )
        )  # fmt: skip

    @rule(owner=owners, which=some, of=st.sampled_from(["all", "provider", "instance"]))
    def mark(self, owner: OrganizationId | None, which: int, of: str) -> None:
        now, instance = self.clock.now(), self.instances[which]
        where = MinuteFilter(
            provider_id=None if of == "all" else instance.provider_id,
            instance_id=instance.id if of == "instance" else None,
        )
        span = Span(start=floor(now, ONE_MINUTE) - 70 * ONE_MINUTE, end=now)
        self.both(lambda adapters: adapters.cost_queries().marks(owner, span, where))

    @invariant()
    def adjustments_are_the_same(self) -> None:
        self.both(lambda adapters: adapters.cost_queries().adjustments(None, limit=500))


async def _rows(costs: Any) -> Any:
    return list((await costs).rows)


async def _sorted(rows: Any) -> Any:
    return sorted(await rows, key=lambda row: (row.level, row.minutes or 0, -row.amount,
                                               str(row.instance_id)))  # fmt: skip


def numbered(first: int) -> Any:
    """Return ids that are the same in both worlds."""
    numbers = count(first * 1_000_000)
    return lambda: UUID(int=next(numbers))
