"""Members: who may do what to whom."""

from dataclasses import replace
from itertools import product
from uuid import UUID

import pytest

from inventiv_core.identity.access import PLATFORM, ROLE_PERMISSIONS, Role, UserId
from inventiv_core.identity.entities.acts import ActKind, Subject
from inventiv_core.identity.entities.members import (
    CHANGES,
    INVITATIONS,
    REMOVALS,
    may_invite,
    must_be_able_to_change,
    must_be_able_to_invite,
    must_be_able_to_remove,
    role_of,
)
from inventiv_core.identity.errors.access import (
    InsufficientPermissionsToInvite,
    NoCurrentOrganization,
)
from inventiv_core.identity.errors.invitations import (
    CannotInviteOwnerOrAdminRole,
)
from inventiv_core.identity.errors.members import (
    InvalidRole,
    LastOwnerCannotBeChanged,
    LastOwnerCannotBeRemoved,
    MemberNotFound,
    MemberRemoveNotAllowed,
    RoleChangeNotAllowed,
)
from inventiv_core.identity.errors.sessions import NotAMember
from inventiv_core.identity.events import AccessChanged
from tests.builders import ACME, ALICE, OTHER, PASSWORD, a_membership, a_number, a_user, given
from tests.core.identity.door import CALLER, Door

O, A, M, U = Role.OWNER, Role.ADMIN, Role.MANAGER, Role.USER  # noqa: E741 - columns of a table

BOB = UserId(UUID(int=0xB0B))

MAY_CHANGE = {O: list(product(Role, Role)), A: [(U, A), (A, U)], M: [(U, M), (M, U)], U: []}
MAY_REMOVE = {O: [O, A, M, U], A: [A, U], M: [M, U], U: []}


@pytest.mark.parametrize(("actor", "before", "after"), list(product(Role, Role, Role)))
def test_roles_are_changed_as_the_table_says(actor: Role, before: Role, after: Role) -> None:
    if (before, after) in MAY_CHANGE[actor]:
        must_be_able_to_change(actor, before, after)
        return
    with pytest.raises(RoleChangeNotAllowed) as refusal:
        must_be_able_to_change(actor, before, after)
    assert refusal.value.facts == {"from_role": before, "to_role": after}


@pytest.mark.parametrize(("actor", "member"), list(product(Role, Role)))
def test_members_are_removed_as_the_table_says_and_everybody_may_leave(
    actor: Role, member: Role
) -> None:
    must_be_able_to_remove(actor, member, is_self=True)
    if member in MAY_REMOVE[actor]:
        must_be_able_to_remove(actor, member, is_self=False)
        return
    with pytest.raises(MemberRemoveNotAllowed):
        must_be_able_to_remove(actor, member, is_self=False)


@pytest.mark.parametrize(("actor", "role"), list(product(Role, Role)))
def test_nobody_invites_as_what_they_could_not_make_of_a_user(actor: Role, role: Role) -> None:
    may = may_invite(actor, role)
    if role is U:
        assert may == (actor is not U)  # whoever may invite at all
    elif may:
        assert (U, role) in CHANGES[actor]
    assert not may or actor is O or role not in {O, A}
    if may:
        must_be_able_to_invite(actor, role)
        return
    refusal = CannotInviteOwnerOrAdminRole if role in {O, A} else InsufficientPermissionsToInvite
    with pytest.raises(refusal):
        must_be_able_to_invite(actor, role)


def test_every_role_has_a_line() -> None:
    assert set(CHANGES) == set(REMOVALS) == set(INVITATIONS) == set(Role)


@pytest.mark.parametrize("text", ["owner", " Owner ", "OWNER"])
def test_a_role_is_known_in_any_case(text: str) -> None:
    assert role_of(text) is O


@pytest.mark.parametrize("text", ["", "root", "own er", "ownér"])
def test_what_is_no_role_is_refused(text: str) -> None:
    with pytest.raises(InvalidRole) as refusal:
        role_of(text)
    assert refusal.value.facts == {"role": text}


async def with_bob(door: Door, role: Role, *, alice: Role = O) -> None:
    """Have Bob belong to ACME, beside Alice, and sign in."""
    bob = a_user(id=BOB, username="bob", password_hash=f"hash of {PASSWORD}")
    await given(door.unit_of_work, bob, a_membership(user=BOB, role=role))
    if alice is not O:
        async with door.unit_of_work() as work:
            await work.organizations.save_member(a_membership(role=alice))


async def test_a_role_that_was_changed_counts_from_the_next_request_on(door: Door) -> None:
    await with_bob(door, U)
    signed_in, alice = await door.sign_in("bob"), await door.actor()
    assert await door.change_member_role(BOB, " ADMIN ", actor=alice) is A
    known = await door.recognise(signed_in.token, actor=CALLER)
    assert known.actor.organization_id == ACME
    assert known.actor.permissions == ROLE_PERMISSIONS[A]
    assert AccessChanged(user_id=BOB, occurred_at=door.clock.now()) in door.told
    act = door.acts[-1]
    assert (act.kind, act.subject, act.organization_id) == (
        ActKind.ORG_MEMBER_ROLE_UPDATED,
        Subject.user(BOB, "bob"),
        ACME,
    )
    assert (act.before, act.after) == ({"role": U}, {"role": A})
    assert act.facts == {
        "organization_id": ACME,
        "member_user_id": BOB,
        "from_role": U,
        "to_role": A,
    }


async def test_who_is_removed_loses_access_at_once(door: Door) -> None:
    await with_bob(door, U)
    signed_in, alice = await door.sign_in("bob"), await door.actor()
    await door.remove_member(BOB, actor=alice)
    known = await door.recognise(signed_in.token, actor=CALLER)
    assert known.actor.organization_id is None
    [session] = [session for session in door.sessions if session.user_id == BOB]
    assert session.current_organization_id is None
    assert AccessChanged(user_id=BOB, occurred_at=door.clock.now()) in door.told
    act = door.acts[-1]
    assert (act.kind, act.before) == (ActKind.ORG_MEMBER_REMOVED, {"role": U})
    assert act.facts == {
        "organization_id": ACME,
        "member_user_id": BOB,
        "member_role": U,
        "is_self": False,
    }
    assert [row.user_id for row in await door.list_members(actor=alice)] == [ALICE]


@pytest.mark.parametrize("role", Role)
async def test_everybody_may_leave(door: Door, role: Role) -> None:
    await with_bob(door, role)
    bob = await door.actor("bob")
    await door.remove_member(actor=bob)
    assert door.acts[-1].facts["is_self"] is True
    with pytest.raises(NotAMember):
        await door.remove_member(actor=bob)


async def test_the_checks_come_in_the_order_that_clients_know(door: Door) -> None:
    await with_bob(door, O, alice=U)
    alice, nobody = await door.actor(), UserId(a_number())
    with pytest.raises(MemberNotFound):
        await door.change_member_role(nobody, "nonsense", actor=alice)
    with pytest.raises(InvalidRole):
        await door.change_member_role(BOB, "nonsense", actor=alice)
    with pytest.raises(RoleChangeNotAllowed):
        await door.change_member_role(BOB, "user", actor=alice)
    with pytest.raises(MemberNotFound):
        await door.remove_member(nobody, actor=alice)
    with pytest.raises(MemberRemoveNotAllowed):
        await door.remove_member(BOB, actor=alice)


async def test_the_last_owner_stays_one(door: Door) -> None:
    await with_bob(door, A)
    alice = await door.actor()
    for role in (A, M, U):
        with pytest.raises(LastOwnerCannotBeChanged):
            await door.change_member_role(ALICE, role, actor=alice)
    with pytest.raises(LastOwnerCannotBeRemoved):
        await door.remove_member(ALICE, actor=alice)
    with pytest.raises(LastOwnerCannotBeRemoved):
        await door.remove_member(actor=alice)
    assert await door.change_member_role(ALICE, "owner", actor=alice) is O
    await door.change_member_role(BOB, "owner", actor=alice)
    await door.remove_member(actor=alice)


async def test_what_changes_nothing_is_not_in_the_books(door: Door) -> None:
    await with_bob(door, A)
    alice = await door.actor()
    acts = door.acts
    assert await door.change_member_role(BOB, "admin", actor=alice) is A
    assert door.acts == acts
    with pytest.raises(RoleChangeNotAllowed):  # but whoever is no owner may not even do nothing
        await door.change_member_role(BOB, "admin", actor=await door.actor("bob"))


async def test_members_of_other_organizations_are_nobody(door: Door) -> None:
    bob = a_user(id=BOB, username="bob")
    await given(door.unit_of_work, bob, a_membership(user=BOB, organization=OTHER))
    alice = await door.actor()
    with pytest.raises(MemberNotFound):
        await door.change_member_role(BOB, "user", actor=alice)
    with pytest.raises(MemberNotFound):
        await door.remove_member(BOB, actor=alice)
    assert [row.user_id for row in await door.list_members(actor=alice)] == [ALICE]


async def test_it_takes_an_organization(door: Door) -> None:
    for actor in (replace(await door.actor(), organization_id=None), PLATFORM):
        with pytest.raises(NoCurrentOrganization):
            await door.list_members(actor=actor)
        with pytest.raises(NoCurrentOrganization):
            await door.change_member_role(ALICE, "user", actor=actor)
        with pytest.raises(NoCurrentOrganization):
            await door.remove_member(actor=actor)
