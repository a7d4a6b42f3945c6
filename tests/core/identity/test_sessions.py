"""Signing in, being recognised, signing out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventiv_adapters.identity.jwt import JwtSessionTokens
from inventiv_adapters.identity.memory.sessions import MemorySessions
from inventiv_core.identity.access import (
    PLATFORM,
    ROLE_PERMISSIONS,
    OrganizationId,
    Permission,
    PlatformRole,
    Role,
    SessionId,
    UserId,
)
from inventiv_core.identity.entities.acts import ActKind, Subject
from inventiv_core.identity.entities.sessions import ROTATION_GRACE, Caller, Session
from inventiv_core.identity.errors.access import PermissionMissing
from inventiv_core.identity.errors.sessions import (
    CannotRevokeCurrentSession,
    CredentialsMissing,
    InvalidCredentials,
    InvalidToken,
    LoginRequired,
    NotAMember,
    SessionDoesNotBelongToUser,
    SessionInvalidOrExpired,
    SessionMissing,
    SessionNotFound,
)
from inventiv_core.identity.events import AccessChanged, ActRecorded
from inventiv_core.identity.use_cases.logins import SignedIn
from tests.builders import ACME, ALICE, NOON, OTHER, PASSWORD, a_membership, a_number, an_actor
from tests.core.identity.door import CALLER, LIFETIME, Door

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("login", ["alice", " ALICE ", "alice@example.org", "Alice@Example.org"])
async def test_one_signs_in_by_name_or_by_address(door: Door, login: str) -> None:
    signed_in = await door.sign_in(login)
    assert signed_in.user.id == ALICE
    [session] = door.sessions
    assert signed_in.session == session
    assert session == Session(
        id=session.id,
        user_id=ALICE,
        current_organization_id=ACME,
        token_hash=door.tokens.hash(signed_in.token),
        ip_address=CALLER.ip_address,
        user_agent=CALLER.user_agent,
        created_at=NOON,
        last_used_at=NOON,
        expires_at=NOON + LIFETIME,
    )
    assert signed_in.token not in repr(door.sessions)


@pytest.mark.parametrize(("login", "password"), [("", PASSWORD), ("alice", ""), (" ", " ")])
async def test_half_a_credential_is_none(door: Door, login: str, password: str) -> None:
    with pytest.raises(CredentialsMissing):
        await door.log_in(login, password, actor=CALLER)
    assert not door.passwords.compared


async def test_an_unknown_name_is_told_apart_neither_by_the_answer_nor_by_the_work(
    door: Door,
) -> None:
    for login, password in (("alice", "wrong"), ("nobody", PASSWORD)):
        with pytest.raises(InvalidCredentials) as refusal:
            await door.log_in(login, password, actor=CALLER)
        assert refusal.value.facts == {}
    assert door.passwords.compared == [f"hash of {PASSWORD}", None]
    assert not door.sessions


async def test_no_password_lets_nobody_in(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def believe(password: str, password_hash: str | None) -> bool:
        return True

    monkeypatch.setattr(door.passwords, "verify", believe)
    with pytest.raises(InvalidCredentials):
        await door.sign_in("nobody")


async def test_the_only_organization_is_the_workspace(door: Door) -> None:
    assert (await door.sign_in()).session.current_organization_id == ACME


async def test_with_two_organizations_one_has_to_choose(door: Door) -> None:
    await door.join(a_membership(organization=OTHER))
    assert (await door.sign_in()).session.current_organization_id is None


async def test_the_workspace_used_last_is_the_workspace(door: Door) -> None:
    await door.join(a_membership(organization=OTHER))
    await used(door, OTHER, age=MINUTE)
    await used(door, ACME, age=2 * MINUTE)
    await used(door, ACME, age=timedelta(0), revoked=True)
    await used(door, OrganizationId(ALICE), age=timedelta(0))  # where she does not belong
    assert (await door.sign_in()).session.current_organization_id == OTHER


async def used(
    door: Door, organization: OrganizationId, *, age: timedelta, revoked: bool = False
) -> None:
    signed_in = await door.sign_in()
    at = NOON - age
    door.database.table(Session)[signed_in.session.id] = replace(
        signed_in.session,
        current_organization_id=organization,
        last_used_at=at,
        revoked_at=at if revoked else None,
    )


async def test_whoever_has_the_token_is_its_user(door: Door) -> None:
    signed_in = await door.sign_in()
    known = await door.recognise(signed_in.token, actor=Caller(ip_address="198.51.100.1"))
    assert (known.actor.user_id, known.actor.organization_id) == (ALICE, ACME)
    assert known.actor.permissions == ROLE_PERMISSIONS[Role.OWNER]
    assert known.actor.session_id == known.session.session_id == signed_in.session.id
    assert known.actor.source_ip == "198.51.100.1"


@pytest.mark.parametrize("role", [*Role, None])
async def test_the_database_says_what_one_may_do_not_the_token(
    door: Door, role: Role | None
) -> None:
    signed_in = await door.sign_in()
    await door.leave_all()
    if role is not None:
        await door.join(a_membership(role=role))
    known = await door.recognise(signed_in.token, actor=CALLER)
    assert known.actor.permissions == ROLE_PERMISSIONS[role]
    assert known.actor.organization_id == (None if role is None else ACME)


@pytest.mark.parametrize("token", [None, ""])
async def test_without_a_token_one_has_to_sign_in(door: Door, token: str | None) -> None:
    with pytest.raises(LoginRequired):
        await door.recognise(token, actor=CALLER)


async def test_a_token_that_is_not_ours_is_refused_and_ends_nothing(door: Door) -> None:
    signed_in = await door.sign_in()
    forged = forge(signed_in)
    for token in ("nonsense", signed_in.token[:-2], forged):
        with pytest.raises(InvalidToken):
            await door.recognise(token, actor=CALLER)
        await door.log_out(token, actor=CALLER)
    await door.recognise(signed_in.token, actor=CALLER)


def forge(signed_in: SignedIn) -> str:
    return JwtSessionTokens("another secret, which is just as long", issuer="us").issue(
        signed_in.user,
        session_id=signed_in.session.id,
        organization_id=ACME,
        issued_at=NOON,
        expires_at=NOON + LIFETIME,
    )


async def test_a_session_ends_in_time(door: Door) -> None:
    signed_in = await door.sign_in()
    door.clock.advance(LIFETIME - timedelta(seconds=1))
    await door.recognise(signed_in.token, actor=CALLER)
    door.clock.advance(timedelta(seconds=1))
    with pytest.raises(SessionInvalidOrExpired):
        await door.recognise(signed_in.token, actor=CALLER)
    door.clock.advance(LIFETIME)
    with pytest.raises(InvalidToken):
        await door.recognise(signed_in.token, actor=CALLER)


async def test_signing_out_ends_this_session_and_no_other(door: Door) -> None:
    here, there = await door.sign_in(), await door.sign_in()
    await door.log_out(here.token, actor=CALLER)
    with pytest.raises(SessionInvalidOrExpired):
        await door.recognise(here.token, actor=CALLER)
    await door.recognise(there.token, actor=CALLER)


async def test_signing_out_always_succeeds(door: Door) -> None:
    signed_in = await door.sign_in()
    for token in (signed_in.token, signed_in.token, None, ""):
        await door.log_out(token, actor=CALLER)
    [session] = door.sessions
    assert session.revoked_at == NOON


async def test_use_is_noted_once_a_minute_and_not_more_often(door: Door) -> None:
    signed_in = await door.sign_in()
    for pause, noted in ((MINUTE - timedelta(seconds=1), NOON), (timedelta(seconds=1), None)):
        door.clock.advance(pause)
        await door.recognise(signed_in.token, actor=CALLER)
        await door.store_uses(actor=PLATFORM)
        assert door.sessions[0].last_used_at == (noted or door.clock.now())


async def test_old_sessions_are_forgotten_after_a_while(door: Door) -> None:
    await door.sign_in()
    door.clock.advance(LIFETIME + timedelta(days=7))
    assert await door.forget_sessions(actor=PLATFORM) == 0
    door.clock.advance(timedelta(seconds=1))
    assert await door.forget_sessions(actor=PLATFORM) == 1
    assert not door.sessions
    with pytest.raises(PermissionMissing):
        await door.forget_sessions(actor=an_actor())


async def test_the_administrator_is_signed_in_on_this_machine_without_a_password(
    door: Door,
) -> None:
    signed_in = await door.open_local_session("alice", actor=PLATFORM)
    assert signed_in is not None
    known = await door.recognise(signed_in.token, actor=CALLER)
    assert known.actor.user_id == ALICE
    assert await door.open_local_session("nobody", actor=PLATFORM) is None
    with pytest.raises(PermissionMissing):
        await door.open_local_session("alice", actor=an_actor())


async def test_the_role_on_the_platform_gives_no_role_in_an_organization(door: Door) -> None:
    [alice] = door.users
    door.database.table(type(alice))[alice.id] = replace(alice, role=PlatformRole.ADMIN)
    known = await door.recognise((await door.sign_in()).token, actor=CALLER)
    assert Permission.OPERATE not in known.actor.permissions


async def test_one_sees_one_s_own_sessions(door: Door) -> None:
    first, second = await door.sign_in(), await door.sign_in()
    known = await door.recognise(first.token, actor=CALLER)
    rows = await door.list_sessions(actor=known.actor)
    assert [row.session_id for row in rows] == [second.session.id, first.session.id]
    with pytest.raises(PermissionMissing):
        await door.list_sessions(actor=PLATFORM)


async def test_another_session_can_be_ended_at_once(door: Door) -> None:
    here, there = await door.sign_in(), await door.sign_in()
    actor = (await door.recognise(here.token, actor=CALLER)).actor
    await door.revoke_session(there.session.id, actor=actor)
    with pytest.raises(SessionInvalidOrExpired):
        await door.recognise(there.token, actor=CALLER)
    await door.recognise(here.token, actor=CALLER)
    assert AccessChanged(user_id=ALICE, occurred_at=NOON) in door.told
    act = door.acts[-1]
    assert (act.kind, act.actor, act.subject.id) == (
        ActKind.SESSION_REVOKED,
        actor,
        there.session.id,
    )
    assert ActRecorded.of(act) in door.told


async def test_what_cannot_be_ended_is_told_apart(door: Door) -> None:
    here, ended = await door.sign_in(), await door.sign_in()
    await door.log_out(ended.token, actor=CALLER)
    actor = (await door.recognise(here.token, actor=CALLER)).actor
    somebody = replace(actor, user_id=UserId(a_number()), session_id=None)
    acts = door.acts
    for who, session_id, refusal in (
        (actor, SessionId(a_number()), SessionNotFound),
        (actor, ended.session.id, SessionNotFound),
        (somebody, here.session.id, SessionDoesNotBelongToUser),
        (actor, here.session.id, CannotRevokeCurrentSession),
    ):
        with pytest.raises(refusal):
            await door.revoke_session(session_id, actor=who)
    await door.recognise(here.token, actor=CALLER)
    assert door.acts == acts


async def test_a_session_moves_to_another_workspace_with_another_token(door: Door) -> None:
    await door.join(a_membership(organization=OTHER, role=Role.USER))
    signed_in = await door.sign_in()
    actor = (await door.recognise(signed_in.token, actor=CALLER)).actor
    door.clock.advance(MINUTE)
    for workspace, role in ((OTHER, Role.USER), (ACME, Role.OWNER), (None, None)):
        switched = await door.switch_workspace(workspace, actor=actor)
        known = await door.recognise(switched.token, actor=CALLER)
        assert known.actor.organization_id == workspace
        assert known.actor.permissions == ROLE_PERMISSIONS[role]
        assert known.session.session_id == signed_in.session.id
        assert switched.lifetime == LIFETIME - MINUTE
        assert AccessChanged(user_id=ALICE, occurred_at=door.clock.now()) in door.told
    assert len(door.sessions) == 1


async def test_the_token_before_a_switch_lives_a_moment_longer(door: Door) -> None:
    signed_in = await door.sign_in()
    actor = (await door.recognise(signed_in.token, actor=CALLER)).actor
    switched = await door.switch_workspace(None, actor=actor)
    again = await door.switch_workspace(ACME, actor=actor)
    door.clock.advance(ROTATION_GRACE - timedelta(seconds=1))
    for token in (signed_in.token, switched.token, again.token):
        assert (await door.recognise(token, actor=CALLER)).actor.organization_id == ACME
    door.clock.advance(timedelta(seconds=1))
    await door.recognise(again.token, actor=CALLER)
    with pytest.raises(SessionInvalidOrExpired):
        await door.recognise(switched.token, actor=CALLER)


async def test_a_workspace_where_one_does_not_belong_is_refused(door: Door) -> None:
    signed_in = await door.sign_in()
    actor = (await door.recognise(signed_in.token, actor=CALLER)).actor
    for foreign in (OTHER, OrganizationId(a_number())):
        with pytest.raises(NotAMember):
            await door.switch_workspace(foreign, actor=actor)
    assert door.sessions == [signed_in.session]


async def test_who_has_no_session_has_no_workspace_to_choose(door: Door) -> None:
    signed_in = await door.sign_in()
    actor = (await door.recognise(signed_in.token, actor=CALLER)).actor
    with pytest.raises(SessionMissing):
        await door.switch_workspace(ACME, actor=replace(actor, session_id=None))
    await door.log_out(signed_in.token, actor=CALLER)
    with pytest.raises(SessionMissing):
        await door.switch_workspace(ACME, actor=actor)


async def test_what_is_noted_and_cannot_be_stored_is_noted_still(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in = await door.sign_in()
    door.clock.advance(MINUTE)
    await door.recognise(signed_in.token, actor=CALLER)

    async def refuse(_: object, seen: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(MemorySessions, "touch", refuse)
        with pytest.raises(ConnectionError):
            await door.store_uses(actor=PLATFORM)
    assert await door.store_uses(actor=PLATFORM) == 1
    assert door.sessions[0].last_used_at == NOON + MINUTE
    assert await door.store_uses(actor=PLATFORM) == 0
    with pytest.raises(PermissionMissing):
        await door.store_uses(actor=an_actor())


async def test_signing_in_and_out_is_in_the_books(door: Door) -> None:
    with pytest.raises(InvalidCredentials):
        await door.log_in("alice", "wrong", actor=CALLER)
    with pytest.raises(InvalidCredentials):
        await door.log_in("nobody", "wrong", actor=CALLER)
    signed_in = await door.sign_in()
    await door.log_out(signed_in.token, actor=CALLER)
    assert [(act.kind, act.actor.user_id, act.error_code) for act in door.acts] == [
        (ActKind.LOGIN_FAILED, None, "invalid_credentials"),
        (ActKind.LOGIN, ALICE, None),
        (ActKind.LOGOUT, ALICE, None),
    ]
    for act in door.acts:
        assert act.subject == Subject.user(ALICE, "alice")
        assert act.actor.source_ip == CALLER.ip_address
        assert act.organization_id is None
        assert PASSWORD not in repr(act)
        assert signed_in.token not in repr(act)
