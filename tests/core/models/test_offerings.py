"""Who may use what, at what price: no database, no network, no waiting."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from inventiv_core.identity.access import OrganizationId, Role
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.users import Plan, User
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.kernel.pagination import PageRequest
from inventiv_core.models.entities import (
    NO_STANDING,
    AccessPolicy,
    Model,
    OfferingActKind,
    OfferingId,
    Price,
    ShareId,
    ShareStatus,
    Standing,
    TokenUsage,
    Visibility,
)
from inventiv_core.models.errors import (
    AlreadyShared,
    ConsumerNotFound,
    ModelInUse,
    ModelNotFound,
    OfferingCodeTaken,
    OfferingInvalid,
    OfferingNotFound,
    SharedWithOneself,
    ShareNotFound,
    SubscriptionRequired,
    WalletEmpty,
)
from inventiv_core.models.events import GrantsChanged
from inventiv_core.models.use_cases.offerings import NewOffering
from inventiv_core.models.use_cases.shares import NewShare
from inventiv_core.models.views import Channel, Grant, GrantTable, NamedModel, OfferingFilter
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_grant,
    a_model,
    a_number,
    a_price,
    a_share,
    an_actor,
    an_offering,
    an_organization,
    given,
    given_teams,
)
from tests.core.models.library import Library
from tests.core.models.test_use_cases import ROOT

THIRD = OrganizationId(a_number())
CHEAP, DEAR = a_price("0.1", "0.2"), a_price("10", "30")


@pytest.fixture
async def model(library: Library) -> Model:
    """A model, and three organizations."""
    model = a_model(model_id="vendor/chat-8b")
    third = an_organization(id=THIRD, slug="third")
    await given_teams(library.unit_of_work, third, model)
    return model


def new(model: Model, **facts: Any) -> NewOffering:
    return replace(NewOffering(model_id=model.id, name="Chat", code="chat"), **facts)


async def usable(library: Library, owner: OrganizationId | None) -> dict[str, Grant]:
    actor = an_actor(None) if owner is None else an_actor(organization=owner)
    return {grant.public_name: grant for grant in await library.usable(actor=actor)}


async def test_what_is_offered_is_one_s_own_and_nobody_else_s(
    library: Library, model: Model
) -> None:
    offering = await library.offer(new(model, price=DEAR), actor=an_actor())
    assert (offering.slug, offering.code, offering.visibility) == ("acme", "chat", "private")
    mine = (await usable(library, ACME))["acme/chat"]
    assert (mine.channel, mine.price, mine.model_id) == (Channel.OWN, None, "vendor/chat-8b")
    for other in (OTHER, None):
        assert "acme/chat" not in await usable(library, other)
    act = library.acts[-1]
    assert (act.kind, act.organization_id) == (OfferingActKind.OFFERING_CREATED, ACME)
    assert act.after["price"] == DEAR
    told = [message.event for message in library.database.outbox]
    assert [event.offering_id for event in told if isinstance(event, GrantsChanged)] == [
        offering.id
    ]


async def test_what_is_published_is_everybody_s_at_its_price_as_soon_as_it_has_one(
    library: Library, model: Model
) -> None:
    offering = await library.offer(new(model, visibility=Visibility.PUBLIC), actor=an_actor())
    assert "acme/chat" not in await usable(library, None)
    await library.price(offering.id, CHEAP, actor=an_actor(Role.MANAGER))
    for other in (OTHER, THIRD, None):
        grant = (await usable(library, other))["acme/chat"]
        assert (grant.channel, grant.price) == (Channel.OFFERING, CHEAP)
        assert grant.provider_organization_id == ACME
    await library.price(offering.id, None, actor=an_actor())
    assert "acme/chat" not in await usable(library, OTHER)


async def test_what_is_shared_is_theirs_at_the_price_that_was_agreed_on(
    library: Library, model: Model
) -> None:
    offering = await library.offer(
        new(model, visibility=Visibility.PUBLIC, price=CHEAP), actor=an_actor()
    )
    share = await library.share(offering.id, NewShare(organization_slug="Other"), actor=an_actor())
    assert (await usable(library, OTHER))["acme/chat"].price == CHEAP
    await library.price_share(offering.id, share.id, DEAR, actor=an_actor())
    theirs = (await usable(library, OTHER))["acme/chat"]
    assert (theirs.channel, theirs.price, theirs.share_id) == (Channel.SHARE, DEAR, share.id)
    assert (await usable(library, THIRD))["acme/chat"].channel is Channel.OFFERING
    paused = {"status": ShareStatus.PAUSED}
    await library.update_share(offering.id, share.id, paused, actor=an_actor())
    assert (await usable(library, OTHER))["acme/chat"].channel is Channel.OFFERING
    assert [row.status for row in await library.shares(offering.id, actor=an_actor())] == ["paused"]


async def test_a_share_that_was_revoked_is_over_and_can_be_made_again(
    library: Library, model: Model
) -> None:
    offering = await library.offer(new(model, price=CHEAP), actor=an_actor())
    wanted = NewShare(organization_slug="other", ends_at=NOON + timedelta(days=1))
    share = await library.share(offering.id, wanted, actor=an_actor())
    with pytest.raises(AlreadyShared):
        await library.share(offering.id, wanted, actor=an_actor())
    await library.revoke(offering.id, share.id, actor=an_actor())
    assert "acme/chat" not in await usable(library, OTHER)
    with pytest.raises(ShareNotFound):
        await library.revoke(offering.id, share.id, actor=an_actor())
    again = await library.share(offering.id, wanted, actor=an_actor())
    assert [row.id for row in await library.shares(offering.id, actor=an_actor())] == [again.id]
    library.clock.advance(timedelta(days=1))
    assert "acme/chat" not in await usable(library, OTHER)
    assert [act.kind for act in library.acts][-3:] == [
        "OFFERING_SHARED", "OFFERING_SHARE_REVOKED", "OFFERING_SHARED",
    ]  # fmt: skip


async def test_who_offers_and_who_prices_need_not_be_the_same(
    library: Library, model: Model
) -> None:
    admin, manager = an_actor(Role.ADMIN), an_actor(Role.MANAGER)
    with pytest.raises(PermissionMissing):
        await library.offer(new(model, price=CHEAP), actor=admin)
    with pytest.raises(PermissionMissing):
        await library.offer(new(model), actor=manager)
    offering = await library.offer(new(model), actor=admin)
    with pytest.raises(PermissionMissing):
        await library.price(offering.id, CHEAP, actor=admin)
    await library.price(offering.id, CHEAP, actor=manager)
    priced = NewShare(organization_slug="other", price=CHEAP)
    with pytest.raises(PermissionMissing):
        await library.share(offering.id, priced, actor=admin)
    with pytest.raises(NoCurrentOrganization):
        await library.offer(new(model), actor=an_actor(None))


async def test_an_offering_is_nobody_else_s_to_touch(library: Library, model: Model) -> None:
    offering = await library.offer(new(model), actor=an_actor())
    share = await library.share(offering.id, NewShare(organization_slug="other"), actor=an_actor())
    stranger = an_actor(organization=OTHER)
    for attempt in (
        library.get_offering(offering.id, actor=stranger),
        library.update_offering(offering.id, {"name": "Mine"}, actor=stranger),
        library.price(offering.id, CHEAP, actor=stranger),
        library.share(offering.id, NewShare(organization_slug="third"), actor=stranger),
        library.shares(offering.id, actor=stranger),
        library.delete_offering(offering.id, actor=stranger),
    ):
        with pytest.raises(OfferingNotFound):
            await attempt
    with pytest.raises(ShareNotFound):
        await library.revoke(offering.id, share.id, actor=stranger)


async def test_what_cannot_be_is_refused(library: Library, model: Model) -> None:
    offering = await library.offer(new(model), actor=an_actor())
    with pytest.raises(OfferingCodeTaken):
        await library.offer(new(model), actor=an_actor())
    await library.offer(new(model), actor=an_actor(organization=OTHER))
    with pytest.raises(ModelNotFound):
        await library.offer(replace(new(model), model_id=a_model().id), actor=an_actor())
    with pytest.raises(SharedWithOneself):
        await library.share(offering.id, NewShare(organization_slug="acme"), actor=an_actor())
    with pytest.raises(ConsumerNotFound):
        await library.share(offering.id, NewShare(organization_slug="none"), actor=an_actor())
    with pytest.raises(OfferingInvalid, match="status"):
        await library.update_share(
            offering.id, ShareId(a_number()), {"status": ShareStatus.REVOKED}, actor=an_actor()
        )
    with pytest.raises(OfferingNotFound):
        await library.delete_offering(OfferingId(a_number()), actor=an_actor())
    with pytest.raises(ModelInUse):
        await library.delete(model.id, actor=ROOT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "a/b"), ("code", "A"), ("code", ""), ("code", "-a"), ("code", "a" * 65),
        ("name", " "), ("name", "a" * 256), ("name", "a\nb"), ("description", "a" * 2001),
        ("description", "\0"), ("ends_at", NOON), ("price", a_price("-1")),
        ("price", a_price("0.0000001")), ("price", a_price("1000001")), ("price", a_price("NaN")),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(field: str, value: Any) -> None:
    with pytest.raises(OfferingInvalid) as refused:
        replace(an_offering(a_model()), **{field: value}).validated()
    named = "input_per_1m_tokens_eur" if field == "price" else field
    assert refused.value.field == named
    assert named in str(refused.value)


async def test_a_change_keeps_what_is_not_in_it_and_enters_only_what_is(
    library: Library, model: Model
) -> None:
    offering = await library.offer(new(model, description=" For all. "), actor=an_actor())
    assert offering.description == "For all."
    before = len(library.acts)
    library.clock.advance(timedelta(minutes=1))
    same = await library.update_offering(offering.id, {"name": "Chat"}, actor=an_actor())
    assert (same, len(library.acts)) == (offering, before)
    changed = {"description": None, "is_active": False}
    after = await library.update_offering(offering.id, changed, actor=an_actor())
    assert (after.description, after.updated_at) == (None, NOON + timedelta(minutes=1))
    act = library.acts[-1]
    assert act.before == {"description": "For all.", "is_active": True}
    assert act.after == {"description": None, "is_active": False}
    assert "acme/chat" not in await usable(library, ACME)
    await library.update_offering(offering.id, {"code": "talk"}, actor=an_actor())
    await library.delete_offering(offering.id, actor=an_actor())
    page = await library.search_offerings(OfferingFilter(), PageRequest(), actor=an_actor())
    assert page.rows == []


def test_a_price_is_by_the_million_and_exact() -> None:
    usage = TokenUsage(input_tokens=3, output_tokens=7, cached_input_tokens=1)
    assert a_price("0.5", "1.5").cost(usage) == Decimal("0.000012")
    assert a_price("0.5", "1.5", "0.1").cost(usage) == Decimal("0.0000116")


counts = st.integers(0, 10**9)
amounts = st.decimals(0, 1_000_000, places=6)


@given_any(
    price=st.builds(
        Price,
        input_per_1m_tokens_eur=amounts,
        output_per_1m_tokens_eur=amounts,
        cached_input_per_1m_tokens_eur=st.none() | amounts,
    ),
    usages=st.lists(
        st.builds(
            TokenUsage, input_tokens=counts, output_tokens=counts, cached_input_tokens=counts
        ),
        max_size=4,
    ),
)
def test_a_price_is_never_less_than_nothing_and_adds_up(
    price: Price, usages: list[TokenUsage]
) -> None:
    assert price.validated() == price
    costs = [price.cost(usage) for usage in usages]
    assert all(cost >= 0 for cost in costs)
    whole = TokenUsage(
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        cached_input_tokens=sum(
            min(usage.cached_input_tokens, usage.input_tokens) for usage in usages
        ),
    )
    assert abs(sum(costs) - price.cost(whole)) < Decimal("0.000001")


def test_an_offering_is_never_taken_for_a_model_of_the_catalog(library: Library) -> None:
    squatter = replace(
        a_grant(Channel.OFFERING, None), provider_slug="vendor", code="chat-8b", price=CHEAP
    )
    known = NamedModel(id=a_model().id, model_id="vendor/chat-8b", name="Chat")
    table = GrantTable([known], [squatter])
    mine = table.resolve("vendor/chat-8b", caller=OTHER, at=NOON)
    assert mine == Grant.to_itself(known, OTHER)
    assert table.resolve(str(known.id).upper(), caller=OTHER, at=NOON) == mine
    assert table.resolve("vendor/chat-8b", caller=None, at=NOON) is None
    assert GrantTable([], [squatter]).resolve("vendor/chat-8b", caller=None, at=NOON) == squatter


workspaces = st.sampled_from([ACME, OTHER, THIRD, None])
grants = st.builds(
    lambda channel, consumer, begins, ends: a_grant(
        channel,
        consumer,
        starts_at=NOON + timedelta(hours=begins),
        ends_at=NOON + timedelta(hours=ends),
    ),
    st.sampled_from(Channel), workspaces, st.integers(-2, 2), st.integers(-2, 2),
)  # fmt: skip


@given_any(st.lists(grants, max_size=6), workspaces)
def test_whoever_asks_gets_the_first_that_holds_for_them_and_nothing_of_others(
    all_of_them: list[Grant], caller: OrganizationId | None
) -> None:
    table = GrantTable([], all_of_them)
    found = table.resolve("acme/chat", caller=caller, at=NOON)
    theirs = [
        grant
        for grant in all_of_them
        if grant.consumer_organization_id in {None, caller} and grant.holds(NOON)
    ]
    ranks = list(Channel)
    if not theirs:
        assert found is None
        assert table.usable(caller=caller, at=NOON, standing=NO_STANDING) == []
    else:
        assert found in theirs
        assert found is not None
        best = min(theirs, key=lambda grant: ranks.index(grant.channel))
        assert found.channel is best.channel
        assert table.usable(caller=caller, at=NOON, standing=NO_STANDING) == [found]


async def test_the_whole_table_says_the_same_as_that_of_one_caller(
    library: Library, model: Model
) -> None:
    mine = an_offering(model, price=CHEAP, visibility=Visibility.PUBLIC)
    theirs = an_offering(model, owner=OTHER, code="talk", price=DEAR)
    shares = (a_share(mine, consumer=OTHER, price=DEAR), a_share(theirs, consumer=THIRD))
    await given(library.unit_of_work, mine, theirs, *shares)
    queries = library.offering_queries
    table = GrantTable(await queries.named_models(), await queries.grants(at=NOON))
    for caller in (ACME, OTHER, THIRD, None):
        expected = table.usable(caller=caller, at=NOON, standing=NO_STANDING)
        assert list((await usable(library, caller)).values()) == expected


POOR, RICH = (Standing(plan=Plan.FREE, is_solvent=solvent) for solvent in (False, True))
SUBSCRIBED = Standing(plan=Plan.SUBSCRIBER, is_solvent=False)


def test_each_policy_asks_for_one_thing() -> None:
    assert NO_STANDING == POOR
    admitted = {
        policy: [standing for standing in (POOR, RICH, SUBSCRIBED) if standing.admits(policy)]
        for policy in AccessPolicy
    }
    assert admitted == {
        AccessPolicy.FREE: [POOR, RICH, SUBSCRIBED],
        AccessPolicy.SUBSCRIPTION_REQUIRED: [SUBSCRIBED],
        AccessPolicy.PAY_PER_TOKEN: [RICH],
    }
    with pytest.raises(SubscriptionRequired):
        RICH.admit(AccessPolicy.SUBSCRIPTION_REQUIRED)
    with pytest.raises(WalletEmpty):
        SUBSCRIBED.admit(AccessPolicy.PAY_PER_TOKEN)


async def test_what_takes_more_than_one_has_is_not_there_but_for_whose_own_it_is(
    library: Library, model: Model
) -> None:
    policies = {policy.value.replace("_", "-"): policy for policy in AccessPolicy}
    offerings = [
        an_offering(model, price=CHEAP, code=code, access_policy=policy)
        for code, policy in policies.items()
    ]
    published = [replace(each, visibility=Visibility.PUBLIC) for each in offerings]
    await given(library.unit_of_work, *published)
    mine = await usable(library, ACME)
    assert {f"acme/{code}" for code in policies} <= set(mine)
    assert {grant.access_policy for grant in mine.values()} == {AccessPolicy.FREE}

    async def codes(owner: OrganizationId | None) -> list[str]:
        found = await usable(library, owner)
        return [name for name in found if name.startswith("acme/")]

    assert await codes(OTHER) == await codes(None) == ["acme/free"]
    other = library.database.table(Organization)[OTHER]
    richer = replace(other, wallet_balance_eur=Decimal("0.000001"))
    library.database.table(Organization)[OTHER] = richer
    assert await codes(OTHER) == ["acme/free", "acme/pay-per-token"]
    alice = library.database.table(User)[ALICE]
    library.database.table(User)[ALICE] = replace(alice, account_plan=Plan.SUBSCRIBER)
    assert await codes(None) == ["acme/free", "acme/subscription-required"]
    assert await codes(OTHER) == ["acme/free", "acme/pay-per-token"], "a workspace of its own"


async def test_a_policy_is_chosen_changed_and_entered_in_the_books(
    library: Library, model: Model
) -> None:
    made = await library.offer(
        new(model, access_policy=AccessPolicy.PAY_PER_TOKEN), actor=an_actor()
    )
    assert made.access_policy is AccessPolicy.PAY_PER_TOKEN
    wanted = {"access_policy": AccessPolicy.SUBSCRIPTION_REQUIRED}
    changed = await library.update_offering(made.id, wanted, actor=an_actor())
    assert changed.access_policy is AccessPolicy.SUBSCRIPTION_REQUIRED
    *_, act = library.acts
    assert (act.before, act.after) == (
        {"access_policy": "pay_per_token"}, {"access_policy": "subscription_required"},
    )  # fmt: skip
