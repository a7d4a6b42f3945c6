"""Invitations, to whoever has got one: looked at, accepted, with and without an account."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from inventiv_core.identity.access import PLATFORM, Actor, Role, UserId
from inventiv_core.identity.entities.acts import ActKind
from inventiv_core.identity.entities.invitations import InvitationState
from inventiv_core.identity.errors.access import PermissionMissing, TooManyAttempts
from inventiv_core.identity.errors.invitations import (
    AccountAlreadyExists,
    EmailMismatch,
    InvitationAlreadyAccepted,
    InvitationExpired,
    InvitationNoLongerValid,
    InvitationNotFound,
)
from inventiv_core.identity.errors.names import InvalidUsername, NameTooLong
from inventiv_core.identity.errors.passwords import PasswordTooShort
from inventiv_core.identity.errors.sessions import SessionInvalidOrExpired
from inventiv_core.identity.errors.users import LoginTaken
from inventiv_core.identity.events import AccessChanged
from inventiv_core.identity.use_cases.acceptances import NewAccount
from inventiv_core.identity.use_cases.invitations import Sent
from tests.builders import ACME, ALICE, NOON, PASSWORD, a_membership, a_number, a_user, given
from tests.core.identity.door import CALLER, LINKS, Door

BOB = UserId(UUID(int=0xB0B))
DAY = timedelta(days=1)
ACCOUNT = NewAccount(password=PASSWORD)


async def bob_of(door: Door) -> Actor:
    """Give Bob an account, and sign him in."""
    bob = a_user(id=BOB, username="bob", password_hash=f"hash of {PASSWORD}")
    await given(door.unit_of_work, bob)
    return await door.actor("bob")


async def invite(door: Door, role: Role = Role.USER) -> Sent:
    """Have Alice invite Bob's address."""
    return await door.invite_member("bob@example.org", role, actor=await door.actor())


async def role_in_acme(door: Door, user_id: UserId = BOB) -> Role | None:
    async with door.unit_of_work() as work:
        membership = await work.organizations.find_member(ACME, user_id)
    return None if membership is None else membership.role


async def test_whoever_has_the_link_may_look(door: Door) -> None:
    sent = await invite(door, Role.MANAGER)
    seen = await door.look(sent.token)
    assert (seen.row.organization_name, seen.row.email, seen.row.role, seen.state) == (
        "Acme",
        "bob@example.org",
        Role.MANAGER,
        InvitationState.PENDING,
    )
    door.clock.advance(7 * DAY)
    assert (await door.look(sent.token)).state is InvitationState.EXPIRED


async def test_links_cannot_be_guessed_for_long(door: Door) -> None:
    sent = await invite(door)
    for _ in range(2 * LINKS.most):  # good ones do not count
        await door.look(sent.token)
    for _ in range(LINKS.most):
        with pytest.raises(InvitationNotFound):
            await door.look("guess")
    with pytest.raises(TooManyAttempts):
        await door.look(sent.token)
    with pytest.raises(TooManyAttempts):
        await door.register_invited(sent.token, ACCOUNT, actor=CALLER)
    await door.preview_invitation(sent.token, actor=replace(CALLER, ip_address="203.0.113.77"))
    door.clock.advance(LINKS.window)
    await door.look(sent.token)


async def test_who_accepts_is_a_member_at_once_and_works_where_they_worked(door: Door) -> None:
    sent, bob = await invite(door, Role.MANAGER), await bob_of(door)
    joined = await door.accept_invitation(sent.token, actor=bob)
    assert (joined.organization.id, joined.organization.name, joined.role) == (
        ACME,
        "Acme",
        Role.MANAGER,
    )
    assert await role_in_acme(door) is Role.MANAGER
    assert AccessChanged(user_id=BOB, occurred_at=NOON) in door.told
    [session] = [session for session in door.sessions if session.user_id == BOB]
    assert session.current_organization_id is None
    act = door.acts[-1]
    assert (act.kind, act.organization_id, act.actor.user_id) == (
        ActKind.ORG_INVITATION_ACCEPTED,
        ACME,
        BOB,
    )
    assert act.facts["invitation_id"] == sent.invitation.id
    assert act.facts["role"] is Role.MANAGER
    assert (await door.look(sent.token)).state is InvitationState.ACCEPTED
    with pytest.raises(InvitationAlreadyAccepted):
        await door.accept_invitation(sent.token, actor=bob)


async def test_the_role_of_who_is_a_member_already_is_not_touched(door: Door) -> None:
    sent = await invite(door, Role.USER)
    async with door.unit_of_work() as work:
        alice = await work.users.find(ALICE)
        assert alice is not None
        await work.users.save(replace(alice, email="bob@example.org"))
    joined = await door.accept_invitation(sent.token, actor=await door.actor())
    assert joined.role is Role.OWNER
    assert await role_in_acme(door, ALICE) is Role.OWNER


async def test_the_checks_come_in_the_order_that_clients_know(door: Door) -> None:
    bob = await bob_of(door)
    carol = a_user(id=UserId(a_number()), username="carol", password_hash=f"hash of {PASSWORD}")
    await given(door.unit_of_work, carol)
    stranger = await door.actor("carol")
    with pytest.raises(InvitationNotFound):
        await door.accept_invitation("nonsense", actor=bob)
    sent = await invite(door)
    with pytest.raises(EmailMismatch):
        await door.accept_invitation(sent.token, actor=stranger)
    door.clock.advance(7 * DAY)
    with pytest.raises(InvitationExpired):
        await door.accept_invitation(sent.token, actor=stranger)
    again = await door.resend_invitation(sent.invitation.id, actor=await door.actor())
    await door.accept_invitation(again.token, actor=bob)
    door.clock.advance(8 * DAY)
    with pytest.raises(InvitationAlreadyAccepted):
        await door.accept_invitation(again.token, actor=stranger)


async def test_a_link_that_was_replaced_or_taken_back_is_none(door: Door) -> None:
    bob, sent = await bob_of(door), await invite(door)
    again = await door.resend_invitation(sent.invitation.id, actor=await door.actor())
    with pytest.raises(InvitationNotFound):
        await door.accept_invitation(sent.token, actor=bob)
    await door.revoke_invitation(sent.invitation.id, actor=await door.actor())
    with pytest.raises(InvitationNotFound):
        await door.accept_invitation(again.token, actor=bob)
    with pytest.raises(InvitationNotFound):
        await door.register_invited(again.token, ACCOUNT, actor=CALLER)
    assert await role_in_acme(door) is None


async def test_an_organization_that_was_given_up_cannot_be_joined(door: Door) -> None:
    bob, sent = await bob_of(door), await invite(door)
    await door.delete_organization(actor=await door.actor())
    assert (await door.look(sent.token)).state is InvitationState.REVOKED
    with pytest.raises(InvitationNotFound):
        await door.accept_invitation(sent.token, actor=bob)


async def carol_takes_over(door: Door, alice: Role | None) -> Actor:
    """Make Carol an owner, and of Alice something else, or nothing."""
    carol = UserId(a_number())
    user = a_user(id=carol, username="carol", password_hash=f"hash of {PASSWORD}")
    await given(door.unit_of_work, user, a_membership(user=carol))
    async with door.unit_of_work() as work:
        if alice is None:
            await work.organizations.remove_member(ACME, ALICE)
        else:
            await work.organizations.save_member(a_membership(role=alice))
    return await door.actor("carol")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.USER, None])
async def test_what_could_not_be_sent_today_cannot_be_accepted_until_it_is_sent_again(
    door: Door, role: Role | None
) -> None:
    bob, sent = await bob_of(door), await invite(door, Role.MANAGER)
    carol = await carol_takes_over(door, role)
    with pytest.raises(InvitationNoLongerValid):
        await door.accept_invitation(sent.token, actor=bob)
    assert await role_in_acme(door) is None
    again = await door.resend_invitation(sent.invitation.id, actor=carol)
    await door.accept_invitation(again.token, actor=bob)
    assert await role_in_acme(door) is Role.MANAGER


async def test_an_inviter_who_is_gone_invites_nobody_but_keeps_a_name(door: Door) -> None:
    bob, sent = await bob_of(door), await invite(door)
    async with door.unit_of_work() as work:
        await work.invitations.save(replace(sent.invitation, invited_by_user_id=None))
    with pytest.raises(InvitationNoLongerValid):
        await door.accept_invitation(sent.token, actor=bob)
    assert (await door.look(sent.token)).row.invited_by_username == "alice"


async def test_accepting_takes_an_account_that_is_there(door: Door) -> None:
    sent = await invite(door)
    with pytest.raises(PermissionMissing):
        await door.accept_invitation(sent.token, actor=PLATFORM)
    gone = replace(await door.actor(), user_id=UserId(a_number()))
    with pytest.raises(SessionInvalidOrExpired):
        await door.accept_invitation(sent.token, actor=gone)


async def test_who_has_no_account_makes_one_joins_and_is_signed_in(door: Door) -> None:
    sent = await invite(door, Role.ADMIN)
    account = NewAccount(password=PASSWORD, username=" Bobby ", first_name=" Bob ", last_name=" ")
    signed_in = await door.register_invited(sent.token, account, actor=CALLER)
    user = signed_in.user
    assert (user.username, user.email, user.first_name, user.last_name, user.role) == (
        "bobby",
        "bob@example.org",
        "Bob",
        None,
        "user",
    )
    known = await door.recognise(signed_in.token, actor=CALLER)
    assert (known.actor.organization_id, known.session.organization_role) == (ACME, Role.ADMIN)
    assert (await door.sign_in("bobby")).user == user
    accepted, registered = door.acts[-3:-1]
    assert (accepted.kind, accepted.actor.user_id) == (ActKind.ORG_INVITATION_ACCEPTED, user.id)
    assert (registered.kind, registered.organization_id) == (ActKind.USER_REGISTERED, None)
    assert PASSWORD not in repr(door.acts)
    with pytest.raises(InvitationAlreadyAccepted):
        await door.register_invited(sent.token, account, actor=CALLER)


async def test_without_a_name_the_address_is_the_name(door: Door) -> None:
    sent = await invite(door)
    for username in ("", "  "):
        account = NewAccount(password=PASSWORD, username=username)
        before = door.database.draft()
        signed_in = await door.register_invited(sent.token, account, actor=CALLER)
        assert signed_in.user.username == "bob@example.org"
        door.database.accept(before)


@pytest.mark.parametrize(
    ("account", "refusal"),
    [
        (NewAccount(password="short"), PasswordTooShort),
        (NewAccount(password=PASSWORD, username="alice"), LoginTaken),
        (NewAccount(password=PASSWORD, username="alice@example.org"), InvalidUsername),
        (NewAccount(password=PASSWORD, first_name="x" * 121), NameTooLong),
    ],
)
async def test_an_account_that_cannot_be_made_changes_nothing(
    door: Door, account: NewAccount, refusal: type[Exception]
) -> None:
    sent = await invite(door)
    users, acts, sessions = door.users, door.acts, door.sessions
    with pytest.raises(refusal):
        await door.register_invited(sent.token, account, actor=CALLER)
    assert (door.users, door.acts, door.sessions) == (users, acts, sessions)
    assert (await door.look(sent.token)).state is InvitationState.PENDING


async def test_who_has_an_account_signs_in_instead(door: Door) -> None:
    sent = await invite(door)
    await bob_of(door)
    with pytest.raises(AccountAlreadyExists):
        await door.register_invited(sent.token, ACCOUNT, actor=CALLER)


async def test_no_account_is_made_of_a_link_that_is_dead(door: Door) -> None:
    with pytest.raises(InvitationNotFound):
        await door.register_invited("nonsense", ACCOUNT, actor=CALLER)
    sent = await invite(door)
    door.clock.advance(7 * DAY)
    with pytest.raises(InvitationExpired):
        await door.register_invited(sent.token, ACCOUNT, actor=CALLER)
    again = await door.resend_invitation(sent.invitation.id, actor=await door.actor())
    await carol_takes_over(door, Role.USER)
    users = door.users
    with pytest.raises(InvitationNoLongerValid):
        await door.register_invited(again.token, ACCOUNT, actor=CALLER)
    assert door.users == users
