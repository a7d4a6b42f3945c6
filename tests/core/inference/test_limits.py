"""Limits: what they can be, who sets them, and whom they are for."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from inventiv_adapters.inference.memory import MemoryLimitQueries
from inventiv_adapters.kernel.clock import ManualClock
from inventiv_adapters.kernel.ids import SerialIds
from inventiv_adapters.kernel.memory import MemoryDatabase
from inventiv_adapters.memory import MemoryUnitOfWork
from inventiv_core.identity.access import (
    GLOBAL_PERMISSIONS,
    Actor,
    ApiKeyId,
    OrganizationId,
    Role,
    UserId,
)
from inventiv_core.identity.entities.acts import Act
from inventiv_core.identity.errors.access import (
    AdminRequired,
    NoCurrentOrganization,
    PermissionMissing,
)
from inventiv_core.inference.entities.limits import (
    MOST,
    VALUES,
    Issuer,
    Limit,
    LimitActKind,
    LimitBook,
    LimitId,
    changes,
)
from inventiv_core.inference.errors import (
    LimitedNotFound,
    LimitInvalid,
    LimitNotFound,
    TooManyLimits,
)
from inventiv_core.inference.events import LimitsChanged
from inventiv_core.inference.use_cases import limits as use_cases
from inventiv_core.inference.use_cases.limits import (
    Limited,
    ListLimits,
    ListPlatformLimits,
    RemoveLimit,
    RemovePlatformLimit,
    SetLimit,
    SetPlatformLimit,
)
from tests.builders import ACME, ALICE, NOON, OTHER, a_key, a_number, an_actor, given, given_teams
from tests.core.inference.limits import a_default, a_limit

ROOT = Actor(user_id=ALICE, organization_id=None, permissions=GLOBAL_PERMISSIONS)
EVERYBODY = Limited()
TEN = {"requests_per_minute": 10}


class Desk:
    """Where limits are set."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.unit_of_work = MemoryUnitOfWork(self.database)
        self.clock = ManualClock(NOON)
        needs: Any = {
            "unit_of_work": self.unit_of_work, "clock": self.clock, "new_id": SerialIds(),
        }  # fmt: skip
        queries = MemoryLimitQueries(self.database)
        self.list = ListLimits(limit_queries=queries)
        self.set = SetLimit(**needs)
        self.remove = RemoveLimit(**needs)
        self.list_platform = ListPlatformLimits(limit_queries=queries)
        self.set_platform = SetPlatformLimit(**needs)
        self.remove_platform = RemovePlatformLimit(**needs)

    @property
    def acts(self) -> Sequence[Act]:
        return list(self.database.table(Act).values())

    @property
    def told(self) -> int:
        """How often those who remember limits were told to look again."""
        events = (message.event for message in self.database.outbox)
        return sum(isinstance(event, LimitsChanged) for event in events)


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await given_teams(desk.unit_of_work)
    return desk


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"requests_per_minute": None}, "limits"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"tokens_per_day": -1}, "tokens_per_day"),
        ({"tokens_per_minute": MOST + 1}, "tokens_per_minute"),
        ({"eur_per_day": Decimal(0)}, "eur_per_day"),
        ({"eur_per_day": Decimal("0.0000001")}, "eur_per_day"),
        ({"eur_per_month": Decimal("NaN")}, "eur_per_month"),
        ({"eur_per_month": Decimal(10**9)}, "eur_per_month"),
        ({"concurrent_calls": 1, "model": ""}, "model"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(facts: dict[str, Any], field: str) -> None:
    with pytest.raises(LimitInvalid) as refusal:
        a_limit(**facts).validated()
    assert refusal.value.field == field
    assert field in str(refusal.value)


def test_a_limit_may_have_all_its_numbers_and_counts_them_all() -> None:
    ones: dict[str, Any] = {name: Decimal(1) if name[:3] == "eur" else 1 for name in VALUES}
    limit = a_limit(**ones)
    assert limit.validated() is limit
    gauges = list(limit.gauges(an_actor(), NOON))
    assert [gauge.key.split(":")[2] for gauge in gauges] == list(VALUES)


def test_limits_are_found_by_whom_and_what_they_are_for() -> None:
    key = ApiKeyId(a_number())
    caller = replace(an_actor(), api_key_id=key)
    applying = [
        a_limit(), a_limit(user=ALICE), a_limit(key=key), a_limit(model="m"),
        a_limit(user=ALICE, key=key, model="m"),
        a_default(), a_default(model="m"),
    ]  # fmt: skip
    others = [
        a_limit(owner=OTHER), a_limit(user=UserId(a_number())), a_limit(key=ApiKeyId(a_number())),
        a_limit(model="n"), a_limit(user=ALICE, model="n"), a_default(model="n"),
        a_limit(owner=OTHER, issuer=Issuer.PLATFORM),
    ]  # fmt: skip
    book = LimitBook([*others, *applying])
    found = book.applying(caller, "m")
    assert {limit.id for limit in found} == {limit.id for limit in applying}
    assert len(found) == len(applying)
    assert LimitBook().applying(caller, "m") == ()


def test_what_the_platform_sets_an_organization_stands_in_the_place_of_its_default() -> None:
    default, for_model = a_default(), a_default(model="m")
    own = a_limit(issuer=Issuer.PLATFORM, requests_per_minute=1000)
    book = LimitBook([default, for_model, own])
    assert list(book.applying(an_actor(), "m")) == [own, for_model]
    assert list(book.applying(an_actor(organization=OTHER), "m")) == [default, for_model]
    assert list(book.applying(an_actor(None), "n")) == [default]


def test_changes_are_the_numbers_that_differ() -> None:
    before, after = a_limit(), a_limit(tokens_per_day=5)
    was = {"requests_per_minute": 10, "tokens_per_day": None}
    assert changes(before, after) == (was, {"requests_per_minute": None, "tokens_per_day": 5})
    assert changes(None, after) == ({}, {"tokens_per_day": 5})
    assert changes(before, None) == ({"requests_per_minute": 10}, {})


async def test_a_limit_is_set_changed_and_removed_and_every_change_is_in_the_books(
    desk: Desk,
) -> None:
    new = await desk.set(EVERYBODY, TEN, actor=an_actor())
    changed = await desk.set(
        EVERYBODY, {"requests_per_minute": None, "tokens_per_day": 5}, actor=an_actor(Role.ADMIN)
    )
    assert changed.id == new.id
    assert (changed.requests_per_minute, changed.tokens_per_day) == (None, 5)
    assert await desk.set(EVERYBODY, {"tokens_per_day": 5}, actor=an_actor()) == changed
    assert await desk.list(actor=an_actor(Role.MANAGER)) == [changed]
    await desk.remove(new.id, actor=an_actor())
    assert await desk.list(actor=an_actor()) == []
    kinds = LimitActKind
    assert [(act.kind, act.before, act.after) for act in desk.acts] == [
        (kinds.INFERENCE_LIMIT_SET, {}, TEN),
        (
            kinds.INFERENCE_LIMIT_SET,
            {"requests_per_minute": 10, "tokens_per_day": None},
            {"requests_per_minute": None, "tokens_per_day": 5},
        ),
        (kinds.INFERENCE_LIMIT_REMOVED, {"tokens_per_day": 5}, {}),
    ]
    assert {act.organization_id for act in desk.acts} == {ACME}
    assert {act.subject.id for act in desk.acts} == {new.id}
    assert desk.told == 3


async def test_there_is_one_limit_for_each_that_it_may_be_for(desk: Desk) -> None:
    key = a_key()
    await given(desk.unit_of_work, key)
    for limited in (
        EVERYBODY, Limited(user_id=ALICE), Limited(api_key_id=key.id), Limited(model="m"),
        Limited(user_id=ALICE, api_key_id=key.id, model="m"),
    ):  # fmt: skip
        first = await desk.set(limited, TEN, actor=an_actor())
        assert (await desk.set(limited, {"tokens_per_day": 1}, actor=an_actor())).id == first.id
    assert len(await desk.list(actor=an_actor())) == 5


async def test_what_is_around_the_name_of_a_model_does_not_matter(desk: Desk) -> None:
    limit = await desk.set(Limited(model=" m\n"), TEN, actor=an_actor())
    assert limit.model == "m"
    assert (await desk.set_platform(None, " m", TEN, actor=ROOT)).model == "m"
    with pytest.raises(LimitInvalid):
        await desk.set(Limited(model="  "), TEN, actor=an_actor())


async def test_who_is_limited_belongs_to_the_organization(desk: Desk) -> None:
    theirs, over = a_key(organization=OTHER), a_key(revoked_at=NOON)
    await given(desk.unit_of_work, theirs, over)
    for limited, field in (
        (Limited(user_id=UserId(a_number())), "user_id"),
        (Limited(api_key_id=theirs.id), "api_key_id"),
        (Limited(api_key_id=over.id), "api_key_id"),
        (Limited(api_key_id=ApiKeyId(a_number())), "api_key_id"),
    ):
        with pytest.raises(LimitedNotFound) as refusal:
            await desk.set(limited, TEN, actor=an_actor())
        assert refusal.value.field == field
    assert (desk.acts, desk.told) == ([], 0)


async def test_a_limit_is_nobody_else_s_to_see_or_to_remove(desk: Desk) -> None:
    limit = await desk.set(EVERYBODY, TEN, actor=an_actor())
    stranger = an_actor(organization=OTHER)
    assert await desk.list(actor=stranger) == []
    for remove, actor in ((desk.remove, stranger), (desk.remove_platform, ROOT)):
        with pytest.raises(LimitNotFound):
            await remove(limit.id, actor=actor)
    assert await desk.list(actor=an_actor()) == [limit]
    with pytest.raises(LimitNotFound):
        await desk.remove(LimitId(a_number()), actor=an_actor())


async def test_the_platform_limits_everybody_or_somebody_and_they_can_see_it(desk: Desk) -> None:
    default = await desk.set_platform(None, None, TEN, actor=ROOT)
    theirs = await desk.set_platform(OTHER, "m", TEN, actor=ROOT)
    assert await desk.list_platform(actor=ROOT) == [default, theirs]
    assert await desk.list(actor=an_actor()) == [default]
    assert await desk.list(actor=an_actor(organization=OTHER)) == [default, theirs]
    with pytest.raises(LimitNotFound):
        await desk.remove(theirs.id, actor=an_actor(organization=OTHER))
    await desk.remove_platform(theirs.id, actor=ROOT)
    assert await desk.list_platform(actor=ROOT) == [default]
    assert {act.organization_id for act in desk.acts} == {None}
    with pytest.raises(LimitedNotFound):
        await desk.set_platform(OrganizationId(a_number()), None, TEN, actor=ROOT)


async def test_there_are_only_so_many_limits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_cases, "MOST_LIMITS", 1)
    await desk.set(EVERYBODY, TEN, actor=an_actor())
    await desk.set(EVERYBODY, {"tokens_per_day": 1}, actor=an_actor())
    with pytest.raises(TooManyLimits):
        await desk.set(Limited(model="m"), TEN, actor=an_actor())
    await desk.set(EVERYBODY, TEN, actor=an_actor(organization=OTHER))
    await desk.set_platform(ACME, None, TEN, actor=ROOT)
    with pytest.raises(TooManyLimits):
        await desk.set_platform(OTHER, None, TEN, actor=ROOT)


async def test_only_who_may_sets_limits(desk: Desk) -> None:
    number = LimitId(a_number())
    for actor, refusal in (
        (an_actor(Role.MANAGER), PermissionMissing), (an_actor(None), NoCurrentOrganization),
    ):  # fmt: skip
        with pytest.raises(refusal):
            await desk.set(EVERYBODY, TEN, actor=actor)
        with pytest.raises(refusal):
            await desk.remove(number, actor=actor)
    with pytest.raises(PermissionMissing):
        await desk.list(actor=an_actor(Role.USER))
    for platform_only in (
        desk.list_platform(actor=an_actor()),
        desk.set_platform(None, None, TEN, actor=an_actor()),
        desk.remove_platform(number, actor=an_actor()),
    ):
        with pytest.raises(AdminRequired):
            await platform_only


def test_a_limit_says_what_it_is_for() -> None:
    key, user = ApiKeyId(a_number()), UserId(a_number())
    titles: dict[str, Limit] = {
        f"organization {ACME}": a_limit(),
        f"key {key}, m": a_limit(key=key, user=user, model="m", tokens_per_day=1),
        f"user {user}": a_limit(user=user),
        "everybody, m": a_default(model="m", tokens_per_day=1),
    }
    assert {limit.title for limit in titles.values()} == set(titles)
