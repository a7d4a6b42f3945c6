"""Invitations: what their ports promise, kept by every adapter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from inventiv_core.identity.access import Role
from inventiv_core.identity.entities.invitations import InvitationId
from inventiv_core.identity.errors.invitations import InvitationAlreadyExists
from inventiv_core.identity.views.invitations import InvitationRow
from tests.builders import ACME, ALICE, NOON, OTHER, a_number, an_invitation, given, given_teams

HOUR = timedelta(hours=1)


async def test_an_invitation_is_found_by_its_last_token(adapters: Any) -> None:
    invitation = an_invitation(role=Role.MANAGER)
    await given_teams(adapters.unit_of_work(), invitation)
    renewed = invitation.renew(
        token_hash="another", by=ALICE, name="alice", lifetime=HOUR, at=NOON + HOUR
    )
    async with adapters.unit_of_work()() as work:
        assert await work.invitations.find_by_token(invitation.token_hash) == invitation
        await work.invitations.save(renewed)
        assert await work.invitations.find_by_token(invitation.token_hash) is None
        assert await work.invitations.find_by_token("another") == renewed


async def test_an_invitation_is_locked_by_its_owner_and_nobody_else(adapters: Any) -> None:
    invitation = an_invitation()
    await given_teams(adapters.unit_of_work(), invitation)
    async with adapters.unit_of_work()() as work:
        assert await work.invitations.lock(invitation.id, owner=ACME) == invitation
        assert await work.invitations.lock(invitation.id, owner=OTHER) is None
        assert await work.invitations.lock(InvitationId(a_number()), owner=ACME) is None


async def test_an_address_has_one_open_invitation_in_each_organization(adapters: Any) -> None:
    first = an_invitation()
    await given_teams(adapters.unit_of_work(), first, an_invitation(organization=OTHER))
    with pytest.raises(InvitationAlreadyExists):
        await given(adapters.unit_of_work(), an_invitation(expires_at=NOON - HOUR))
    await given(adapters.unit_of_work(), an_invitation(revoked_at=NOON))
    for ended in (first.accept(at=NOON), first.revoke(at=NOON)):
        async with adapters.unit_of_work()() as work:
            assert await work.invitations.find_open(ACME, "bob@example.org") == first
            assert await work.invitations.find_open(ACME, "carol@example.org") is None
            await work.invitations.save(ended)
            assert await work.invitations.find_open(ACME, "bob@example.org") is None
            await work.invitations.save(first)
    async with adapters.unit_of_work()() as work:
        await work.invitations.save(first.revoke(at=NOON))
        await work.invitations.add(an_invitation())


async def test_all_that_are_open_are_revoked_at_once(adapters: Any) -> None:
    pending, expired, accepted, theirs = (
        an_invitation(),
        an_invitation(email="carol@example.org", expires_at=NOON - HOUR),
        an_invitation(email="dave@example.org", accepted_at=NOON),
        an_invitation(organization=OTHER),
    )
    await given_teams(adapters.unit_of_work(), pending, expired, accepted, theirs)
    async with adapters.unit_of_work()() as work:
        assert await work.invitations.revoke_all(ACME, at=NOON) == 2
        assert await work.invitations.revoke_all(ACME, at=NOON + HOUR) == 0
        for invitation in (pending, expired):
            found = await work.invitations.lock(invitation.id, owner=ACME)
            assert found == invitation.revoke(at=NOON)
        assert await work.invitations.lock(accepted.id, owner=ACME) == accepted
        assert await work.invitations.lock(theirs.id, owner=OTHER) == theirs


async def test_invitations_are_listed_the_newest_first(adapters: Any) -> None:
    low, high = (
        an_invitation(id=InvitationId(UUID(int=number)), email=f"{number}@example.org")
        for number in (1, 2)
    )
    newest = an_invitation(created_at=NOON + HOUR, accepted_at=NOON + HOUR, role=Role.ADMIN)
    await given_teams(adapters.unit_of_work(), low, high, newest, an_invitation(organization=OTHER))
    listed = await adapters.invitation_queries().list(ACME, limit=100)
    assert [row.id for row in listed] == [newest.id, high.id, low.id]
    assert listed[0] == InvitationRow(
        id=newest.id,
        organization_id=ACME,
        organization_name="Acme",
        email="bob@example.org",
        role=Role.ADMIN,
        created_at=NOON + HOUR,
        expires_at=newest.expires_at,
        accepted_at=NOON + HOUR,
        revoked_at=None,
        invited_by_username="alice",
    )
    assert len(await adapters.invitation_queries().list(ACME, limit=2)) == 2
    find = adapters.invitation_queries().find
    assert await find(newest.token_hash) == listed[0]
    assert await find("nonsense") is None


async def test_an_inviter_is_called_what_they_are_called_now_or_were_then(adapters: Any) -> None:
    known = an_invitation(invited_by_name="an old name")
    gone = an_invitation(
        email="carol@example.org", invited_by_user_id=None, invited_by_name="an old name"
    )
    nameless = replace(
        gone, id=InvitationId(a_number()), token_hash="x", email="x@x.org", invited_by_name=""
    )
    await given_teams(adapters.unit_of_work(), known, gone, nameless)
    find = adapters.invitation_queries().find
    names = [
        (await find(invitation.token_hash)).invited_by_username
        for invitation in (known, gone, nameless)
    ]
    assert names == ["alice", "an old name", None]
