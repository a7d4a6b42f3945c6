"""Sessions: what their ports promise, kept by every adapter."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import OrganizationId, PlatformRole, Role, SessionId, UserId
from inventiv_core.identity.entities.sessions import Session
from inventiv_core.identity.entities.users import Plan
from inventiv_core.identity.views.sessions import SessionDetails, SessionRow
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    a_membership,
    a_number,
    a_user,
    given_teams,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)
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


async def stored(adapters: Any, session: Session) -> Session:
    async with adapters.unit_of_work()() as work:
        known: Session = await work.sessions.find(session.id)
    return known


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
    assert (await stored(adapters, session)).revoked_at == NOON
    assert await stored(adapters, bystander) == bystander


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


async def test_a_session_is_stored_as_it_is(adapters: Any) -> None:
    session = replace(a_session(), user_agent="a browser", revoked_at=NOON)
    await given_sessions(adapters, session)
    assert await stored(adapters, session) == session
    assert await stored(adapters, a_session()) is None


async def rotate(adapters: Any, session: Session, token_hash: str, *, until: datetime) -> None:
    async with adapters.unit_of_work()() as work:
        await work.sessions.rotate(
            session.id, token_hash=token_hash, organization_id=OTHER, grace_until=until
        )


async def test_the_token_before_a_rotation_is_good_for_a_grace(adapters: Any) -> None:
    session = a_session()
    await given_sessions(adapters, session, a_session())
    await rotate(adapters, session, "second", until=NOON + MINUTE)
    assert await stored(adapters, session) == replace(
        session, token_hash="second", current_organization_id=OTHER
    )
    for token in (session.token_hash, "second"):
        details = await adapters.session_queries().find(token, now=NOON + MINUTE - MOMENT)
        assert details is not None
        assert details.session_id == session.id
    assert await adapters.session_queries().find(session.token_hash, now=NOON + MINUTE) is None
    assert await adapters.session_queries().find("second", now=NOON + MINUTE) is not None


async def test_each_token_before_has_a_grace_of_its_own(adapters: Any) -> None:
    session = a_session()
    await given_sessions(adapters, session)
    await rotate(adapters, session, "second", until=NOON + MINUTE)
    await rotate(adapters, session, "third", until=NOON + 2 * MINUTE)
    good = {
        token: await adapters.session_queries().find(token, now=NOON + MINUTE) is not None
        for token in (session.token_hash, "second", "third")
    }
    assert good == {session.token_hash: False, "second": True, "third": True}


async def test_a_session_can_return_to_a_token_it_had(adapters: Any) -> None:
    session = a_session()
    await given_sessions(adapters, session)
    for token in ("second", session.token_hash, session.token_hash):
        await rotate(adapters, session, token, until=NOON + MINUTE)
    later = NOON + 2 * MINUTE
    assert await adapters.session_queries().find(session.token_hash, now=later) is not None
    assert await adapters.session_queries().find("second", now=later) is None


async def test_a_grace_ends_with_its_session(adapters: Any) -> None:
    revoked, expired, forgotten = sessions = [
        a_session(), a_session(expires_at=NOON + MINUTE), a_session(expires_at=NOON - HOUR)
    ]  # fmt: skip
    await given_sessions(adapters, *sessions)
    for session in sessions:
        await rotate(adapters, session, f"new of {session.id}", until=NOON + HOUR)
    async with adapters.unit_of_work()() as work:
        await work.sessions.revoke(revoked.id, at=NOON)
        await work.sessions.forget(expired_before=NOON)
    assert await found(adapters, revoked) is None
    assert await found(adapters, expired, now=NOON + MINUTE) is None
    assert await stored(adapters, forgotten) is None
    assert await found(adapters, forgotten, now=NOON - 2 * HOUR) is None


async def test_all_sessions_of_a_user_end_but_the_one_in_use(adapters: Any) -> None:
    current, other = a_session(), a_session()
    over, expired = a_session(revoked_at=NOON - HOUR), a_session(expires_at=NOON)
    await given_sessions(adapters, current, other, over, expired)
    bobs = a_session(user=BOB, organization=None)
    async with adapters.unit_of_work()() as work:
        await work.users.add(a_user(id=BOB, username="bob"))
        await work.sessions.add(bobs)
        assert await work.sessions.revoke_all(ALICE, at=NOON, but=current.id) == 1
    assert (await stored(adapters, other)).revoked_at == NOON
    for untouched in (current, over, expired, bobs):
        assert await stored(adapters, untouched) == untouched
    async with adapters.unit_of_work()() as work:
        assert await work.sessions.revoke_all(ALICE, at=NOON) == 1
    assert (await stored(adapters, current)).revoked_at == NOON


async def test_who_leaves_an_organization_leaves_its_workspace(adapters: Any) -> None:
    here, there = a_session(organization=ACME), a_session(organization=OTHER)
    await given_sessions(adapters, here, there)
    bobs = a_session(user=BOB, organization=ACME)
    async with adapters.unit_of_work()() as work:
        await work.users.add(a_user(id=BOB, username="bob"))
        await work.sessions.add(bobs)
        await work.sessions.leave_workspace(ACME, ALICE)
    assert (await stored(adapters, here)).current_organization_id is None
    for untouched in (there, bobs):
        assert await stored(adapters, untouched) == untouched


async def listed(adapters: Any, *, limit: int = 10) -> list[SessionRow]:
    rows: list[SessionRow] = await adapters.session_queries().list(ALICE, now=NOON, limit=limit)
    return rows


async def test_a_list_shows_the_live_sessions_the_one_used_last_first(adapters: Any) -> None:
    first = a_session(used_at=NOON - HOUR)
    second, third = a_session(organization=OTHER), a_session(organization=None)
    ended = [a_session(revoked_at=NOON), a_session(expires_at=NOON)]
    await given_sessions(adapters, first, second, third, *ended)
    rows = await listed(adapters)
    assert [row.session_id for row in rows] == [third.id, second.id, first.id]
    assert [row.session_id for row in await listed(adapters, limit=2)] == [third.id, second.id]
    assert rows[2] == SessionRow(
        session_id=first.id,
        organization_id=ACME,
        organization_name="Acme",
        organization_role=Role.OWNER,
        ip_address="192.0.2.1",
        user_agent=None,
        created_at=NOON,
        last_used_at=NOON - HOUR,
        expires_at=NOON + HOUR,
    )
    for row in rows[:2]:  # where she is not a member, and the personal workspace
        assert (row.organization_id, row.organization_name, row.organization_role) == (
            None,
            None,
            None,
        )
