"""What the ports of offerings promise, kept by every adapter."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from inventiv_core.finops.entities.wallets import EntryKind, Payer, WalletEntry
from inventiv_core.identity.access import OrganizationId
from inventiv_core.identity.entities.users import Plan
from inventiv_core.kernel.pagination import PageRequest, search_page
from inventiv_core.models.entities import (
    AccessPolicy,
    Model,
    Offering,
    Price,
    Share,
    ShareStatus,
    Standing,
    Visibility,
)
from inventiv_core.models.views import (
    OFFERING_KEYS,
    Channel,
    Grant,
    OfferingFilter,
    OfferingRow,
)
from inventiv_http.container import PostgresAdapters
from tests.adapters.two_worlds import InBothWorlds, seconds, two_worlds
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_model,
    a_number,
    a_price,
    a_share,
    an_offering,
    an_organization,
    given,
    given_teams,
)

THIRD = OrganizationId(a_number())
HOUR = timedelta(hours=1)


@pytest.fixture
async def model(adapters: Any) -> Model:
    model = a_model(model_id="vendor/chat-8b")
    third = an_organization(id=THIRD, slug="third")
    await given_teams(adapters.unit_of_work(), third, model)
    return model


async def search(adapters: Any, where: OfferingFilter, **page: Any) -> Any:
    find = partial(adapters.offering_queries().search, ACME, where)
    return await search_page(find, PageRequest.of(**page), OFFERING_KEYS)


async def test_what_was_added_comes_back_equal_to_its_owner_alone(
    adapters: Any, model: Model
) -> None:
    offerings = [
        an_offering(model, code="a", price=a_price("0.000001", "1000000"), ends_at=NOON + HOUR),
        an_offering(model, code="b", price=a_price(cached="0"), description="é"),
        an_offering(model, code="c", is_active=False, visibility=Visibility.PUBLIC),
    ]
    shares = [
        a_share(offerings[0], price=a_price(cached="0.25"), ends_at=NOON + HOUR),
        a_share(offerings[1], status=ShareStatus.PAUSED, consumer=THIRD),
    ]
    async with adapters.unit_of_work()() as work:
        assert [await work.offerings.add(each) for each in offerings] == [True] * 3
        assert [await work.offerings.add_share(each) for each in shares] == [True] * 2
        for each in offerings:
            assert await work.offerings.lock(each.id, owner=ACME) == each
            assert await work.offerings.lock(each.id, owner=OTHER) is None
        for share in shares:
            lock = partial(work.offerings.lock_share, share.id)
            assert await lock(offering_id=share.offering_id, owner=ACME) == share
            assert await lock(offering_id=share.offering_id, owner=OTHER) is None
            assert await lock(offering_id=offerings[2].id, owner=ACME) is None


async def test_a_code_is_one_offering_s_in_its_organization(adapters: Any, model: Model) -> None:
    first, second = an_offering(model), an_offering(model, code="talk")
    async with adapters.unit_of_work()() as work:
        assert await work.offerings.add(first)
        assert await work.offerings.add(second)
        assert not await work.offerings.add(an_offering(model))
        assert await work.offerings.add(an_offering(model, owner=OTHER))
        assert not await work.offerings.save(replace(second, code="chat"))
        assert await work.offerings.save(replace(second, code="talks"))
        assert await work.offerings.lock(second.id, owner=ACME) == replace(second, code="talks")


async def test_an_offering_goes_with_its_shares_and_a_model_stays_with_its_offerings(
    adapters: Any, model: Model
) -> None:
    offering = an_offering(model)
    share = a_share(offering)
    await given(adapters.unit_of_work(), offering, share)
    async with adapters.unit_of_work()() as work:
        assert not await work.models.remove(model.id)
        await work.offerings.remove(offering.id, owner=OTHER)
        assert await work.offerings.lock(offering.id, owner=ACME) == offering
        await work.offerings.remove(offering.id, owner=ACME)
        wanted: Any = {"offering_id": offering.id, "owner": ACME}
        assert await work.offerings.lock_share(share.id, **wanted) is None
        assert await work.models.remove(model.id)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, "abc"), ({"needle": "Name"}, "c"), ({"needle": "8B"}, "abc"),
        ({"needle": "%"}, ""), ({"is_active": False}, "a"),
        ({"visibility": Visibility.PUBLIC}, "b"),
    ],
)  # fmt: skip
async def test_offerings_are_found_by_what_they_are_called_and_how_they_stand(
    adapters: Any, model: Model, where: Any, found: str
) -> None:
    offerings = (
        an_offering(model, code="c", name="A name"),
        an_offering(model, code="a", is_active=False),
        an_offering(model, code="b", visibility=Visibility.PUBLIC),
        an_offering(model, code="b", owner=OTHER),
    )
    revoked = a_share(offerings[2], status=ShareStatus.REVOKED)
    await given(adapters.unit_of_work(), *offerings, a_share(offerings[2], consumer=THIRD), revoked)
    first = await search(adapters, OfferingFilter(**where), limit=2)
    rows: list[OfferingRow] = list(first.rows)
    assert (first.total_count, first.filtered_count) == (3, len(found))
    if first.next_cursor is not None:
        rest = await search(adapters, OfferingFilter(**where), cursor=first.next_cursor)
        rows += rest.rows
    assert "".join(row.code for row in rows) == found
    assert all(row.share_count == (row.code == "b") for row in rows)
    for row in rows:
        assert await adapters.offering_queries().find(row.id, owner=ACME) == row
        assert await adapters.offering_queries().find(row.id, owner=OTHER) is None


async def test_shares_are_listed_by_slug_without_those_that_are_over(
    adapters: Any, model: Model
) -> None:
    offering = an_offering(model)
    third, over = a_share(offering, consumer=THIRD), a_share(offering, status=ShareStatus.REVOKED)
    other = a_share(offering)
    await given(adapters.unit_of_work(), offering, third, over, other)
    shares = partial(adapters.offering_queries().shares, offering.id)
    rows = await shares(owner=ACME, limit=9)
    assert [(row.id, row.organization_slug) for row in rows] == [
        (other.id, "other"), (third.id, "third"),
    ]  # fmt: skip
    assert [row.id for row in await shares(owner=ACME, limit=1)] == [other.id]
    assert [row.id for row in await shares(owner=ACME, only=third.id, limit=9)] == [third.id]
    assert await shares(owner=OTHER, limit=9) == []


async def grants(adapters: Any, at: Any = NOON) -> list[tuple[str, Channel, Any, Price | None]]:
    found: list[Grant] = await adapters.offering_queries().grants(at=at)
    return [
        (grant.code or "", grant.channel, grant.consumer_organization_id, grant.price)
        for grant in found
    ]


async def test_grants_are_what_is_in_force_at_that_moment(adapters: Any, model: Model) -> None:
    gone = a_model(is_active=False)
    price, agreed = a_price(), a_price("9", "9")
    offered = an_offering(
        model, code="a", price=price, visibility=Visibility.PUBLIC, ends_at=NOON + 2 * HOUR
    )
    unpriced = an_offering(model, code="b", visibility=Visibility.PUBLIC)
    await given(
        adapters.unit_of_work(),
        gone,
        offered,
        unpriced,
        an_offering(gone, code="c", price=price),
        an_offering(model, code="d", price=price, is_active=False),
        a_share(offered, price=agreed, ends_at=NOON + HOUR),
        a_share(offered, consumer=THIRD, status=ShareStatus.PAUSED),
        a_share(unpriced),
        a_share(unpriced, consumer=THIRD, price=agreed, starts_at=NOON + HOUR),
    )
    own = [("a", Channel.OWN, ACME, None), ("b", Channel.OWN, ACME, None)]
    public = ("a", Channel.OFFERING, None, price)
    assert await grants(adapters) == [own[0], ("a", Channel.SHARE, OTHER, agreed), public, own[1]]
    later = ("b", Channel.SHARE, THIRD, agreed)
    assert await grants(adapters, NOON + HOUR) == [own[0], public, own[1], later]
    assert await grants(adapters, NOON + 2 * HOUR) == [own[1], later]
    assert await grants(adapters, NOON - HOUR) == []


async def test_the_grants_of_one_caller_are_those_that_concern_it(
    adapters: Any, model: Model
) -> None:
    offered = an_offering(model, price=a_price(), visibility=Visibility.PUBLIC)
    await given(adapters.unit_of_work(), offered, a_share(offered))
    queries = adapters.offering_queries()
    everything = await queries.grants(at=NOON)
    for caller, channels in ((ACME, "own offering"), (OTHER, "share offering"), (None, "offering")):
        found = await queries.grants_of(caller, at=NOON)
        assert " ".join(grant.channel for grant in found) == channels
        assert [grant for grant in everything if grant in found] == found


async def test_grants_to_others_say_what_they_take(adapters: Any, model: Model) -> None:
    offering = an_offering(
        model,
        price=a_price(),
        visibility=Visibility.PUBLIC,
        access_policy=AccessPolicy.PAY_PER_TOKEN,
    )
    await given(adapters.unit_of_work(), offering, a_share(offering, consumer=OTHER))
    found = await adapters.offering_queries().grants(at=NOON)
    assert [(grant.channel, grant.access_policy) for grant in found] == [
        (Channel.OWN, AccessPolicy.FREE),
        (Channel.SHARE, AccessPolicy.PAY_PER_TOKEN),
        (Channel.OFFERING, AccessPolicy.PAY_PER_TOKEN),
    ]
    row = await adapters.offering_queries().find(offering.id, owner=ACME)
    assert row.access_policy is AccessPolicy.PAY_PER_TOKEN
    async with adapters.unit_of_work()() as work:
        freed = replace(offering, access_policy=AccessPolicy.FREE)
        assert await work.offerings.save(freed)
        assert await work.offerings.lock(offering.id, owner=ACME) == freed


async def test_those_are_known_who_have_subscribed_or_have_money(
    adapters: Any, model: Model
) -> None:
    async with adapters.unit_of_work()() as work:
        for payer, amount in (
            (Payer.of(user_id=ALICE, organization_id=None), 1),
            (Payer.of(user_id=None, organization_id=OTHER), 2),
            (Payer.of(user_id=None, organization_id=THIRD), -2),
        ):
            entry = WalletEntry(
                id=a_number(), payer=payer, kind=EntryKind.TOP_UP, amount_eur=Decimal(amount),
                balance_eur=Decimal(amount), note=None, at=NOON,
            )  # fmt: skip
            await work.wallets.post(entry)
        await work.wallets.change_plan(
            Payer.of(user_id=None, organization_id=ACME), Plan.SUBSCRIBER
        )
    find = adapters.offering_queries().standings
    everybody = {
        ALICE: Standing(plan=Plan.FREE, is_solvent=True),
        OTHER: Standing(plan=Plan.FREE, is_solvent=True),
        ACME: Standing(plan=Plan.SUBSCRIBER, is_solvent=False),
    }
    assert await find(None, limit=9) == everybody
    assert list(await find(None, limit=2)) == sorted(everybody)[:2]
    assert await find([ACME, THIRD], limit=9) == {ACME: everybody[ACME]}
    assert await find([], limit=9) == {}


async def test_what_an_organization_offered_goes_with_it(adapters: Any, model: Model) -> None:
    mine, theirs = an_offering(model, price=a_price()), an_offering(model, owner=OTHER, code="z")
    await given(adapters.unit_of_work(), mine, theirs, a_share(mine))
    async with adapters.unit_of_work()() as work:
        other = await work.organizations.lock_alone(OTHER)
        await work.organizations.save(replace(other, deleted_at=NOON))
    assert await grants(adapters) == [("chat", Channel.OWN, ACME, None)]


async def test_of_two_who_share_with_the_same_one_shares(postgres: PostgresAdapters) -> None:
    model = a_model()
    offering = an_offering(model)
    await given_teams(postgres.unit_of_work(), model, offering)

    async def share() -> bool:
        async with postgres.unit_of_work()() as work:
            await asyncio.sleep(0)
            return await work.offerings.add_share(a_share(offering))

    assert sorted(await asyncio.gather(*[share() for _ in range(4)])) == [False] * 3 + [True]


some = st.integers(min_value=0, max_value=2)
owners = st.sampled_from([ACME, OTHER, THIRD])
codes = st.sampled_from(["a", "b", "a-b"])
prices = st.none() | st.builds(
    a_price, st.sampled_from(["0", "0.25"]), cached=st.none() | st.just("1")
)


class Counter(InBothWorlds):
    """Organizations that offer the same models to each other."""

    def __init__(self, worlds: Any) -> None:
        super().__init__(worlds)
        self.offerings: list[Offering] = []
        self.shares: list[Share] = []

    @initialize()
    def open(self) -> None:
        self.offerings, self.shares = [], []
        self.model = a_model(model_id="vendor/chat")
        self.begin(an_organization(id=THIRD, slug="third"), self.model)

    @rule(owner=owners, code=codes, price=prices, starts=seconds, lasts=st.none() | seconds)
    def offer(self, owner: OrganizationId, code: str, price: Any, starts: Any, lasts: Any) -> None:
        begins = self.clock.now() + starts
        offering = an_offering(
            self.model,
            owner=owner,
            code=code,
            price=price,
            starts_at=begins,
            ends_at=begins + lasts if lasts else None,
        )

        async def run(work: Any) -> bool:
            return bool(await work.offerings.add(offering))

        if self.work(run):
            self.offerings.append(offering)

    @precondition(lambda self: self.offerings)
    @rule(
        age=some,
        owner=owners,
        code=codes,
        price=prices,
        is_active=st.booleans(),
        visibility=st.sampled_from(Visibility),
    )
    def change(self, age: int, owner: OrganizationId, **changed: Any) -> None:
        wanted = self.offerings[age % len(self.offerings)].id

        async def run(work: Any) -> object:
            before = await work.offerings.lock(wanted, owner=owner)
            return before and await work.offerings.save(replace(before, **changed))

        self.work(run)

    @precondition(lambda self: self.offerings)
    @rule(age=some, owner=owners)
    def remove(self, age: int, owner: OrganizationId) -> None:
        offering = self.offerings[age % len(self.offerings)]

        async def run(work: Any) -> bool:
            is_theirs = await work.offerings.lock(offering.id, owner=owner) is not None
            await work.offerings.remove(offering.id, owner=owner)
            return is_theirs

        if self.work(run):
            self.offerings.remove(offering)

    @precondition(lambda self: self.offerings)
    @rule(age=some, consumer=owners, price=prices, lasts=st.none() | seconds)
    def share(self, age: int, consumer: OrganizationId, price: Any, lasts: Any) -> None:
        offering = self.offerings[age % len(self.offerings)]
        if offering.organization_id == consumer:
            return
        now = self.clock.now()
        share = a_share(
            offering,
            consumer=consumer,
            price=price,
            starts_at=now,
            ends_at=now + lasts if lasts else None,
        )
        self.shares.append(share)
        self.work(lambda work: work.offerings.add_share(share))

    @precondition(lambda self: self.shares)
    @rule(age=some, status=st.sampled_from(ShareStatus), price=prices)
    def change_share(self, age: int, status: ShareStatus, price: Any) -> None:
        share = self.shares[age % len(self.shares)]

        async def run(work: Any) -> object:
            before = await work.offerings.lock_share(
                share.id, offering_id=share.offering_id, owner=share.organization_id
            )
            if before is not None:
                await work.offerings.save_share(replace(before, status=status, price=price))
            return before

        self.work(run)

    @rule(is_active=st.booleans())
    def switch(self, *, is_active: bool) -> None:
        changed = replace(self.model, is_active=is_active)
        self.work(lambda work: work.models.save(changed))

    @rule(
        owner=owners,
        is_active=st.none() | st.booleans(),
        key=st.sampled_from(OFFERING_KEYS),
        down=st.booleans(),
    )
    def look_through(self, owner: Any, is_active: Any, key: Any, *, down: bool) -> None:
        where = OfferingFilter(is_active=is_active)

        async def run(adapters: Any) -> object:
            find = partial(adapters.offering_queries().search, owner, where)
            page = PageRequest(order_by=key.name, descending=down, limit=1)
            first = await search_page(find, page, OFFERING_KEYS)
            cursor = first.next_cursor
            return first, await search_page(find, replace(page, cursor=cursor), OFFERING_KEYS)

        self.both(run)

    @invariant()
    def all_that_is_granted_is_the_same(self) -> None:
        async def granted(adapters: Any) -> object:
            queries, now = adapters.offering_queries(), self.clock.now()
            return (
                await queries.grants(at=now),
                [await queries.grants_of(caller, at=now) for caller in (ACME, OTHER, None)],
                [
                    await queries.shares(each.id, owner=each.organization_id, limit=9)
                    for each in self.offerings
                ],
                await queries.named_models(),
            )

        self.both(granted)


def test_memory_and_postgres_give_the_same_answers(database_url: str) -> None:
    with two_worlds(database_url) as worlds:
        machine: Any = partial(Counter, worlds)
        run_state_machine_as_test(
            machine, settings=settings(max_examples=40, stateful_step_count=25)
        )
