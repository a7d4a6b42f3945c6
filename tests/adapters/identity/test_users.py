"""Users: what their ports promise, kept by every adapter; and races, for real."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import (
    GLOBAL_PERMISSIONS,
    Actor,
    PlatformRole,
    Role,
    UserId,
)
from inventiv_core.identity.entities.invitations import Invitation, InvitationId
from inventiv_core.identity.errors.users import LastAdmin, UserAlreadyExists
from inventiv_core.identity.use_cases.users import NewUser, UserChanges
from inventiv_core.identity.views.users import UserFilter, UserRow, user_keys
from inventiv_core.kernel.pagination import Rows, Window
from inventiv_http.container import Application, PostgresAdapters
from tests.adapters.identity.test_sessions import a_session
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_membership,
    a_number,
    a_user,
    given,
    given_teams,
)

HOUR = timedelta(hours=1)
BOB = UserId(UUID(int=0xB0B))
CAROL = UserId(UUID(int=0xCA201))
ADMIN = PlatformRole.ADMIN


def an_invitation(*, by: UserId) -> Invitation:
    return Invitation(
        id=InvitationId(a_number()),
        organization_id=ACME,
        email="dave@example.org",
        role=Role.USER,
        token_hash="hash",
        generation=1,
        invited_by_user_id=by,
        invited_by_name="alice",
        created_at=NOON,
        expires_at=NOON + HOUR,
    )


@pytest.mark.parametrize("login", ["alice", "alice@example.org"])
async def test_users_are_found_by_name_and_by_address(adapters: Any, login: str) -> None:
    alice = replace(a_user(), first_name="Alice", last_name="Liddell", role=PlatformRole.ADMIN)
    async with adapters.unit_of_work()() as work:
        await work.users.add(alice)
        await work.users.add(a_user(id=BOB, username="bob"))
        assert await work.users.find_by_login(login) == alice


@pytest.mark.parametrize("login", ["Alice", "alic", "example.org", ""])
async def test_a_login_matches_exactly_or_not_at_all(adapters: Any, login: str) -> None:
    async with adapters.unit_of_work()() as work:
        await work.users.add(a_user())
        assert await work.users.find_by_login(login) is None


async def test_a_saved_user_replaces_the_one_before(adapters: Any) -> None:
    changed = replace(
        a_user(username="alicia", password_hash="new", role=PlatformRole.ADMIN),
        first_name="Alice",
        last_name="Liddell",
        updated_at=NOON + HOUR,
    )
    async with adapters.unit_of_work()() as work:
        await work.users.add(a_user())
        await work.users.save(changed)
        assert await work.users.find_by_login("alice") is None
        assert await work.users.find_by_login("alicia@example.org") == changed


async def test_a_user_is_locked_together_with_all_administrators_in_order(adapters: Any) -> None:
    admins = [a_user(id=UserId(UUID(int=n)), username=f"a{n}", role=ADMIN) for n in (9, 3)]
    await given(adapters.unit_of_work(), a_user(), a_user(id=BOB, username="bob"), *admins)
    async with adapters.unit_of_work()() as work:
        locked = await work.users.lock_with_admins(BOB)
        assert [user.id for user in locked] == sorted([BOB, *(admin.id for admin in admins)])
        again = await work.users.lock_with_admins(admins[0].id)
        assert [user.id for user in again] == sorted(admin.id for admin in admins)


async def test_who_is_removed_takes_along_what_is_theirs_and_nothing_else(adapters: Any) -> None:
    await given_teams(adapters.unit_of_work(), a_user(id=BOB, username="bob"))
    await given(adapters.unit_of_work(), a_membership(user=BOB, role=Role.USER))
    session = a_session(user=BOB)
    invitation = an_invitation(by=ALICE)
    async with adapters.unit_of_work()() as work:
        for mine in (a_session(), session):
            await work.sessions.add(mine)
        await work.sessions.rotate(
            session.id, token_hash="new", organization_id=None, grace_until=NOON + HOUR
        )
        await work.invitations.add(invitation)
        await work.users.remove(BOB)
        await work.users.remove(BOB)
        assert await work.users.find(BOB) is None
        assert await work.sessions.find(session.id) is None
        assert await work.organizations.of_member(BOB) == []
        assert await work.organizations.of_member(ALICE) == [ACME]
        assert await work.organizations.count_members(ACME) == 1
        acme = await work.organizations.find_by_slug("acme")
        assert acme.created_by_user_id == ALICE
        await work.users.remove(ALICE)
        acme = await work.organizations.find_by_slug("acme")
        assert acme.created_by_user_id is None
        kept = await work.invitations.lock(invitation.id, owner=ACME)
        assert (kept.invited_by_user_id, kept.invited_by_name) == (None, "alice")
    for token in (session.token_hash, "new"):
        assert await adapters.session_queries().find(token, now=NOON) is None


async def given_people(adapters: Any) -> None:
    """Store Alice, who owns ACME and is a user of OTHER; Bob, a user of ACME; and Carol."""
    await given_teams(
        adapters.unit_of_work(),
        a_membership(organization=OTHER, role=Role.USER),
        replace(a_user(id=BOB, username="bob"), created_at=NOON + HOUR, updated_at=NOON),
        a_membership(user=BOB, role=Role.USER),
        replace(a_user(id=CAROL, username="carol", role=ADMIN), created_at=NOON + 2 * HOUR),
    )


def pairs(found: Rows[UserRow]) -> list[tuple[str, str | None]]:
    return [(row.username, row.organization_slug) for row in found.rows]


async def search(adapters: Any, **options: Any) -> Rows[UserRow]:
    where = UserFilter(**{k: v for k, v in options.items() if k not in {"by", "down", "window"}})
    down = options.get("down", False)
    key = next(
        key for key in user_keys(descending=down) if key.name == options.get("by", "username")
    )
    window = Window(key=key, descending=down, limit=10, **options.get("window", {}))
    found: Rows[UserRow] = await adapters.user_queries().search(where, window)
    return found


ALL = [("alice", "acme"), ("alice", "other"), ("bob", "acme"), ("carol", None)]


async def test_a_search_finds_each_user_with_each_organization(adapters: Any) -> None:
    await given_people(adapters)
    found = await search(adapters)
    assert sorted(pairs(found), key=str) == ALL
    assert (found.total_count, found.filtered_count) == (3, 4)
    carol = found.rows[-1]
    assert carol == UserRow(
        user_id=CAROL,
        username="carol",
        email="carol@example.org",
        role=ADMIN,
        first_name=None,
        last_name=None,
        created_at=NOON + 2 * HOUR,
        updated_at=NOON,
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"needle": "BO"}, [("bob", "acme")]),
        ({"needle": "@EXAMPLE"}, ALL),
        ({"needle": "%"}, []),
        ({"needle": "_"}, []),
        ({"needle": "\\"}, []),
        ({"organization_id": OTHER}, [("alice", "other")]),
        ({"organization_role": "user"}, [("alice", "other"), ("bob", "acme")]),
        ({"organization_role": "owner", "organization_id": OTHER}, []),
        ({"organization_role": "nonsense"}, []),
    ],
)
async def test_a_search_finds_what_is_asked_for(
    adapters: Any, where: dict[str, Any], expected: list[Any]
) -> None:
    await given_people(adapters)
    found = await search(adapters, **where)
    assert sorted(pairs(found), key=str) == expected
    assert (found.total_count, found.filtered_count) == (3, len(expected))


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("username", "alice alice bob carol"),
        ("email", "alice alice bob carol"),
        ("role", "carol bob alice alice"),
        ("created_at", "alice alice bob carol"),
        ("updated_at", "bob alice alice carol"),
        ("organization_name", "bob alice alice carol"),
        ("organization_role", "alice bob alice carol"),
    ],
)
async def test_a_search_is_sorted_by_value_then_user_then_organization(
    adapters: Any, by: str, names: str
) -> None:
    await given_people(adapters)
    found = await search(adapters, by=by)
    assert [row.username for row in found.rows] == names.split()
    down = await search(adapters, by=by, down=True)
    if not by.startswith("organization"):  # who is nowhere comes last, both ways
        assert list(down.rows) == list(found.rows)[::-1]
    else:
        assert down.rows[-1].username == "carol"


async def test_users_are_listed_newest_first_and_found_one_by_one(adapters: Any) -> None:
    await given_people(adapters)
    rows = await adapters.user_queries().list(limit=10)
    assert [row.username for row in rows] == ["carol", "bob", "alice"]
    assert [row.username for row in await adapters.user_queries().list(limit=1)] == ["carol"]
    assert await adapters.user_queries().find(BOB) == rows[1]
    assert await adapters.user_queries().find(UserId(UUID(int=1))) is None


def an_admin(user: UserId) -> Actor:
    return Actor(user_id=user, organization_id=None, permissions=GLOBAL_PERMISSIONS, name="x")


@pytest.mark.parametrize("how", ["demote", "delete", "one of each"])
async def test_two_administrators_cannot_undo_each_other(
    postgres: PostgresAdapters, how: str
) -> None:
    application = Application(adapters=postgres)
    await given(
        postgres.unit_of_work(),
        a_user(id=BOB, username="bob", role=ADMIN),
        a_user(id=CAROL, username="carol", role=ADMIN),
    )
    demotion = UserChanges(profile={}, role="user")
    demote, delete = application.update_user(), application.delete_user()
    for _ in range(5):
        first = (
            delete(BOB, actor=an_admin(CAROL))
            if how == "delete"
            else demote(BOB, demotion, actor=an_admin(CAROL))
        )
        second = (
            demote(CAROL, demotion, actor=an_admin(BOB))
            if how == "demote"
            else delete(CAROL, actor=an_admin(BOB))
        )
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        assert sum(isinstance(outcome, LastAdmin) for outcome in outcomes) == 1, outcomes
        async with postgres.unit_of_work()() as work:
            left = await work.users.lock_with_admins(BOB)
            assert sum(user.role is ADMIN for user in left) == 1
            for user in (BOB, CAROL):
                await work.users.remove(user)
            await work.users.add(a_user(id=BOB, username="bob", role=ADMIN))
            await work.users.add(a_user(id=CAROL, username="carol", role=ADMIN))


async def test_two_owners_who_are_deleted_at_the_same_time_do_not_leave_nobody(
    postgres: PostgresAdapters,
) -> None:
    application = Application(adapters=postgres)
    await given_teams(
        postgres.unit_of_work(),
        a_user(id=BOB, username="bob"),
        a_user(id=CAROL, username="carol"),
        a_membership(user=BOB, role=Role.OWNER),
        a_membership(user=CAROL, role=Role.USER),
        a_user(id=UserId(UUID(int=1)), username="root", role=ADMIN),
    )
    root = an_admin(UserId(UUID(int=1)))
    outcomes = await asyncio.gather(
        *(application.delete_user()(user, actor=root) for user in (ALICE, BOB)),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOwner", "NoneType"]


async def test_of_two_with_the_same_name_at_the_same_time_one_is_refused(
    postgres: PostgresAdapters,
) -> None:
    application = Application(adapters=postgres)
    new = NewUser(email="a@b.test", password="a good password")
    outcomes = await asyncio.gather(
        *(application.create_user()(new, actor=an_admin(BOB)) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, UserAlreadyExists) for outcome in outcomes) == 3
