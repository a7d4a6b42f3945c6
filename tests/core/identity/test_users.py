"""Users: what they are called, and what administrators can do with them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inventiv_core.identity.access import (
    GLOBAL_PERMISSIONS,
    Actor,
    PlatformRole,
    Role,
    UserId,
)
from inventiv_core.identity.entities.acts import Act, ActKind
from inventiv_core.identity.entities.mails import MailKind
from inventiv_core.identity.entities.organizations import Organization
from inventiv_core.identity.entities.users import User, revised
from inventiv_core.identity.errors.access import AdminRequired
from inventiv_core.identity.errors.invitations import InvalidEmailFormat
from inventiv_core.identity.errors.names import InvalidUsername
from inventiv_core.identity.errors.passwords import PasswordBlank, PasswordTooShort
from inventiv_core.identity.errors.sessions import SessionInvalidOrExpired
from inventiv_core.identity.errors.users import (
    CannotDeleteSelf,
    EmailAndPasswordRequired,
    InvalidPlatformRole,
    LastAdmin,
    LastOwner,
    LoginTaken,
    PersonalNameTooLong,
    UserAlreadyExists,
    UserNotFound,
)
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.use_cases.users import NewUser, UserChanges
from inventiv_core.identity.views.users import UserFilter
from inventiv_core.kernel.errors import DomainError
from inventiv_core.kernel.pagination import PageRequest
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    PASSWORD,
    a_membership,
    a_number,
    a_user,
    an_actor,
    given,
)
from tests.core.identity.door import CALLER, Door

ROOT = UserId(a_number())
BOB = UserId(a_number())
ADMIN = Actor(user_id=ROOT, organization_id=None, permissions=GLOBAL_PERMISSIONS, name="root")
LATER = NOON + timedelta(minutes=1)
NEW = "another password"
NOBODY = UserId(a_number())


@pytest.fixture
async def office(door: Door) -> Door:
    """A door with an administrator, Bob, and Alice, who owns ACME."""
    root = a_user(id=ROOT, username="root", role=PlatformRole.ADMIN)
    bob = a_user(id=BOB, username="bob", password_hash=f"hash of {PASSWORD}")
    await given(door.unit_of_work, root, bob)
    return door


def changed(**facts: Any) -> User:
    return replace(a_user(), updated_at=LATER, **facts)


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({}, a_user()),
        ({"username": None, "email": None}, a_user()),
        ({"username": " ", "email": ""}, a_user()),
        ({"username": "ALICE", "email": " Alice@example.org"}, a_user()),
        ({"first_name": None, "last_name": "  "}, a_user()),
        ({"first_name": " Alice \n B. "}, changed(first_name="Alice B.")),
        ({"username": "Eve"}, changed(username="eve")),
        ({"email": "A@B.test"}, changed(email="a@b.test")),
        ({"email": "a@b.test", "username": "a@b.test"},
         changed(email="a@b.test", username="a@b.test")),
    ],
)  # fmt: skip
def test_what_is_given_as_nothing_stays(changes: dict[str, str | None], after: User) -> None:
    assert revised(a_user(), changes, at=LATER) == after


def test_a_name_that_is_given_as_nothing_is_no_more() -> None:
    named = replace(a_user(), first_name="Alice", last_name="B")
    assert revised(named, {"first_name": None}, at=LATER) == replace(
        named, first_name=None, updated_at=LATER
    )
    assert revised(named, {"last_name": ""}, at=LATER).last_name is None


@pytest.mark.parametrize("username", [None, "alice@example.org"])
def test_who_is_called_by_their_address_still_is_when_it_changes(username: str | None) -> None:
    before = replace(a_user(), username="alice@example.org")
    after = revised(before, {"email": "a@b.test", "username": username}, at=LATER)
    assert (after.username, after.email) == ("a@b.test", "a@b.test")


def test_names_from_before_there_were_rules_may_stay() -> None:
    old = replace(a_user(), username="zoë müller", email="zoë@localhost")
    same = {"username": "Zoë Müller", "email": "zoë@localhost", "first_name": "Zoë"}
    assert revised(old, same, at=LATER).first_name == "Zoë"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"username": "bob@example.org"}, InvalidUsername),
        ({"username": "a b"}, InvalidUsername),
        ({"username": "x" * 65}, InvalidUsername),
        ({"email": "alice"}, InvalidEmailFormat),
        ({"email": f"{'x' * 300}@b.test"}, InvalidEmailFormat),
        ({"email": "a@b.test\r\nBcc: c@d.test"}, InvalidEmailFormat),
        ({"first_name": "x" * 101}, PersonalNameTooLong),
        ({"last_name": "x" * 101}, PersonalNameTooLong),
    ],
)
def test_new_names_are_checked(changes: dict[str, str], refusal: type[DomainError]) -> None:
    with pytest.raises(refusal) as refused:
        revised(a_user(), changes, at=LATER)
    if refusal is PersonalNameTooLong:
        assert refused.value.facts["field"] in changes


def user(door: Door, user_id: UserId) -> User:
    return door.database.table(User)[user_id]


def last_act(door: Door) -> Act:
    return door.acts[-1]


async def test_a_profile_is_changed_and_the_address_before_is_told(office: Door) -> None:
    actor = replace(an_actor(), name="alice")
    after = await office.update_profile(
        {"email": "new@example.org", "first_name": "Alice"}, actor=actor
    )
    assert after == user(office, ALICE)
    act = last_act(office)
    assert (act.kind, act.before, act.after) == (
        ActKind.PROFILE_UPDATED,
        {"email": "alice@example.org", "first_name": None},
        {"email": "new@example.org", "first_name": "Alice"},
    )
    async with office.unit_of_work() as work:
        attempt = await work.mails.claim(now=NOON, until=LATER)
    assert attempt is not None
    assert (attempt.mail.kind, attempt.mail.recipient) == (
        MailKind.ADDRESS_CHANGED,
        "alice@example.org",
    )
    assert attempt.mail.facts == {"name": "alice", "address": "new@example.org"}
    assert AccessChanged(user_id=ALICE, occurred_at=NOON) in office.told


async def test_a_change_that_changes_nothing_leaves_no_trace(office: Door) -> None:
    before = office.acts, office.told
    await office.update_profile({"username": "alice", "first_name": None}, actor=an_actor())
    await office.update_user(BOB, UserChanges(profile={"username": "bob"}), actor=ADMIN)
    assert (office.acts, office.told) == before


@pytest.mark.parametrize("changes", [{"username": "bob"}, {"email": "bob@example.org"}])
async def test_what_is_somebody_else_s_is_taken(office: Door, changes: dict[str, str]) -> None:
    with pytest.raises(LoginTaken):
        await office.update_profile(changes, actor=an_actor())
    with pytest.raises(LoginTaken):
        await office.update_user(ALICE, UserChanges(profile=changes), actor=ADMIN)
    assert user(office, ALICE).username == "alice"


async def test_who_was_deleted_has_no_profile(office: Door) -> None:
    with pytest.raises(SessionInvalidOrExpired):
        await office.update_profile({}, actor=replace(an_actor(), user_id=NOBODY))


async def test_only_administrators_of_the_platform_manage_users(office: Door) -> None:
    owner = an_actor()
    calls: list[Any] = [
        office.list_users(actor=owner),
        office.search_users(UserFilter(), PageRequest(), actor=owner),
        office.get_user(BOB, actor=owner),
        office.create_user(NewUser(email="c@d.test", password=NEW), actor=owner),
        office.update_user(BOB, UserChanges(profile={}), actor=owner),
        office.delete_user(BOB, actor=owner),
    ]
    for call in calls:
        with pytest.raises(AdminRequired):
            await call


async def test_users_are_looked_at(office: Door) -> None:
    assert {row.user_id for row in await office.list_users(actor=ADMIN)} == {ALICE, BOB, ROOT}
    assert (await office.get_user(BOB, actor=ADMIN)).username == "bob"
    with pytest.raises(UserNotFound):
        await office.get_user(NOBODY, actor=ADMIN)
    page = await office.search_users(UserFilter(needle="ALI"), PageRequest(), actor=ADMIN)
    [row] = page.rows
    assert (row.username, row.organization_slug, row.organization_role) == (
        "alice",
        "acme",
        Role.OWNER,
    )
    assert (page.total_count, page.filtered_count) == (3, 1)


async def test_somebody_gets_an_account(office: Door) -> None:
    made = await office.create_user(
        NewUser(email=" Carol@Example.ORG ", password=NEW, first_name=" Carol "), actor=ADMIN
    )
    assert made == user(office, made.id)
    assert (made.username, made.email, made.role, made.first_name) == (
        "carol@example.org",
        "carol@example.org",
        PlatformRole.USER,
        "Carol",
    )
    assert last_act(office).kind is ActKind.USER_CREATED
    assert "hash of" not in repr(last_act(office))
    await office.log_in("carol@example.org", NEW, actor=CALLER)


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"email": " "}, EmailAndPasswordRequired),
        ({"password": " "}, EmailAndPasswordRequired),
        ({"password": "short"}, PasswordTooShort),
        ({"email": "nonsense"}, InvalidEmailFormat),
        ({"username": "bob@example.org"}, InvalidUsername),
        ({"role": "owner"}, InvalidPlatformRole),
        ({"first_name": "x" * 101}, PersonalNameTooLong),
        ({"email": "bob@example.org"}, UserAlreadyExists),
        ({"username": "BOB"}, UserAlreadyExists),
    ],
)
async def test_not_everybody_can_have_an_account(
    office: Door, facts: dict[str, str], refusal: type[DomainError]
) -> None:
    new = replace(NewUser(email="c@d.test", password=NEW), **facts)
    with pytest.raises(refusal):
        await office.create_user(new, actor=ADMIN)
    assert len(office.users) == 3
    assert not office.acts


async def test_a_user_is_changed_and_the_books_know_what(office: Door) -> None:
    office.clock.advance(timedelta(minutes=1))
    changes = UserChanges(profile={"username": "robert", "last_name": "B"}, role=" ADMIN ")
    after = await office.update_user(BOB, changes, actor=ADMIN)
    assert after == user(office, BOB)
    assert (after.username, after.role, after.updated_at) == ("robert", PlatformRole.ADMIN, LATER)
    act = last_act(office)
    assert (act.kind, act.actor, act.subject.name) == (ActKind.USER_UPDATED, ADMIN, "bob")
    assert act.before == {"username": "bob", "role": "user", "last_name": None}
    assert act.after == {"username": "robert", "role": "admin", "last_name": "B"}
    assert act.facts == {}


async def test_another_password_ends_that_user_s_sessions(office: Door) -> None:
    token = (await office.sign_in("bob")).token
    await office.update_user(BOB, UserChanges(profile={}, password=NEW), actor=ADMIN)
    with pytest.raises(SessionInvalidOrExpired):
        await office.recognise(token, actor=CALLER)
    await office.log_in("bob", NEW, actor=CALLER)
    act = [act for act in office.acts if act.kind is ActKind.USER_UPDATED][-1]
    assert act.facts == {"password_changed": True}
    assert NEW not in repr(act)


async def test_a_role_counts_at_once(office: Door) -> None:
    token = (await office.sign_in("bob")).token
    for role in (PlatformRole.ADMIN, PlatformRole.USER):
        await office.update_user(BOB, UserChanges(profile={}, role=role), actor=ADMIN)
        known = await office.recognise(token, actor=CALLER)
        assert known.session.role is role


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (UserChanges(profile={"username": "x y"}, password=NEW), InvalidUsername),
        (UserChanges(profile={"first_name": "B"}, password=""), PasswordBlank),
        (UserChanges(profile={"first_name": "B"}, password="short"), PasswordTooShort),
        (UserChanges(profile={"first_name": "B"}, role="owner"), InvalidPlatformRole),
        (UserChanges(profile={"first_name": "B", "email": "alice@example.org"}), LoginTaken),
    ],
)
async def test_what_is_refused_in_part_is_refused_as_a_whole(
    office: Door, changes: UserChanges, refusal: type[DomainError]
) -> None:
    before = user(office, BOB)
    with pytest.raises(refusal):
        await office.update_user(BOB, changes, actor=ADMIN)
    assert user(office, BOB) == before
    assert not office.acts


async def test_the_last_administrator_stays_one(office: Door) -> None:
    demotion = UserChanges(profile={}, role="user")
    other = replace(ADMIN, user_id=ALICE)
    with pytest.raises(LastAdmin):
        await office.update_user(ROOT, demotion, actor=ADMIN)
    with pytest.raises(LastAdmin):
        await office.delete_user(ROOT, actor=other)
    await office.update_user(BOB, UserChanges(profile={}, role="admin"), actor=ADMIN)
    await office.update_user(ROOT, demotion, actor=ADMIN)
    with pytest.raises(LastAdmin):
        await office.delete_user(BOB, actor=other)


async def test_who_is_not_there_can_be_neither_changed_nor_deleted(office: Door) -> None:
    for call in (
        office.update_user(NOBODY, UserChanges(profile={}), actor=ADMIN),
        office.update_user(NOBODY, UserChanges(profile={}, role="user"), actor=ADMIN),
        office.delete_user(NOBODY, actor=ADMIN),
    ):
        with pytest.raises(UserNotFound):
            await call
    with pytest.raises(CannotDeleteSelf):
        await office.delete_user(ROOT, actor=ADMIN)


async def test_who_is_deleted_is_gone_with_every_way_in(office: Door) -> None:
    await office.join(a_membership(user=BOB, role=Role.USER))
    token = (await office.sign_in("bob")).token
    await office.request_password_reset("bob@example.org", actor=CALLER)
    await office.delete_user(BOB, actor=ADMIN)
    with pytest.raises(SessionInvalidOrExpired):
        await office.recognise(token, actor=CALLER)
    assert BOB not in {known.id for known in office.users}
    assert AccessChanged(user_id=BOB, occurred_at=NOON) in office.told
    act = last_act(office)
    assert (act.kind, act.subject.name) == (ActKind.USER_DELETED, "bob")
    assert act.before == {"username": "bob", "email": "bob@example.org", "role": "user"}
    await office.create_user(NewUser(email="bob@example.org", password=NEW), actor=ADMIN)


async def test_the_last_owner_of_others_cannot_be_deleted(office: Door) -> None:
    await office.join(a_membership(user=BOB, role=Role.ADMIN))
    with pytest.raises(LastOwner) as refusal:
        await office.delete_user(ALICE, actor=ADMIN)
    assert refusal.value.facts == {"organizations": ("acme",)}
    carol = await office.create_user(NewUser(email="c@d.test", password=NEW), actor=ADMIN)
    await office.join(a_membership(user=carol.id, role=Role.OWNER))
    await office.delete_user(ALICE, actor=ADMIN)
    acme = office.database.table(Organization)[ACME]
    assert (acme.created_by_user_id, acme.deleted_at) == (None, None)


async def test_an_organization_of_one_is_given_up_with_its_owner(office: Door) -> None:
    await office.delete_user(ALICE, actor=ADMIN)
    acme = office.database.table(Organization)[ACME]
    assert (acme.created_by_user_id, acme.deleted_at) == (None, NOON)
    assert [act.kind for act in office.acts] == [ActKind.ORG_DELETED, ActKind.USER_DELETED]


async def test_a_change_of_one_s_own_password_by_the_back_door_keeps_the_session(
    office: Door,
) -> None:
    here = await office.sign_in("bob")
    actor = replace(ADMIN, user_id=BOB, session_id=here.session.id)
    await office.update_user(BOB, UserChanges(profile={}, password=NEW), actor=actor)
    await office.recognise(here.token, actor=CALLER)
