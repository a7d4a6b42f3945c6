"""Invitations: sent, seen, sent again, taken back."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from inventiv_core.identity.access import PLATFORM, Role, UserId
from inventiv_core.identity.entities.acts import ActKind
from inventiv_core.identity.entities.invitations import (
    FEWEST_DAYS,
    MOST_DAYS,
    InvitationId,
    InvitationState,
    lifetime_of,
)
from inventiv_core.identity.entities.mails import MailKind
from inventiv_core.identity.entities.members import INVITATIONS
from inventiv_core.identity.entities.names import address_of
from inventiv_core.identity.errors.access import (
    InsufficientPermissionsToInvite,
    NoCurrentOrganization,
    TooManyAttempts,
)
from inventiv_core.identity.errors.invitations import (
    CannotInviteOwnerOrAdminRole,
    EmailRequired,
    InvalidEmailFormat,
    InvalidExpiresInDays,
    InvitationAlreadyAccepted,
    InvitationAlreadyExists,
    InvitationExpired,
    InvitationNotFound,
    UserAlreadyMember,
)
from inventiv_core.identity.errors.members import InvalidRole
from inventiv_core.identity.errors.sessions import NotAMember
from tests.builders import (
    ACME,
    ALICE,
    NOON,
    OTHER,
    PASSWORD,
    a_membership,
    a_number,
    a_user,
    an_actor,
    an_invitation,
    given,
)
from tests.core.identity.door import MAILS, Door

BOB = UserId(UUID(int=0xB0B))
DAY = timedelta(days=1)
S = InvitationState


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("bob@example.org", "bob@example.org"),
        ("  Bob.B+tag@Sub.Example.ORG\n", "bob.b+tag@sub.example.org"),
        ("o'neil_x@a-b.example", "o'neil_x@a-b.example"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
        ("a" * 64 + "@b.example", "a" * 64 + "@b.example"),
    ],
)
def test_an_address_is_kept_in_lower_case(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "bob", "@example.org", "bob@", "bob@example", "a@b@c.org", "a b@c.org", "a@b..org",
        ".a@b.org", "a.@b.org", "a..b@c.org", "a@-b.org", "a@b-.org", "a@b.org.", "a@10.0.0.1",
        "a@b.org\0", "a@b.org\nx", "a\n@b.org", "<a@b.org>", "a,b@c.org", "é@b.org", "a@é.org",
        "a" * 65 + "@b.org", "a@" + "b" * 64 + ".org", "a@" + "b." * 130 + "org", "@.",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidEmailFormat):
        address_of(text)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_no_address_is_another_matter(text: str) -> None:
    with pytest.raises(EmailRequired):
        address_of(text)


@for_all(st.emails())
def test_usual_addresses_are_addresses(text: str) -> None:
    local, _, host = text.rpartition("@")
    usual = len(text) <= 254 and re.fullmatch(r"[\w.]+", local, re.ASCII) and "." in host
    if usual and not host.rpartition(".")[2].isdigit():
        assert address_of(text) == text.lower()


@for_all(st.integers(-(2**70), 2**70))
def test_an_invitation_lasts_for_some_days(days: int) -> None:
    if FEWEST_DAYS <= days <= MOST_DAYS:
        assert lifetime_of(days) == timedelta(days=days)
        return
    with pytest.raises(InvalidExpiresInDays) as refusal:
        lifetime_of(days)
    assert refusal.value.facts == {"least": 1, "most": 365}


def test_an_invitation_lasts_for_a_week_if_nobody_says() -> None:
    assert lifetime_of(None) == 7 * DAY


class Life(RuleBasedStateMachine):
    """An invitation, and whatever may happen to it, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.invitation = an_invitation()
        self.ended: InvitationState | None = None

    @rule(by=st.sampled_from([timedelta(0), DAY, 7 * DAY]))
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    @rule()
    def accept(self) -> None:
        state = self.invitation.state(self.now)
        try:
            self.invitation = self.invitation.accept(at=self.now)
        except InvitationAlreadyAccepted:
            assert state is S.ACCEPTED
        except InvitationExpired:
            assert state is S.EXPIRED
        except InvitationNotFound:
            assert self.invitation.revoked_at is not None
        else:
            assert state is S.PENDING
            self.ended = S.ACCEPTED

    @rule()
    def revoke(self) -> None:
        state = self.invitation.state(self.now)
        try:
            self.invitation = self.invitation.revoke(at=self.now)
        except (InvitationAlreadyAccepted, InvitationNotFound):
            assert self.ended is not None
        else:
            assert self.ended is None
            was_late = state is S.EXPIRED and self.invitation.expires_at < self.now
            self.ended = S.EXPIRED if was_late else S.REVOKED

    @rule(days=st.integers(1, 9))
    def send_again(self, days: int) -> None:
        before = self.invitation
        try:
            self.invitation = before.renew(
                token_hash=str(before.generation + 1),
                by=BOB,
                name="bob",
                lifetime=days * DAY,
                at=self.now,
            )
        except (InvitationAlreadyAccepted, InvitationNotFound):
            assert self.ended is not None
        else:
            assert self.ended is None
            assert self.invitation.state(self.now) is S.PENDING
            assert self.invitation.generation == before.generation + 1
            assert self.invitation.token_hash != before.token_hash

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        assert self.invitation.is_open == (self.ended is None)
        if self.ended is not None:
            assert self.invitation.state(self.now) is self.ended
        # clients that know no other end than these two see the right thing
        if self.invitation.revoked_at is not None:
            assert self.invitation.expires_at <= self.now


TestLife = Life.TestCase


async def test_whoever_is_invited_gets_a_link(door: Door) -> None:
    alice = await door.actor()
    sent = await door.invite_member(" Bob@Example.org ", "Manager", 3, actor=alice)
    invitation = sent.invitation
    assert (invitation.email, invitation.role, invitation.expires_at) == (
        "bob@example.org",
        Role.MANAGER,
        NOON + 3 * DAY,
    )
    assert re.fullmatch("[A-Za-z0-9]{20,}", sent.token)
    assert sent.token not in repr(dict(door.database.tables()))
    [mail] = await door.mails()
    assert (mail.kind, mail.recipient) == (MailKind.INVITATION, "bob@example.org")
    assert (mail.link_id, mail.generation) == (invitation.id, 1)
    assert mail.facts == {
        "organization_name": "Acme",
        "invited_by": "alice",
        "role": "manager",
        "expires_at": "2026-01-04T12:00:00+00:00",
    }
    act = door.acts[-1]
    assert (act.kind, act.organization_id) == (ActKind.ORG_INVITATION_CREATED, ACME)
    assert act.facts == {
        "organization_id": ACME,
        "invitation_id": invitation.id,
        "email": "bob@example.org",
        "role": Role.MANAGER,
    }
    [seen] = await door.list_invitations(actor=alice)
    assert (seen.row.id, seen.state, seen.row.invited_by_username) == (
        invitation.id,
        S.PENDING,
        "alice",
    )


async def test_by_default_one_is_invited_as_a_user_for_a_week(door: Door) -> None:
    sent = await door.invite_member("bob@example.org", actor=await door.actor())
    assert (sent.invitation.role, sent.invitation.expires_at) == (Role.USER, NOON + 7 * DAY)


async def become(door: Door, role: Role) -> None:
    """Make something else of Alice, behind whose back Carol owns ACME."""
    carol = UserId(a_number())
    await given(door.unit_of_work, a_user(id=carol, username="carol"), a_membership(user=carol))
    async with door.unit_of_work() as work:
        await work.organizations.save_member(a_membership(role=role))


@pytest.mark.parametrize(("inviter", "role"), list(product(Role, Role)))
async def test_who_may_invite_as_what(door: Door, inviter: Role, role: Role) -> None:
    await become(door, inviter)
    alice = await door.actor()
    if role in INVITATIONS[inviter]:
        sent = await door.invite_member("bob@example.org", role, actor=alice)
        assert sent.invitation.role is role
        return
    with pytest.raises((InsufficientPermissionsToInvite, CannotInviteOwnerOrAdminRole)) as refusal:
        await door.invite_member("bob@example.org", role, actor=alice)
    if inviter is Role.USER:
        assert refusal.type is InsufficientPermissionsToInvite
    assert await door.mails() == []


async def test_the_checks_come_in_the_order_that_clients_know(door: Door) -> None:
    await become(door, Role.ADMIN)
    alice = await door.actor()
    await door.invite_member("bob@example.org", actor=alice)
    user = an_actor(Role.USER)
    with pytest.raises(InsufficientPermissionsToInvite):
        await door.invite_member("", "nonsense", 0, actor=user)
    for email, role, days, refusal in (
        ("", "nonsense", 0, EmailRequired),
        ("x", "nonsense", 0, InvalidEmailFormat),
        ("alice@example.org", "nonsense", 0, InvalidRole),
        ("alice@example.org", "owner", 0, InvalidExpiresInDays),
        ("alice@example.org", "owner", 1, CannotInviteOwnerOrAdminRole),
        ("alice@example.org", "manager", 1, InsufficientPermissionsToInvite),
        ("ALICE@example.org", "user", 1, UserAlreadyMember),
        ("BOB@example.org", "user", 1, InvitationAlreadyExists),
    ):
        with pytest.raises(refusal):
            await door.invite_member(email, role, days, actor=alice)
    assert len(await door.mails()) == 1


async def test_who_was_let_in_when_the_request_came_in_may_be_gone(door: Door) -> None:
    alice = await door.actor()
    await become(door, Role.USER)
    with pytest.raises(InsufficientPermissionsToInvite):
        await door.invite_member("bob@example.org", actor=alice)
    await door.remove_member(actor=alice)
    with pytest.raises(NotAMember):
        await door.invite_member("bob@example.org", actor=alice)


async def test_an_invitation_that_has_expired_makes_room(door: Door) -> None:
    alice = await door.actor()
    first = await door.invite_member("bob@example.org", expires_in_days=1, actor=alice)
    door.clock.advance(DAY - timedelta(seconds=1))
    with pytest.raises(InvitationAlreadyExists):
        await door.invite_member("bob@example.org", actor=alice)
    door.clock.advance(timedelta(seconds=2))
    second = await door.invite_member("bob@example.org", actor=alice)
    seen = await door.list_invitations(actor=alice)
    assert [(one.row.id, one.state) for one in seen] == [
        (second.invitation.id, S.PENDING),
        (first.invitation.id, S.EXPIRED),
    ]


async def test_an_invitation_is_sent_again_with_another_link(door: Door) -> None:
    alice = await door.actor()
    first = await door.invite_member("bob@example.org", expires_in_days=1, actor=alice)
    door.clock.advance(2 * DAY)
    again = await door.resend_invitation(first.invitation.id, 2, actor=alice)
    assert again.token != first.token
    assert again.invitation.expires_at == NOON + 4 * DAY
    assert [mail.generation for mail in await door.mails()] == [1, 2]
    assert (await door.look(again.token)).state is S.PENDING
    with pytest.raises(InvitationNotFound):
        await door.look(first.token)
    act = door.acts[-1]
    assert (act.kind, act.before, act.after) == (
        ActKind.ORG_INVITATION_RESENT,
        {"expires_at": NOON + DAY},
        {"expires_at": NOON + 4 * DAY},
    )


async def test_whoever_sends_an_invitation_again_is_its_inviter(door: Door) -> None:
    alice = await door.actor()
    await become(door, Role.MANAGER)
    sent = await door.invite_member("dave@example.org", actor=alice)
    bob = a_user(id=BOB, username="bob", password_hash=f"hash of {PASSWORD}")
    await given(door.unit_of_work, bob, a_membership(user=BOB, role=Role.ADMIN))
    again = await door.resend_invitation(sent.invitation.id, actor=await door.actor("bob"))
    assert (again.invitation.invited_by_user_id, again.invitation.invited_by_name) == (BOB, "bob")


async def test_an_invitation_is_taken_back(door: Door) -> None:
    alice = await door.actor()
    sent = await door.invite_member("bob@example.org", actor=alice)
    door.clock.advance(DAY)
    await door.revoke_invitation(sent.invitation.id, actor=alice)
    [seen] = await door.list_invitations(actor=alice)
    assert (seen.state, seen.row.revoked_at, seen.row.expires_at) == (
        S.REVOKED,
        NOON + DAY,
        NOON + DAY,
    )
    assert door.acts[-1].kind is ActKind.ORG_INVITATION_REVOKED
    for call in (door.revoke_invitation, door.resend_invitation):
        with pytest.raises(InvitationNotFound):
            await call(sent.invitation.id, actor=alice)
    await door.invite_member("bob@example.org", actor=alice)


async def test_what_was_accepted_is_not_touched(door: Door) -> None:
    alice = await door.actor()
    bob = a_user(id=BOB, username="bob", password_hash=f"hash of {PASSWORD}")
    await given(door.unit_of_work, bob)
    sent = await door.invite_member("bob@example.org", actor=alice)
    await door.accept_invitation(sent.token, actor=await door.actor("bob"))
    for call in (door.revoke_invitation, door.resend_invitation):
        with pytest.raises(InvitationAlreadyAccepted):
            await call(sent.invitation.id, actor=alice)


async def test_who_joined_by_another_way_is_not_asked_again(door: Door) -> None:
    alice = await door.actor()
    sent = await door.invite_member("bob@example.org", actor=alice)
    await given(door.unit_of_work, a_user(id=BOB, username="bob"), a_membership(user=BOB))
    with pytest.raises(UserAlreadyMember):
        await door.resend_invitation(sent.invitation.id, actor=alice)


async def test_invitations_to_more_than_one_may_invite_to_are_not_one_s_to_touch(
    door: Door,
) -> None:
    alice = await door.actor()
    sent = await door.invite_member("bob@example.org", "admin", actor=alice)
    await become(door, Role.ADMIN)
    for call in (door.revoke_invitation, door.resend_invitation):
        with pytest.raises(CannotInviteOwnerOrAdminRole):
            await call(sent.invitation.id, actor=alice)


async def test_invitations_of_others_are_none(door: Door) -> None:
    await door.join(a_membership(user=ALICE, organization=OTHER))
    alice = await door.actor()
    here = replace(alice, organization_id=ACME, permissions=an_actor().permissions)
    there = replace(here, organization_id=OTHER)
    sent = await door.invite_member("bob@example.org", actor=here)
    for call in (door.revoke_invitation, door.resend_invitation):
        for invitation_id in (sent.invitation.id, InvitationId(a_number())):
            with pytest.raises(InvitationNotFound):
                await call(invitation_id, actor=there)
    assert await door.list_invitations(actor=there) == []
    await door.invite_member("bob@example.org", actor=there)  # one each


async def test_it_takes_an_organization(door: Door) -> None:
    somebody = InvitationId(a_number())
    for actor in (an_actor(None), PLATFORM):
        with pytest.raises(NoCurrentOrganization):
            await door.list_invitations(actor=actor)
        with pytest.raises(NoCurrentOrganization):
            await door.invite_member("bob@example.org", actor=actor)
        for call in (door.revoke_invitation, door.resend_invitation):
            with pytest.raises(NoCurrentOrganization):
                await call(somebody, actor=actor)


async def test_nobody_sends_mail_without_end_in_our_name(door: Door) -> None:
    alice = await door.actor()
    sent = await door.invite_member("bob@example.org", actor=alice)
    for _ in range(MAILS.most - 1):
        await door.resend_invitation(sent.invitation.id, actor=alice)
    mails, acts = await door.mails(), door.acts
    with pytest.raises(TooManyAttempts):
        await door.resend_invitation(sent.invitation.id, actor=alice)
    with pytest.raises(TooManyAttempts):
        await door.invite_member("carol@example.org", actor=alice)
    assert (await door.mails(), door.acts) == (mails, acts)
    door.clock.advance(MAILS.window)
    await door.invite_member("carol@example.org", actor=alice)
