"""Organizations: what their ports promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import OrganizationId, Role, SessionId, UserId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.entities.users import User
from inventiv_core.identity.errors.organizations import SlugTaken
from inventiv_core.identity.views.organizations import MemberRow, OrganizationRow
from inventiv_core.instances.entities import AT_REST, InstanceStatus
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    Market,
    a_membership,
    a_number,
    a_user,
    an_organization,
    given_teams,
)

HOUR = timedelta(hours=1)
BOB = UserId(UUID(int=0xB0B))


async def test_organizations_are_found_by_slug(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work())
    async with adapters.unit_of_work()() as work:
        assert await work.organizations.find_by_slug("acme") == an_organization()
        assert await work.organizations.find_by_slug("Acme") is None


async def test_memberships_are_listed_oldest_first(adapters: Any) -> None:
    later = replace(a_membership(organization=OTHER), created_at=NOON - HOUR)
    await given_teams(adapters.unit_of_work(), later, a_user(id=BOB, username="bob"))
    async with adapters.unit_of_work()() as work:
        assert await work.organizations.of_member(ALICE) == [OTHER, ACME]
        assert await work.organizations.of_member(BOB) == []


async def test_memberships_of_the_same_instant_are_listed_by_organization(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work(), a_membership(organization=OTHER))
    async with adapters.unit_of_work()() as work:
        assert await work.organizations.of_member(ALICE) == sorted([ACME, OTHER])


def a_user_named(name: str, number: int) -> User:
    return a_user(id=UserId(UUID(int=number)), username=name)


async def rows_of(adapters: Any, user: UserId, limit: int = 100) -> list[OrganizationRow]:
    return list(await adapters.organization_queries().list(user, limit=limit))


async def test_an_organization_that_is_deleted_is_found_no_more(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work())
    async with adapters.unit_of_work()() as work:
        acme = await work.organizations.lock_alone(ACME)
        assert acme == an_organization()
        await work.organizations.save(replace(acme, deleted_at=NOON))
        assert await work.organizations.find_by_slug("acme") is None
        assert await work.organizations.lock(ACME) is None
        assert await work.organizations.lock_alone(ACME) is None
        assert not await work.organizations.keep(ACME)
        assert await work.organizations.keep(OTHER)
        assert not await work.organizations.keep(OrganizationId(a_number()))
        await work.organizations.add(an_organization(id=OrganizationId(a_number()), slug="acme"))


async def test_no_two_organizations_have_one_slug(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work())
    again = an_organization(id=OrganizationId(a_number()), slug="acme")
    with pytest.raises(SlugTaken):
        async with adapters.unit_of_work()() as work:
            await work.organizations.add(again)
    with pytest.raises(SlugTaken):
        async with adapters.unit_of_work()() as work:
            await work.organizations.save(an_organization(id=OTHER, slug="acme"))
    async with adapters.unit_of_work()() as work:
        renamed = replace(an_organization(), name="Acme Two", slug="two")
        await work.organizations.save(renamed)
        assert await work.organizations.lock(ACME) == renamed


async def test_memberships_change_and_end(adapters: Any) -> None:
    bob = a_user_named("bob", 0xB0B)
    await given_teams(adapters.unit_of_work(), bob, a_membership(user=BOB, role=Role.USER))
    async with adapters.unit_of_work()() as work:
        known = work.organizations
        assert await known.count_owners(ACME) == 1
        await known.save_member(a_membership(user=BOB, role=Role.OWNER))
        assert await known.count_owners(ACME) == 2
        assert await known.count_owners(OTHER) == 0
        assert (await known.find_member(ACME, BOB)).role is Role.OWNER
        assert await known.has_member_at(ACME, "bob@example.org")
        assert not await known.has_member_at(OTHER, "bob@example.org")
        assert not await known.has_member_at(ACME, "bob")
        await known.remove_member(OTHER, BOB)
        assert await known.find_member(ACME, BOB) is not None
        await known.remove_member(ACME, BOB)
        assert await known.find_member(ACME, BOB) is None
        await known.save_member(a_membership(user=BOB))  # nobody is made a member of by that
        assert await known.find_member(ACME, BOB) is None


async def test_all_memberships_of_an_organization_end_at_once(adapters: Any) -> None:
    bob = a_user_named("bob", 0xB0B)
    elsewhere = a_membership(user=BOB, organization=OTHER)
    await given_teams(adapters.unit_of_work(), bob, a_membership(user=BOB), elsewhere)
    async with adapters.unit_of_work()() as work:
        assert list(await work.organizations.remove_members(ACME)) == sorted([ALICE, BOB])
        assert list(await work.organizations.remove_members(ACME)) == []
        assert await work.organizations.of_member(BOB) == [OTHER]


async def test_organizations_are_listed_with_how_many_belong_to_them(adapters: Any) -> None:
    third = OrganizationId(UUID(int=0x3))
    newest = replace(an_organization(id=third, slug="third"), created_at=NOON + HOUR)
    bob = a_user_named("bob", 0xB0B)
    await given_teams(
        adapters.unit_of_work(),
        newest,
        bob,
        a_membership(organization=third, role=Role.USER),
        a_membership(user=BOB),
        a_membership(user=BOB, organization=OTHER),
    )
    third_row = OrganizationRow(
        id=third,
        name="Third",
        slug="third",
        created_at=NOON + HOUR,
        role=Role.USER,
        member_count=1,
    )
    acme_row = OrganizationRow(
        id=ACME, name="Acme", slug="acme", created_at=NOON, role=Role.OWNER, member_count=2
    )
    assert await rows_of(adapters, ALICE) == [third_row, acme_row]
    assert await rows_of(adapters, ALICE, limit=1) == [third_row]
    assert [row.id for row in await rows_of(adapters, BOB)] == sorted([ACME, OTHER], reverse=True)
    find = adapters.organization_queries().find
    assert await find(ACME, ALICE) == acme_row
    assert await find(OTHER, ALICE) is None


async def test_members_are_listed_by_rank_and_then_by_age(adapters: Any) -> None:
    people = {"bob": 5, "carol": 4, "dave": 3, "erin": 2, "frank": 1}
    users = [a_user_named(name, number) for name, number in people.items()]
    roles = [Role.USER, Role.MANAGER, Role.ADMIN, Role.OWNER, Role.USER]
    members = [
        replace(a_membership(user=user.id, role=role), created_at=NOON - number * HOUR)
        for number, (user, role) in enumerate(zip(users, roles, strict=True))
    ]
    await given_teams(
        adapters.unit_of_work(),
        *users,
        *members,
        a_membership(user=users[0].id, organization=OTHER),
    )
    listed = await adapters.organization_queries().members(ACME, limit=100)
    assert [row.username for row in listed] == ["erin", "alice", "dave", "carol", "frank", "bob"]
    assert listed[-1] == MemberRow(
        user_id=users[0].id,
        username="bob",
        email="bob@example.org",
        first_name=None,
        last_name=None,
        role=Role.USER,
        created_at=NOON,
    )
    assert len(await adapters.organization_queries().members(ACME, limit=2)) == 2


@pytest.mark.parametrize("status", InstanceStatus)
async def test_living_instances_are_those_that_are_not_at_rest(
    adapters: Any, status: InstanceStatus
) -> None:
    market = Market()
    mine, theirs = market.instance(status=status), market.instance(owner=OTHER)
    await given_teams(adapters.unit_of_work(), *market.everything, mine, theirs)
    async with adapters.unit_of_work()() as work:
        assert await work.estates.living_instances(ACME) == (status not in AT_REST)


async def test_nobody_s_session_stays_in_a_workspace_that_is_closed(adapters: Any) -> None:
    bob = a_user_named("bob", 0xB0B)
    await given_teams(adapters.unit_of_work(), bob)
    async with adapters.unit_of_work()() as work:
        sessions = [
            Session(
                id=SessionId(a_number()),
                user_id=user,
                current_organization_id=organization,
                token_hash=str(a_number()),
                ip_address=None,
                user_agent=None,
                created_at=NOON,
                last_used_at=NOON,
                expires_at=NOON + HOUR,
            )
            for user in (ALICE, BOB)
            for organization in (ACME, OTHER)
        ]
        for session in sessions:
            await work.sessions.add(session)
        await work.sessions.close_workspace(ACME)
        left = [await work.sessions.find(session.id) for session in sessions]
        assert [session.current_organization_id for session in left] == [None, OTHER] * 2
