"""Organizations: founding them, looking at them, changing them, giving them up."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from inventiv_core.identity.access import PLATFORM, ROLE_PERMISSIONS, Role, UserId
from inventiv_core.identity.entities.acts import ActKind
from inventiv_core.identity.entities.organizations import (
    LONGEST_SLUG,
    Organization,
    slug_of,
)
from inventiv_core.identity.errors.access import NoCurrentOrganization, PermissionMissing
from inventiv_core.identity.errors.names import NameRequired, NameTooLong
from inventiv_core.identity.errors.organizations import (
    OrganizationHasInstances,
    SlugTaken,
)
from inventiv_core.identity.errors.sessions import NotAMember, SessionMissing
from inventiv_core.identity.events import AccessChanged, ActRecorded
from inventiv_core.instances.entities import AT_REST, InstanceStatus
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    Market,
    a_membership,
    a_user,
    an_actor,
    given,
)
from tests.core.identity.door import CALLER, Door

BOB = UserId(UUID(int=0xB0B))
ID = UUID("0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Acme", "acme"),
        ("  Acme   Corp. ", "acme-corp"),
        ("a_b.c-d e", "a-b-c-d-e"),
        ("--a--", "a"),
        ("Crème Brûlée", "creme-brulee"),
        ("Straße & Søn", "strasse-son"),
        ("Œuvre Łódź", "oeuvre-lodz"),
        ("İstanbul", "istanbul"),
        ("L'Oréal", "loreal"),
        ("a & b", "a-b"),
        ("日本", "org-0190aaaa"),
        ("-._ ", "org-0190aaaa"),
        ("x" * 70, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_a_slug_is_made_of_what_is_written(text: str, slug: str) -> None:
    assert slug_of(text, ID) == slug


@for_all(st.text())
def test_a_slug_can_be_part_of_an_address_and_is_its_own(text: str) -> None:
    slug = slug_of(text, ID)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= LONGEST_SLUG
    assert slug_of(slug, ID) == slug


def organizations(door: Door) -> list[Organization]:
    return [row for row in door.database.table(Organization).values() if row.deleted_at is None]


async def test_whoever_founds_an_organization_owns_it_and_works_there(door: Door) -> None:
    alice = await door.actor()
    door.clock.advance(timedelta(seconds=1))
    founded = await door.create_organization("New  Team ", actor=alice)
    row = founded.organization
    assert (row.name, row.slug, row.role, row.member_count) == ("New Team", "new-team", "owner", 1)
    assert founded.switched is not None
    known = await door.recognise(founded.switched.token, actor=CALLER)
    assert (known.actor.organization_id, known.session.organization_role) == (row.id, Role.OWNER)
    assert await door.list_organizations(actor=known.actor) == [
        row,
        replace(row, id=ACME, name="Acme", slug="acme", created_at=NOON),
    ]
    assert await door.get_organization(actor=known.actor) == row
    act = door.acts[-1]
    assert (act.kind, act.organization_id, act.subject.id) == (ActKind.ORG_CREATED, row.id, row.id)
    assert ActRecorded.of(act) in door.told


async def test_it_need_not_be_the_workspace(door: Door) -> None:
    alice = await door.actor()
    founded = await door.create_organization("New", "a slug", set_as_current=False, actor=alice)
    assert founded.switched is None
    assert founded.organization.slug == "a-slug"
    assert [session.current_organization_id for session in door.sessions] == [ACME]


@pytest.mark.parametrize(
    ("name", "slug", "refusal"),
    [
        (" ", None, NameRequired),
        ("\0\n", "slug", NameRequired),
        ("x" * 121, None, NameTooLong),
        ("Acme!", None, SlugTaken),
        ("New", "ACME", SlugTaken),
    ],
)
async def test_what_cannot_be_founded_leaves_nothing(
    door: Door, name: str, slug: str | None, refusal: type[Exception]
) -> None:
    alice = await door.actor()
    before = dict(door.database.tables())
    with pytest.raises(refusal):
        await door.create_organization(name, slug, actor=alice)
    assert dict(door.database.tables()) == before


async def test_without_a_session_there_is_no_workspace_and_no_organization(door: Door) -> None:
    alice = await door.actor()
    with pytest.raises(SessionMissing):
        await door.create_organization("New", actor=replace(alice, session_id=None))
    assert len(organizations(door)) == 2
    with pytest.raises(PermissionMissing):
        await door.create_organization("New", actor=PLATFORM)


async def test_an_organization_changes_its_name_and_its_slug(door: Door) -> None:
    alice = await door.actor()
    row = await door.update_organization(name="Acme Two", actor=alice)
    assert (row.name, row.slug) == ("Acme Two", "acme")
    row = await door.update_organization(slug="Zwei!", actor=alice)
    assert (row.name, row.slug) == ("Acme Two", "zwei")
    changes = [(act.kind, act.before, act.after) for act in door.acts[-2:]]
    assert changes == [
        (ActKind.ORG_UPDATED, {"name": "Acme"}, {"name": "Acme Two"}),
        (ActKind.ORG_UPDATED, {"slug": "acme"}, {"slug": "zwei"}),
    ]


async def test_what_changes_nothing_is_no_change(door: Door) -> None:
    alice = await door.actor()
    acts = door.acts
    for changes in ({}, {"name": "Acme", "slug": "acme"}):
        row = await door.update_organization(**changes, actor=alice)
        assert (row.name, row.slug) == ("Acme", "acme")
    with pytest.raises(SlugTaken):
        await door.update_organization(slug="other", actor=alice)
    assert door.acts == acts


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MANAGER, Role.USER, None])
async def test_only_owners_change_it_or_give_it_up(door: Door, role: Role | None) -> None:
    for call in (door.update_organization, door.delete_organization):
        with pytest.raises((PermissionMissing, NoCurrentOrganization)):
            await call(actor=an_actor(role))


async def test_who_was_an_owner_when_the_request_came_in_may_be_none_any_more(door: Door) -> None:
    alice = await door.actor()
    await given(door.unit_of_work, a_user(id=BOB, username="bob"), a_membership(user=BOB))
    bob = replace(an_actor(), user_id=BOB)
    await door.change_member_role(ALICE, "admin", actor=bob)
    for call in (door.update_organization, door.delete_organization):
        with pytest.raises(PermissionMissing):
            await call(actor=alice)
    await door.remove_member(ALICE, actor=bob)
    for call in (door.update_organization, door.delete_organization):
        with pytest.raises(NotAMember):
            await call(actor=alice)
    with pytest.raises(NotAMember):
        await door.get_organization(actor=alice)


async def test_who_gives_an_organization_up_ends_every_way_into_it(door: Door) -> None:
    await given(
        door.unit_of_work,
        a_user(id=BOB, username="bob", password_hash="hash of correct horse battery staple"),
        a_membership(user=BOB, role=Role.USER),
    )
    alice, bob = await door.sign_in(), await door.sign_in("bob")
    actor = (await door.recognise(alice.token, actor=CALLER)).actor
    await door.delete_organization(actor=actor)
    for signed_in in (alice, bob):
        known = await door.recognise(signed_in.token, actor=CALLER)
        assert known.actor.organization_id is None
        assert known.actor.permissions == ROLE_PERMISSIONS[None]
        assert await door.list_organizations(actor=known.actor) == []
    assert {session.current_organization_id for session in door.sessions} == {None}
    assert {event.user_id for event in door.told if isinstance(event, AccessChanged)} == {
        ALICE,
        BOB,
    }
    stored = door.database.table(Organization)[ACME]
    assert (stored.deleted_at, stored.name) == (NOON, "Acme")
    act = door.acts[-1]
    assert (act.kind, act.organization_id, act.subject.id) == (ActKind.ORG_DELETED, None, ACME)
    assert act.facts["members"] == 2


async def test_the_slug_of_what_was_given_up_is_free_again(door: Door) -> None:
    alice = await door.actor()
    await door.delete_organization(actor=alice)
    again = await door.create_organization("Acme", actor=alice)
    assert again.organization.slug == "acme"
    assert again.organization.id != ACME
    await door.delete_organization(actor=replace(alice, organization_id=again.organization.id))
    assert [organization.id for organization in organizations(door)] == [OTHER]


@pytest.mark.parametrize("status", InstanceStatus)
async def test_an_organization_with_machines_cannot_be_given_up(
    door: Door, status: InstanceStatus
) -> None:
    alice = await door.actor()
    market = Market()
    theirs = market.instance(owner=OTHER)
    await given(door.unit_of_work, market.instance(status=status), theirs)
    if status in AT_REST:
        await door.delete_organization(actor=alice)
        return
    with pytest.raises(OrganizationHasInstances) as refusal:
        await door.delete_organization(actor=alice)
    assert refusal.value.facts == {"instances": 1}
    assert len(organizations(door)) == 2
