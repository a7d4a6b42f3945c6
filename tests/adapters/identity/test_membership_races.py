"""Two people change who belongs to an organization at the same moment, on real connections."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.deployments.errors import OrganizationNeeded
from inventiv_core.identity.access import (
    ROLE_PERMISSIONS,
    Actor,
    OrganizationId,
    Role,
    SessionId,
    UserId,
)
from inventiv_core.identity.entities.sessions import Caller, Session
from inventiv_core.identity.errors.invitations import (
    InvitationAlreadyAccepted,
    InvitationAlreadyExists,
    InvitationNoLongerValid,
    InvitationNotFound,
)
from inventiv_core.identity.errors.members import (
    LastOwnerCannotBeChanged,
    LastOwnerCannotBeRemoved,
    RoleChangeNotAllowed,
)
from inventiv_core.identity.errors.organizations import OrganizationHasInstances
from inventiv_core.identity.errors.sessions import NotAMember
from inventiv_core.identity.use_cases.acceptances import NewAccount
from inventiv_core.kernel.errors import DomainError
from inventiv_http.container import Application, PostgresAdapters
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    PASSWORD,
    Market,
    a_membership,
    a_number,
    a_user,
    given,
    given_teams,
)

BOB, CAROL = UserId(UUID(int=0xB0B)), UserId(UUID(int=0xCA201))


def an_owner(user: UserId, session: SessionId | None = None) -> Actor:
    return Actor(
        user_id=user,
        organization_id=ACME,
        permissions=ROLE_PERMISSIONS[Role.OWNER],
        name="alice" if user == ALICE else "bob",
        session_id=session,
    )


async def until_they_wait(postgres: PostgresAdapters, count: int) -> None:
    """Return when that many statements wait for a lock."""
    async with postgres.pool().connection() as connection:
        while True:
            cursor = await connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            row = await cursor.fetchone()
            if row is not None and row[0] >= count:
                return
            await asyncio.sleep(0.01)


async def at_once(postgres: PostgresAdapters, *deeds: Awaitable[Any]) -> list[Any]:
    """Do all of it at the same moment: each has begun, and waits for the organization."""
    async with asyncio.timeout(20):
        async with postgres.unit_of_work()() as work:
            await work.organizations.lock_alone(ACME)
            tasks: list[asyncio.Future[Any]] = []
            for deed in deeds:  # one after the other: the lock is given in that order
                tasks.append(asyncio.ensure_future(deed))
                await until_they_wait(postgres, len(tasks))
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(not isinstance(r, Exception) or isinstance(r, DomainError) for r in results), results
    return results


def kinds(results: list[Any]) -> set[type]:
    """Return which errors there were."""
    return {type(result) for result in results if isinstance(result, DomainError)}


async def owners(postgres: PostgresAdapters) -> int:
    async with postgres.unit_of_work()() as work:
        return await work.organizations.count_owners(ACME)


@pytest.fixture
async def application(postgres: PostgresAdapters) -> Application:
    """ACME, owned by Alice and Bob."""
    bob = a_user(id=BOB, username="bob")
    await given_teams(postgres.unit_of_work(), bob, a_membership(user=BOB))
    return Application(adapters=postgres)


async def test_two_owners_cannot_demote_each_other(
    postgres: PostgresAdapters, application: Application
) -> None:
    results = await at_once(
        postgres,
        application.change_member_role()(BOB, "user", actor=an_owner(ALICE)),
        application.change_member_role()(ALICE, "user", actor=an_owner(BOB)),
    )
    assert kinds(results) == {RoleChangeNotAllowed}
    assert await owners(postgres) == 1


async def test_two_owners_cannot_both_step_down(
    postgres: PostgresAdapters, application: Application
) -> None:
    results = await at_once(
        postgres,
        application.change_member_role()(ALICE, "user", actor=an_owner(ALICE)),
        application.change_member_role()(BOB, "user", actor=an_owner(BOB)),
    )
    assert kinds(results) == {LastOwnerCannotBeChanged}
    assert await owners(postgres) == 1


async def test_two_owners_cannot_both_leave(
    postgres: PostgresAdapters, application: Application
) -> None:
    results = await at_once(
        postgres,
        application.remove_member()(actor=an_owner(ALICE)),
        application.remove_member()(actor=an_owner(BOB)),
    )
    assert kinds(results) == {LastOwnerCannotBeRemoved}
    assert await owners(postgres) == 1


async def test_two_owners_cannot_remove_each_other(
    postgres: PostgresAdapters, application: Application
) -> None:
    results = await at_once(
        postgres,
        application.remove_member()(BOB, actor=an_owner(ALICE)),
        application.remove_member()(ALICE, actor=an_owner(BOB)),
    )
    assert kinds(results) == {NotAMember}
    assert await owners(postgres) == 1


async def test_one_who_leaves_while_the_other_gives_up_is_no_matter(
    postgres: PostgresAdapters, application: Application
) -> None:
    results = await at_once(
        postgres,
        application.remove_member()(actor=an_owner(ALICE)),
        application.delete_organization()(actor=an_owner(BOB)),
    )
    assert kinds(results) <= {NotAMember}
    async with postgres.unit_of_work()() as work:
        assert await work.organizations.lock(ACME) is None


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_machine_is_not_rented_for_an_organization_that_is_given_up(
    postgres: PostgresAdapters, application: Application, *, is_late: bool
) -> None:
    market = Market()
    await given(postgres.unit_of_work(), *market.everything)
    deploying = application.create_deployment()(market.request(), actor=an_owner(ALICE))
    deleting = application.delete_organization()(actor=an_owner(BOB))
    if is_late:
        deleted, deployed = await at_once(postgres, deleting, deploying)
        assert kinds([deployed, deleted]) == {OrganizationNeeded}
    else:
        deployed, deleted = await at_once(postgres, deploying, deleting)
        assert kinds([deployed, deleted]) == {OrganizationHasInstances}
    async with postgres.unit_of_work()() as work:
        assert await work.estates.living_instances(ACME) == (not is_late)
        assert await work.organizations.keep(ACME) is not is_late


async def test_who_switches_and_who_is_removed_do_not_wait_in_a_circle(
    postgres: PostgresAdapters, application: Application
) -> None:
    session_id = SessionId(a_number())
    async with postgres.unit_of_work()() as work:
        await work.organizations.add_member(a_membership(user=BOB, organization=OTHER))
        await work.sessions.add(
            Session(
                id=session_id,
                user_id=BOB,
                current_organization_id=ACME,
                token_hash="first",
                ip_address=None,
                user_agent=None,
                created_at=NOON,
                last_used_at=NOON,
                expires_at=NOON.replace(year=2100),
            )
        )
    bob = replace(an_owner(BOB), session_id=session_id)
    for workspace in (ACME, OTHER, OrganizationId(a_number())):
        switching = application.switch_workspace()(workspace, actor=bob)
        removing = application.remove_member()(BOB, actor=an_owner(ALICE))
        async with asyncio.timeout(20):
            results = await asyncio.gather(switching, removing, return_exceptions=True)
        assert all(not isinstance(r, Exception) or isinstance(r, DomainError) for r in results)
        async with postgres.unit_of_work()() as work:
            await work.organizations.add_member(a_membership(user=BOB))


async def an_invited_carol(application: Application) -> tuple[str, Actor]:
    """Have Alice invite Carol, who has an account; return the link, and Carol."""
    carol = a_user(id=CAROL, username="carol")
    await given(application.adapters.unit_of_work(), carol)
    sent = await application.invite_member()(carol.email, "manager", actor=an_owner(ALICE))
    return sent.token, replace(an_owner(CAROL), organization_id=None)


async def test_two_who_accept_at_once_make_one_membership(
    postgres: PostgresAdapters, application: Application
) -> None:
    token, carol = await an_invited_carol(application)
    results = await at_once(
        postgres,
        application.accept_invitation()(token, actor=carol),
        application.accept_invitation()(token, actor=carol),
    )
    assert kinds(results) == {InvitationAlreadyAccepted}
    members = await postgres.organization_queries().members(ACME, limit=10)
    assert [row.user_id for row in members].count(CAROL) == 1


async def test_nobody_joins_on_the_word_of_one_who_is_removed_at_that_moment(
    postgres: PostgresAdapters, application: Application
) -> None:
    token, carol = await an_invited_carol(application)
    accepted, removed = await at_once(
        postgres,
        application.accept_invitation()(token, actor=carol),
        application.remove_member()(ALICE, actor=an_owner(BOB)),
    )
    assert removed is None
    members = await postgres.organization_queries().members(ACME, limit=10)
    joined = CAROL in {row.user_id for row in members}
    assert joined != isinstance(accepted, InvitationNoLongerValid)


async def test_nobody_joins_by_an_invitation_that_is_taken_back_at_that_moment(
    postgres: PostgresAdapters, application: Application
) -> None:
    token, carol = await an_invited_carol(application)
    [row] = await postgres.invitation_queries().list(ACME, limit=10)
    accepted, revoked = await at_once(
        postgres,
        application.accept_invitation()(token, actor=carol),
        application.revoke_invitation()(row.id, actor=an_owner(BOB)),
    )
    assert kinds([accepted]) <= {InvitationNotFound}
    assert kinds([revoked]) <= {InvitationAlreadyAccepted}
    assert isinstance(accepted, DomainError) != isinstance(revoked, DomainError)


async def test_one_address_is_invited_once_by_two_at_once(
    postgres: PostgresAdapters, application: Application
) -> None:
    results = await at_once(
        postgres,
        application.invite_member()("dave@example.org", actor=an_owner(ALICE)),
        application.invite_member()("dave@example.org", actor=an_owner(BOB)),
    )
    assert kinds(results) == {InvitationAlreadyExists}


async def test_one_address_makes_one_account_of_two_registrations_at_once(
    postgres: PostgresAdapters, application: Application
) -> None:
    sent = await application.invite_member()("dave@example.org", actor=an_owner(ALICE))
    account = NewAccount(password=PASSWORD)
    results = await at_once(
        postgres,
        application.register_invited()(sent.token, account, actor=Caller()),
        application.register_invited()(sent.token, account, actor=Caller()),
    )
    assert kinds(results) == {InvitationAlreadyAccepted}
    members = await postgres.organization_queries().members(ACME, limit=10)
    assert [row.email for row in members].count("dave@example.org") == 1


async def test_an_invitation_outlives_whoever_sent_it(
    postgres: PostgresAdapters, application: Application
) -> None:
    token, carol = await an_invited_carol(application)
    async with postgres.pool().connection() as connection:
        await connection.execute("DELETE FROM users WHERE id = %s", [ALICE])
    [row] = await postgres.invitation_queries().list(ACME, limit=10)
    assert row.invited_by_username == "alice"
    with pytest.raises(InvitationNoLongerValid):
        await application.accept_invitation()(token, actor=carol)
