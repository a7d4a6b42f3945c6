"""What the ports of identity promise, kept by every adapter."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import OrganizationId, PlatformRole, Role, SessionId, UserId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.entities.users import Plan
from inventiv_core.identity.views.sessions import SessionDetails
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_membership,
    a_number,
    a_user,
    an_organization,
    given_teams,
)

HOUR = timedelta(hours=1)
BOB = UserId(UUID(int=0xB0B))


def a_session(
    *,
    user: UserId = ALICE,
    organization: OrganizationId | None = ACME,
    used_at: datetime = NOON,
    **facts: Any,
) -> Session:
    number = a_number()
    session = Session(
        id=SessionId(number),
        user_id=user,
        current_organization_id=organization,
        token_hash=f"hash of {number}",
        ip_address="192.0.2.1",
        user_agent=None,
        created_at=NOON,
        last_used_at=used_at,
        expires_at=NOON + HOUR,
    )
    return replace(session, **facts)


async def given_sessions(adapters: Any, *sessions: Session) -> None:
    """Store sessions of Alice, who belongs to ACME and not to OTHER."""
    await given_teams(adapters.unit_of_work())
    async with adapters.unit_of_work()() as work:
        for session in sessions:
            await work.sessions.add(session)


async def last_workspace(adapters: Any, user: UserId = ALICE) -> OrganizationId | None:
    async with adapters.unit_of_work()() as work:
        found: OrganizationId | None = await work.sessions.last_workspace(user)
    return found


async def found(adapters: Any, session: Session, *, now: datetime = NOON) -> SessionDetails | None:
    details: SessionDetails | None = await adapters.session_queries().find(
        session.token_hash, now=now
    )
    return details


async def revoked_at(adapters: Any, session: Session) -> datetime | None:
    """Return when a session was revoked. Nothing else reads it yet."""
    if hasattr(adapters, "database"):
        stored: Session = adapters.database().table(Session)[session.id]
        return stored.revoked_at
    async with adapters.pool().connection() as connection:
        cursor = await connection.execute(
            "SELECT revoked_at FROM user_sessions WHERE id = %s", [session.id]
        )
        (at,) = await cursor.fetchone()
    instant: datetime | None = at
    return instant


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


async def test_a_membership_that_is_there_stays_as_it_is(adapters: Any) -> None:
    session = a_session()
    await given_sessions(adapters, session)
    async with adapters.unit_of_work()() as work:
        await work.organizations.add_member(a_membership(role=Role.USER))
        assert await work.organizations.of_member(ALICE) == [ACME]
    details = await found(adapters, session)
    assert details is not None
    assert details.organization_role is Role.OWNER


async def test_the_last_workspace_is_that_of_the_most_recently_used_session(adapters: Any) -> None:
    await given_sessions(
        adapters,
        a_session(organization=ACME, used_at=NOON),
        a_session(organization=OTHER, used_at=NOON + HOUR),
    )
    assert await last_workspace(adapters) == ACME  # she does not belong to the other one
    async with adapters.unit_of_work()() as work:
        await work.organizations.add_member(a_membership(organization=OTHER))
    assert await last_workspace(adapters) == OTHER


async def test_expired_sessions_count_for_the_last_workspace(adapters: Any) -> None:
    await given_sessions(adapters, a_session(expires_at=NOON - HOUR))
    assert await last_workspace(adapters) == ACME


@pytest.mark.parametrize(
    "session",
    [a_session(revoked_at=NOON), a_session(organization=None)],
    ids=["revoked", "personal"],
)
async def test_some_sessions_do_not_count_for_the_last_workspace(
    adapters: Any, session: Session
) -> None:
    await given_sessions(adapters, session)
    assert await last_workspace(adapters) is None


async def test_the_last_workspace_is_the_users_own(adapters: Any) -> None:
    await given_sessions(adapters, a_session())
    async with adapters.unit_of_work()() as work:
        await work.users.add(a_user(id=BOB, username="bob"))
        await work.organizations.add_member(a_membership(user=BOB))
    assert await last_workspace(adapters, BOB) is None


async def test_of_sessions_used_at_the_same_instant_the_later_born_counts(adapters: Any) -> None:
    first, second = a_session(organization=OTHER), a_session(organization=ACME)
    await given_sessions(adapters, first, second)
    async with adapters.unit_of_work()() as work:
        await work.organizations.add_member(a_membership(organization=OTHER))
    assert await last_workspace(adapters) == ACME


async def test_a_session_is_found_with_all_that_is_true_of_it_now(adapters: Any) -> None:
    session = a_session()
    await given_sessions(adapters, session)
    assert await found(adapters, session) == SessionDetails(
        session_id=session.id,
        user_id=ALICE,
        username="alice",
        email="alice@example.org",
        role=PlatformRole.USER,
        first_name=None,
        last_name=None,
        account_plan=Plan.FREE,
        wallet_balance_eur=Decimal(0),
        last_used_at=NOON,
        expires_at=NOON + HOUR,
        organization_id=ACME,
        organization_name="Acme",
        organization_slug="acme",
        organization_role=Role.OWNER,
        organization_plan=Plan.FREE,
        organization_wallet_balance_eur=Decimal(0),
    )


@pytest.mark.parametrize("organization", [None, OTHER], ids=["personal", "not a member"])
async def test_without_a_membership_there_is_no_workspace(
    adapters: Any, organization: OrganizationId | None
) -> None:
    session = a_session(organization=organization)
    await given_sessions(adapters, session)
    details = await found(adapters, session)
    assert details is not None
    assert (
        details.organization_id,
        details.organization_name,
        details.organization_slug,
        details.organization_role,
    ) == (None, None, None, None)


async def test_a_session_ends_at_the_instant_it_expires(adapters: Any) -> None:
    session = a_session()
    await given_sessions(adapters, session)
    almost = session.expires_at - timedelta(microseconds=1)
    assert await found(adapters, session, now=almost) is not None
    assert await found(adapters, session, now=session.expires_at) is None


async def test_a_revoked_session_is_not_found(adapters: Any) -> None:
    session, bystander = a_session(), a_session()
    await given_sessions(adapters, session, bystander)
    async with adapters.unit_of_work()() as work:
        await work.sessions.revoke(session.id, at=NOON)
    assert await found(adapters, session) is None
    assert await found(adapters, bystander) is not None


async def test_a_session_that_was_revoked_stays_as_it_is(adapters: Any) -> None:
    session, bystander = a_session(), a_session()
    await given_sessions(adapters, session, bystander)
    async with adapters.unit_of_work()() as work:
        await work.sessions.revoke(session.id, at=NOON)
        await work.sessions.revoke(session.id, at=NOON + HOUR)
    assert await revoked_at(adapters, session) == NOON
    assert await revoked_at(adapters, bystander) is None


async def test_an_unknown_token_finds_nothing(adapters: Any) -> None:
    await given_sessions(adapters, a_session())
    assert await found(adapters, a_session()) is None


async def test_what_was_used_was_noted(adapters: Any) -> None:
    session, bystander = a_session(), a_session()
    await given_sessions(adapters, session, bystander)
    async with adapters.unit_of_work()() as work:
        await work.sessions.touch({session.id: NOON + HOUR / 2, bystander.id: NOON - HOUR})
    touched, untouched = await found(adapters, session), await found(adapters, bystander)
    assert touched is not None
    assert untouched is not None
    assert touched.last_used_at == NOON + HOUR / 2
    assert untouched.last_used_at == NOON


async def test_only_what_expired_before_is_forgotten(adapters: Any) -> None:
    ages = [NOON - HOUR, NOON, NOON + HOUR]
    sessions = [a_session(expires_at=expiry) for expiry in ages]
    await given_sessions(adapters, *sessions)
    async with adapters.unit_of_work()() as work:
        assert await work.sessions.forget(expired_before=NOON) == 1
        assert await work.sessions.forget(expired_before=NOON) == 0
    kept = [await found(adapters, session, now=NOON - 2 * HOUR) for session in sessions]
    assert [details is not None for details in kept] == [False, True, True]


async def test_touching_or_revoking_what_is_not_there_does_nothing(adapters: Any) -> None:
    nobody = a_session()
    await given_sessions(adapters)
    async with adapters.unit_of_work()() as work:
        await work.sessions.touch({nobody.id: NOON})
        await work.sessions.revoke(nobody.id, at=NOON)
    assert await found(adapters, nobody) is None
