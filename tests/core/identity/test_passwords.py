"""Passwords: what may be one, how one is changed, and how to get back in without one."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from inventiv_core.identity.access import PLATFORM, Actor, UserId
from inventiv_core.identity.entities.acts import ActKind
from inventiv_core.identity.entities.mails import MailKind, SendAttempt
from inventiv_core.identity.entities.passwords import RESET_LIFETIME, PasswordReset, must_be_good
from inventiv_core.identity.entities.sessions import Caller
from inventiv_core.identity.errors.access import PermissionMissing, TooManyAttempts
from inventiv_core.identity.errors.invitations import EmailRequired
from inventiv_core.identity.errors.passwords import (
    CurrentPasswordInvalid,
    PasswordBlank,
    PasswordsRequired,
    PasswordTooLong,
    PasswordTooShort,
    TokenAndPasswordRequired,
    TokenNotFoundOrExpired,
)
from inventiv_core.identity.errors.sessions import InvalidCredentials, SessionInvalidOrExpired
from inventiv_core.identity.errors.users import UserNotFound
from inventiv_core.identity.events import AccessChanged
from inventiv_core.kernel.errors import DomainError
from tests.builders import ALICE, NOON, PASSWORD, a_number, an_actor
from tests.core.identity.door import CALLER, LOGINS, RESETS, Door

NEW = "another password"
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("good", ["12345678", "é" * 8, "1234567 ", " " * 7 + "x", "x" * 1024])
def test_eight_characters_are_enough_and_spaces_count(good: str) -> None:
    must_be_good(good)


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        ("", PasswordBlank),
        (" " * 9, PasswordBlank),
        ("\t\n" * 9, PasswordBlank),
        ("1234567", PasswordTooShort),
        ("é" * 7, PasswordTooShort),  # fourteen bytes
        ("x" * 1025, PasswordTooLong),
        ("é" * 513, PasswordTooLong),
    ],
)
def test_some_passwords_are_none(bad: str, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal) as refused:
        must_be_good(bad)
    assert refused.value.kind == "invalid_password"
    assert bad.strip() == "" or bad not in f"{refused.value} {refused.value.facts}"


def test_clients_know_the_code_of_a_short_one() -> None:
    assert PasswordTooShort.code == "password_too_short"


async def signed_in(door: Door) -> tuple[str, Actor]:
    """Return the token of a session of Alice's, and Alice."""
    token = (await door.sign_in()).token
    return token, (await door.recognise(token, actor=CALLER)).actor


async def test_links_that_are_none_can_be_tried_so_often(door: Door) -> None:
    for _ in range(3):
        with pytest.raises(TokenNotFoundOrExpired):
            await door.reset_password("a guess", NEW, actor=CALLER)
    with pytest.raises(TooManyAttempts):
        await door.reset_password("a guess", NEW, actor=CALLER)
    with pytest.raises(TokenNotFoundOrExpired):
        await door.reset_password("a guess", NEW, actor=replace(CALLER, ip_address="192.0.2.99"))


async def test_whoever_changes_the_password_stays_and_everybody_else_has_to_sign_in(
    door: Door,
) -> None:
    here, actor = await signed_in(door)
    there, _ = await signed_in(door)
    await door.change_password(PASSWORD, NEW, actor=actor)
    await door.recognise(here, actor=CALLER)
    with pytest.raises(SessionInvalidOrExpired):
        await door.recognise(there, actor=CALLER)
    with pytest.raises(InvalidCredentials):
        await door.log_in("alice", PASSWORD, actor=CALLER)
    await door.log_in("alice", NEW, actor=CALLER)
    [act] = [act for act in door.acts if act.kind is ActKind.PASSWORD_CHANGED]
    assert (act.actor, act.subject.id, act.organization_id) == (actor, ALICE, None)
    assert NEW not in repr(act)
    assert AccessChanged(user_id=ALICE, occurred_at=NOON) in door.told


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [
        ("", NEW, PasswordsRequired),
        (PASSWORD, "  ", PasswordsRequired),
        (PASSWORD, "short", PasswordTooShort),
        (PASSWORD, "x" * 2000, PasswordTooLong),
        ("wrong", NEW, CurrentPasswordInvalid),
        (PASSWORD + " ", NEW, CurrentPasswordInvalid),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    door: Door, current: str, new: str, refusal: type[DomainError]
) -> None:
    _, actor = await signed_in(door)
    before = door.users, door.sessions
    with pytest.raises(refusal):
        await door.change_password(current, new, actor=actor)
    assert (door.users, door.sessions) == before


async def test_the_current_password_cannot_be_guessed_either(door: Door) -> None:
    _, actor = await signed_in(door)
    for _ in range(LOGINS.per_account.most):
        with pytest.raises(CurrentPasswordInvalid):
            await door.change_password("wrong", NEW, actor=actor)
    with pytest.raises(TooManyAttempts) as refusal:
        await door.change_password(PASSWORD, NEW, actor=actor)
    assert refusal.value.retry_after_s == 15 * 60
    door.clock.advance(15 * MINUTE)
    await door.change_password(PASSWORD, NEW, actor=actor)


async def test_guesses_from_one_address_count_for_logins_too(door: Door) -> None:
    _, actor = await signed_in(door)
    with pytest.raises(CurrentPasswordInvalid):
        await door.change_password("wrong", NEW, actor=actor)
    for number in range(LOGINS.per_address.most - 1):
        with pytest.raises(InvalidCredentials):
            await door.log_in(f"nobody-{number}", "wrong", actor=CALLER)
    with pytest.raises(TooManyAttempts):
        await door.log_in("alice", PASSWORD, actor=CALLER)


async def test_a_password_that_was_changed_meanwhile_is_not_the_current_one(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, actor = await signed_in(door)
    verify = door.passwords.verify

    async def verify_and_be_late(password: str, password_hash: str | None) -> bool:
        matches = await verify(password, password_hash)
        [alice] = door.users
        door.database.table(type(alice))[ALICE] = replace(alice, password_hash="hash of other")
        return matches

    monkeypatch.setattr(door.passwords, "verify", verify_and_be_late)
    with pytest.raises(CurrentPasswordInvalid):
        await door.change_password(PASSWORD, NEW, actor=actor)


async def test_who_was_deleted_changes_no_password(door: Door) -> None:
    _, actor = await signed_in(door)
    with pytest.raises(SessionInvalidOrExpired):
        await door.change_password(PASSWORD, NEW, actor=replace(actor, user_id=UserId(a_number())))


async def requested(door: Door, email: str = "alice@example.org") -> str:
    """Ask for a reset, and return the token that is mailed."""
    await door.request_password_reset(email, actor=CALLER)
    attempt: SendAttempt | None = None
    async with door.unit_of_work() as work:
        attempt = await work.mails.claim(now=door.clock.now(), until=NOON + timedelta(days=9))
    assert attempt is not None
    mail = attempt.mail
    assert (mail.kind, mail.recipient) == (MailKind.PASSWORD_RESET, "alice@example.org")
    return door.links.derive(mail.kind, mail.link_id, mail.generation)


def resets(door: Door) -> list[PasswordReset]:
    return list(door.database.table(PasswordReset).values())


@pytest.mark.parametrize("email", ["alice@example.org", "  Alice@Example.ORG "])
async def test_with_the_link_one_chooses_another_password_once(door: Door, email: str) -> None:
    session, _ = await signed_in(door)
    token = await requested(door, email)
    [reset] = resets(door)
    assert token not in repr(door.database.table(PasswordReset))
    assert reset.expires_at == NOON + RESET_LIFETIME
    await door.reset_password(f" {token} ", NEW, actor=CALLER)
    await door.log_in("alice", NEW, actor=CALLER)
    with pytest.raises(SessionInvalidOrExpired):
        await door.recognise(session, actor=CALLER)
    with pytest.raises(TokenNotFoundOrExpired):
        await door.reset_password(token, "yet another one", actor=CALLER)
    kinds = [act.kind for act in door.acts if act.kind.startswith("PASSWORD")]
    assert kinds == [ActKind.PASSWORD_RESET_REQUESTED, ActKind.PASSWORD_RESET]
    assert token not in repr(door.acts)
    assert AccessChanged(user_id=ALICE, occurred_at=NOON) in door.told


async def test_a_new_request_ends_the_link_before(door: Door) -> None:
    first, second = await requested(door), await requested(door)
    with pytest.raises(TokenNotFoundOrExpired):
        await door.reset_password(first, NEW, actor=CALLER)
    await door.reset_password(second, NEW, actor=CALLER)


async def test_a_change_of_password_or_address_ends_the_link(door: Door) -> None:
    _, actor = await signed_in(door)
    await requested(door)
    await door.change_password(PASSWORD, NEW, actor=actor)
    assert not resets(door)
    await requested(door)
    await door.update_profile({"email": "a@example.org"}, actor=actor)
    assert not resets(door)


async def test_a_link_is_good_for_an_hour(door: Door) -> None:
    token = await requested(door)
    door.clock.advance(RESET_LIFETIME)
    with pytest.raises(TokenNotFoundOrExpired):
        await door.reset_password(token, NEW, actor=CALLER)
    assert await door.forget_password_resets(actor=PLATFORM) == 0
    door.clock.advance(MINUTE)
    assert await door.forget_password_resets(actor=PLATFORM) == 1
    with pytest.raises(PermissionMissing):
        await door.forget_password_resets(actor=an_actor())


@pytest.mark.parametrize(
    ("token", "password", "refusal"),
    [
        ("", NEW, TokenAndPasswordRequired),
        ("t", " ", TokenAndPasswordRequired),
        ("t", "short", PasswordTooShort),
        ("t", NEW, TokenNotFoundOrExpired),
        ("\ud800", NEW, TokenNotFoundOrExpired),
    ],
)
async def test_what_is_no_link_opens_nothing(
    door: Door, token: str, password: str, refusal: type[DomainError]
) -> None:
    await requested(door)
    with pytest.raises(refusal):
        await door.reset_password(token, password, actor=CALLER)
    assert len(resets(door)) == 1


async def test_a_bad_password_does_not_use_the_link_up(door: Door) -> None:
    token = await requested(door)
    with pytest.raises(PasswordTooShort):
        await door.reset_password(token, "short", actor=CALLER)
    await door.reset_password(token, NEW, actor=CALLER)


async def test_nobody_learns_whether_an_address_is_known(door: Door) -> None:
    for email in ("alice@example.org", "nobody@example.org", "alice"):
        allowed = RESETS.per_account.most
        for _ in range(allowed):
            caller = Caller(ip_address=f"192.0.2.{len(email)}")
            assert await door.request_password_reset(email, actor=caller) is None  # type: ignore[func-returns-value]
        with pytest.raises(TooManyAttempts) as refusal:
            await door.request_password_reset(email, actor=CALLER)
        assert refusal.value.retry_after_s == 3600
    assert len(resets(door)) == 1
    with pytest.raises(EmailRequired):
        await door.request_password_reset(" ", actor=CALLER)


async def test_one_address_cannot_ask_for_everybody(door: Door) -> None:
    for number in range(RESETS.per_address.most):
        await door.request_password_reset(f"u{number}@example.org", actor=CALLER)
    with pytest.raises(TooManyAttempts):
        await door.request_password_reset("alice@example.org", actor=CALLER)
    assert not resets(door)
    door.clock.advance(timedelta(hours=1))
    await requested(door)


async def test_who_was_locked_out_by_guesses_is_let_in_after_a_reset(door: Door) -> None:
    for login, _ in product(("alice", "alice@example.org"), range(LOGINS.per_account.most)):
        with pytest.raises(InvalidCredentials):
            await door.log_in(login, "wrong", actor=Caller(ip_address=login))
    token = await requested(door)
    await door.reset_password(token, NEW, actor=CALLER)
    for login in ("alice", "alice@example.org"):
        await door.log_in(login, NEW, actor=CALLER)


async def test_the_operator_lets_somebody_back_in(door: Door) -> None:
    session, _ = await signed_in(door)
    await requested(door)
    user = await door.set_password(" ALICE ", NEW, actor=PLATFORM)
    assert user.id == ALICE
    await door.log_in("alice", NEW, actor=CALLER)
    with pytest.raises(SessionInvalidOrExpired):
        await door.recognise(session, actor=CALLER)
    assert not resets(door)
    assert door.acts[-2].facts == {"by": "operator"}
    for login, password, who, refusal in (
        ("nobody", NEW, PLATFORM, UserNotFound),
        ("alice", "short", PLATFORM, PasswordTooShort),
        ("alice", NEW, an_actor(), PermissionMissing),
    ):
        with pytest.raises(refusal):
            await door.set_password(login, password, actor=who)
